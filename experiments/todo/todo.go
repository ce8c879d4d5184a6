// Package todo works out what is left to do of a plan: which runs are settled, which are to be measured from their
// checkpoints, and at which step the others begin.
package todo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/store"
)

// Task says what is left to do of a planned run.
type Task struct {
	// Settled is the run's status if nothing is left to do: "done", "diverged", or "stopped" by the sweep's rule.
	Settled string
	// Lacking is the number of steps for which an ended run lacks rows or snapshots that the plan wants.
	Lacking int
	// Measure lists the lacking steps if all of them can be measured from the run's checkpoints, without training.
	Measure []int
	// From is the step at which training begins.
	From int
	// Refused says why training begins again although there are checkpoints: "is damaged" or "holds no rows", of the run's
	// shard; "" if it does not.
	Refused string
	// Status is the status of an unsettled run: "running", "stopped", "lost" or "failed"; "" if nothing is known.
	Status string
	// Waits is the step of the rung at which a stopped run waits until it is among the best; 0 if the run does not
	// wait.
	Waits int
	// Same names the earlier run of the plan that has the same id: "baseline, seed 0".
	Same string
}

// Word describes the task in one word: done, diverged, same, measure, again (trained again for what it lacks), running,
// stopped, lost, failed or new.
func (t Task) Word() string {
	switch {
	case t.Same != "":
		return "same"
	case t.Settled != "":
		return t.Settled
	case len(t.Measure) > 0:
		return "measure"
	case t.Lacking > 0:
		return "again"
	case t.Status != "":
		return t.Status
	case t.From > 0:
		return store.Stopped
	}
	return "new"
}

// String describes the task in a few words.
func (t Task) String() string {
	switch word := t.Word(); word {
	case "same":
		return "same as " + t.Same
	case "measure":
		return fmt.Sprintf("measure %s from checkpoints", count.Of(len(t.Measure), "step"))
	case "again":
		return fmt.Sprintf("train again to measure %s", count.Of(t.Lacking, "step"))
	case store.Stopped, store.Lost, store.Failed:
		if t.Settled != "" {
			return "stopped by the sweep's rule"
		}
		if t.Waits > 0 {
			return fmt.Sprintf("%s, waits at step %d to be among the best", word, t.Waits)
		}
		if t.From > 0 {
			return fmt.Sprintf("%s, goes on from step %d", word, t.From)
		}
		return word + ", starts again" + t.because()
	default:
		return word + t.because()
	}
}

// because says why a run with checkpoints begins again.
func (t Task) because() string {
	if t.Refused == "" {
		return ""
	}
	return ": its " + folder.Shard + " " + t.Refused
}

// Left returns the task as a plan.Left, from which package plan forecasts the run's time.
func (t Task) Left() plan.Left {
	return plan.Left{Nothing: t.Same != "" || t.Settled != "" || t.Waits > 0, Measured: len(t.Measure), From: t.From}
}

// Tasks returns the task of each run of a plan, according to a results folder. It changes nothing in the folder.
func Tasks(results string, planned []plan.Planned) ([]Task, error) {
	tasks := make([]Task, len(planned))
	first := make(map[string]int, len(planned))
	for i, p := range planned {
		if at, twice := first[p.ID]; twice {
			tasks[i].Same = fmt.Sprintf("%s, seed %d", planned[at].Arm, planned[at].Seed)
		} else {
			first[p.ID] = i
		}
	}
	path := filepath.Join(results, folder.Database)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return tasks, nil
	}
	db, err := store.OpenReadOnly(path)
	if errors.Is(err, store.ErrBlank) {
		return tasks, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	return tasks, db.AtOnce(func(db *store.DB) error { return fill(db, results, planned, tasks) })
}

// fill fills in the tasks of the runs that are not the same as an earlier one.
func fill(db *store.DB, results string, planned []plan.Planned, tasks []Task) error {
	known, err := db.RunStatuses()
	if err != nil {
		return err
	}
	leases, err := db.Leases()
	if err != nil {
		return err
	}
	folders := map[string]bool{}
	entries, err := os.ReadDir(folder.Runs(results))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("todo: %w", err)
	}
	for _, e := range entries {
		folders[e.Name()] = true
	}
	w := Wants{}
	whole, err := w.Whole(db, planned, known)
	if err != nil {
		return err
	}
	for i, p := range planned {
		if tasks[i].Same != "" {
			continue
		}
		stored, there := known[p.ID]
		switch {
		case whole[p.ID]:
			tasks[i].Settled = stored.Status
		case there || folders[p.ID]:
			dir, err := folder.Of(results, p.ID)
			if err != nil {
				return err
			}
			if tasks[i], err = w.Task(db, dir, p); err != nil {
				return err
			}
			if tasks[i].Settled != "" {
				continue
			}
			live, err := folder.ReadLive(dir)
			if err != nil {
				return err
			}
			status := live.Status(store.StatusOf(stored.Status, leases[p.ID], time.Now()))
			if status != store.Planned && !store.Ended(status) {
				tasks[i].Status = status
			}
		}
	}
	return wait(db, planned, known, tasks)
}
