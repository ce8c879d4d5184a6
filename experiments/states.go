package experiments

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/outcrop-lab/outcrop/probes"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// State is how a planned run stands, and what Execute would do with it.
type State struct {
	// Settled is the run's status if there is nothing left to do: "done", "diverged", or "stopped" by the sweep's rule.
	Settled string
	// Lacking is the number of steps at which a run that ended lacks wanted rows or snapshots.
	Lacking int
	// Measure lists those steps where the run's kept checkpoints suffice for all of them: nothing is trained.
	Measure []int
	// From is the step that training starts at.
	From int
	// Stands is how a run stands that is not settled: "running", "stopped", "lost", "failed"; "" where nothing is known of it.
	Stands string
	// Waits is the rung at which halving has a stopped run wait until it is among the best; 0 where it goes on.
	Waits int
	// Same is the earlier run of the plan that this one is: "baseline, seed 0".
	Same string
}

// Word is the state in a word: done, diverged, same, measure, again (trained again for what it lacks), running, stopped, lost,
// failed or new.
func (s State) Word() string {
	switch {
	case s.Same != "":
		return "same"
	case s.Settled != "":
		return s.Settled
	case len(s.Measure) > 0:
		return "measure"
	case s.Lacking > 0:
		return "again"
	case s.Stands != "":
		return s.Stands
	case s.From > 0:
		return store.Stopped
	}
	return "new"
}

func (s State) String() string {
	switch word := s.Word(); word {
	case "same":
		return "same as " + s.Same
	case "measure":
		return fmt.Sprintf("measure %s from checkpoints", counted(len(s.Measure)))
	case "again":
		return fmt.Sprintf("train again to measure %s", counted(s.Lacking))
	case store.Stopped, store.Lost, store.Failed:
		if s.Settled != "" {
			return "stopped by the sweep's rule"
		}
		if s.Waits > 0 {
			return fmt.Sprintf("%s, waits at step %d to be among the best", word, s.Waits)
		}
		if s.From > 0 {
			return fmt.Sprintf("%s, goes on from step %d", word, s.From)
		}
		return word + ", starts again"
	default:
		return word
	}
}

func counted(steps int) string {
	if steps == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", steps)
}

// States tells, training nothing, what Execute would do with each run of a plan in that results folder.
func States(results string, plan []Planned) ([]State, error) {
	states := make([]State, len(plan))
	first := make(map[string]int, len(plan))
	for i, p := range plan {
		if at, twice := first[p.ID]; twice {
			states[i].Same = fmt.Sprintf("%s, seed %d", plan[at].Arm, plan[at].Seed)
		} else {
			first[p.ID] = i
		}
	}
	path := filepath.Join(results, "outcrop.db")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return states, nil
	}
	db, err := store.OpenReadOnly(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	return states, db.AtOnce(func(db *store.DB) error { return stand(db, filepath.Join(results, "runs"), plan, states) })
}

// stand fills in the states of runs that are not the same as an earlier one.
func stand(db *store.DB, runs string, plan []Planned, states []State) error {
	known, err := db.RunStates()
	if err != nil {
		return err
	}
	leases, err := db.Leases()
	if err != nil {
		return err
	}
	folders := map[string]bool{}
	entries, err := os.ReadDir(runs)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("experiments: %w", err)
	}
	for _, e := range entries {
		folders[e.Name()] = true
	}
	w := wants{}
	whole, err := w.whole(db, plan, known)
	if err != nil {
		return err
	}
	for i, p := range plan {
		s := &states[i]
		if s.Same != "" {
			continue
		}
		run, there := known[p.ID]
		dir := filepath.Join(runs, p.ID)
		switch {
		case whole[p.ID]:
			s.Settled = run.Status
		case there || folders[p.ID]:
			if *s, err = w.state(db, dir, p); err != nil {
				return err
			}
			if *s, err = early(db, p, *s); err != nil {
				return err
			}
			if s.Settled != "" {
				continue
			}
			live, err := ReadLive(dir)
			if err != nil {
				return err
			}
			if stands := live.State(store.StateOf(run.Status, leases[p.ID], time.Now())); stands != store.Planned && !ended(stands) {
				s.Stands = stands
			}
		}
	}
	return waiting(db, plan, known, states)
}

func ended(status string) bool {
	return status == string(trainer.Done) || status == string(trainer.Diverged)
}

// whole finds those runs that ended and lack nothing, many at once: all that ended at one step and want the same rows. Of
// the others it tells nothing; runs that want snapshots are among these.
func (w wants) whole(db *store.DB, plan []Planned, known map[string]store.RunState) (map[string]bool, error) {
	type group struct {
		pairs [][2]string
		steps []int
		runs  []string
	}
	type groupKey struct {
		sites, every string
		step         int
	}
	groups := map[groupKey]*group{}
	for _, p := range plan {
		run, there := known[p.ID]
		if !there || !ended(run.Status) || len(p.Config.Probe.Snapshots.Steps) > 0 {
			continue
		}
		key := groupKey{p.sites, p.every, run.Step}
		g, ok := groups[key]
		if !ok {
			pairs, err := w.pairs(p)
			if err != nil {
				return nil, err
			}
			g = &group{}
			for _, pair := range append(pairs[:len(pairs):len(pairs)], probes.Pair{Site: "run", Statistic: "loss"}) {
				g.pairs = append(g.pairs, [2]string{pair.Site, pair.Statistic})
			}
			for step := range run.Step + 1 {
				if step == run.Step || p.Config.Probe.Every.Value.At(step) {
					g.steps = append(g.steps, step)
				}
			}
			groups[key] = g
		}
		g.runs = append(g.runs, p.ID)
	}
	whole := map[string]bool{}
	for _, g := range groups {
		lacking, err := db.Uncovered(g.runs, g.pairs, g.steps)
		if err != nil {
			return nil, err
		}
		for _, r := range g.runs {
			whole[r] = !lacking[r]
		}
	}
	return whole, nil
}
