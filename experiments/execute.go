package experiments

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Options are where and how to execute a sweep.
type Options struct {
	Results string // folder of outcrop.db and runs/
	Jobs    int    // worker processes at once
	Threads int    // of a worker
	Device  string
	// Worker is the command that runs Work on a folder, in a process of its own. Its Work must be cancelled when its
	// standard input closes, so that it never outlives the coordinator.
	Worker func(dir string) *exec.Cmd
	// Events is told how runs go, one call at a time; it may be nil.
	Events func(Event)
}

// Summary counts how the runs of a sweep stand after Execute.
type Summary struct {
	Done, Diverged, Stopped, Failed int
	// Kept is how many of them were done before.
	Kept int
	// Errors are the failed runs' messages, each with its run.
	Errors []string
}

// Failed is the status of a run whose worker ended with an error; the others are trainer's.
const Failed = "failed"

const mergeEvery = 2 * time.Second

// Execute checks the whole sweep, trains what is not done yet in worker processes, merges their shards into the results
// database, and fits and stores the emergence curves. A failed worker fails its run and no other. When ctx is cancelled
// the workers stop within a step, what was measured is merged, and the error is ctx's; the same call goes on.
func Execute(ctx context.Context, s *Sweep, o Options) (sum Summary, err error) {
	plan, err := s.Plan(o.Device)
	if err != nil {
		return sum, err
	}
	if err := os.MkdirAll(filepath.Join(o.Results, "runs"), 0o777); err != nil {
		return sum, fmt.Errorf("experiments: the results folder: %w", err)
	}
	db, err := store.Open(filepath.Join(o.Results, "outcrop.db"))
	if err != nil {
		return sum, err
	}
	defer func() {
		if closing := db.Close(); err == nil {
			err = closing
		}
	}()
	if err := storePlan(db, s, plan); err != nil {
		return sum, err
	}
	c := &coordinator{Options: o, db: db}
	if err := c.train(ctx, plan, &sum); err != nil {
		return sum, err
	}
	if err := storeFits(db, plan, Fitting{}); err != nil {
		return sum, err
	}
	return sum, ctx.Err()
}

// storePlan keeps the sweep, its arms and which run belongs to which.
func storePlan(db *store.DB, s *Sweep, plan []Planned) error {
	sweep, members := store.Sweep{Name: s.Name, Source: s.Source}, make([]store.Member, len(plan))
	for i, a := range s.Arms {
		differs := make([]map[string]any, 0, len(a.Differs))
		for _, d := range a.Differs {
			differs = append(differs, map[string]any{"key": d.Key, "value": d.Value})
		}
		text, err := json.Marshal(differs)
		if err != nil {
			return fmt.Errorf("experiments: arm %s: %w", a.Name, err)
		}
		sweep.Arms = append(sweep.Arms, store.Arm{Name: a.Name, Differs: string(text), Order: i})
	}
	for i, p := range plan {
		members[i] = store.Member{Sweep: s.Name, Arm: p.Arm, Seed: p.Seed, Run: p.ID, Order: i}
	}
	return db.PutSweep(sweep, members)
}

type coordinator struct {
	Options
	db    *store.DB
	mutex sync.Mutex // guards the calls of Events
}

func (c *coordinator) dir(run string) string { return filepath.Join(c.Results, "runs", run) }

// job is a run that is to be trained, or only measured at those steps of its checkpoints.
type job struct {
	Planned
	measure []int
}

// outcome is how a worker ended.
type outcome struct {
	run Planned
	err error
}

func (c *coordinator) train(ctx context.Context, plan []Planned, sum *Summary) error {
	var waiting []job
	seen, known := map[string]bool{}, wants{}
	for _, p := range plan {
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		state, err := known.state(c.db, c.dir(p.ID), p)
		if err != nil {
			return err
		}
		if state.Settled != "" {
			sum.Kept++
			sum.count(state.Settled)
			continue
		}
		waiting = append(waiting, job{p, state.Measure})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended, active := make(chan outcome), map[string]Planned{}
	tick := time.NewTicker(mergeEvery)
	defer tick.Stop()
	for len(waiting) > 0 || len(active) > 0 {
		for len(waiting) > 0 && len(active) < max(1, c.Jobs) && ctx.Err() == nil {
			j := waiting[0]
			waiting, active[j.ID] = waiting[1:], j.Planned
			go func() { ended <- outcome{j.Planned, c.do(ctx, j)} }()
		}
		if len(active) == 0 {
			break
		}
		select {
		case <-tick.C:
			for _, p := range active {
				if err := c.merge(p); err != nil {
					c.event(Event{Run: p.ID, Status: "merge: " + err.Error()})
				}
			}
		case o := <-ended:
			delete(active, o.run.ID)
			if err := c.finish(o, sum); err != nil {
				cancel()
				for range active {
					<-ended
				}
				return err
			}
		}
	}
	sum.Stopped += len(waiting)
	return nil
}

// do measures a run from its checkpoints where that is enough, and trains it otherwise; also where the checkpoints turn
// out damaged.
func (c *coordinator) do(ctx context.Context, j job) error {
	old, there, err := c.db.RunByID(j.ID)
	if err != nil {
		return err
	}
	if len(j.measure) > 0 {
		err := remeasure(ctx, c.dir(j.ID), j.Planned, old, j.measure, c.Threads, nil)
		if err == nil || ctx.Err() != nil {
			return nil // what was measured is kept; the rest is lacking still
		}
		c.event(Event{Run: j.ID, Step: old.Step, Steps: old.Steps, Status: "trained again, for it cannot be measured: " + err.Error()})
	}
	if there {
		if err := c.db.SetStatus(j.ID, store.Planned, 0, ""); err != nil {
			return err
		}
	}
	return c.work(ctx, j.Planned)
}

// work runs one worker process to its end.
func (c *coordinator) work(ctx context.Context, p Planned) error {
	if err := renew(c.dir(p.ID), p); err != nil {
		return err
	}
	if err := assign(c.dir(p.ID), p, c.Threads); err != nil {
		return err
	}
	cmd := c.Worker(c.dir(p.ID))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C reaches the coordinator alone
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	life, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = life.Close() })
	defer stop()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) == nil {
			c.event(e)
		}
	}
	if err := cmd.Wait(); err != nil {
		if text := strings.TrimSpace(complaint.String()); text != "" {
			return fmt.Errorf("%w: %s", err, text[max(0, len(text)-2000):])
		}
		return err
	}
	return nil
}

func (c *coordinator) event(e Event) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.Events != nil {
		c.Events(e)
	}
}

// merge brings a run's shard into the results; one that is not there yet brings nothing.
func (c *coordinator) merge(p Planned) error {
	shard := filepath.Join(c.dir(p.ID), shardFile)
	if _, err := os.Stat(shard); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	_, err := c.db.Merge(shard)
	return err
}

// finish merges what a worker left and settles its run's status.
func (c *coordinator) finish(o outcome, sum *Summary) error {
	merging := c.merge(o.run)
	fault := errors.Join(o.err, merging)
	run, there, err := c.db.RunByID(o.run.ID)
	if err != nil {
		return err
	}
	if fault == nil && there {
		sum.count(run.Status)
		c.event(Event{Run: o.run.ID, Step: run.Step, Steps: run.Steps, Status: run.Status})
		return nil
	}
	if !there {
		if run, err = storedRun(o.run); err != nil {
			return err
		}
	}
	if fault == nil {
		fault = errors.New("the worker left no results")
	}
	run.Status, run.Error = Failed, fault.Error()
	sum.count(run.Status)
	sum.Errors = append(sum.Errors, fmt.Sprintf("%s (%s, seed %d): %v", o.run.ID[:12], o.run.Arm, o.run.Seed, fault))
	c.event(Event{Run: o.run.ID, Step: run.Step, Steps: run.Steps, Status: run.Status})
	if err := c.db.PutRun(run); err != nil {
		return errors.Join(err, fault)
	}
	return nil
}

func (s *Summary) count(status string) {
	switch status {
	case string(trainer.Done):
		s.Done++
	case string(trainer.Diverged):
		s.Diverged++
	case string(trainer.Stopped):
		s.Stopped++
	default:
		s.Failed++
	}
}
