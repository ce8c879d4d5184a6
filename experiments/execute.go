// Package experiments is the coordinator: it carries out a plan in worker processes, and merges what they measured.
package experiments

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/store"
)

// Options are where and how to execute a sweep.
type Options struct {
	Results string // folder of outcrop.db and runs/
	// Jobs is how many worker processes there are at once; 0 takes as many as cores and memory hold.
	Jobs int
	// Threads of a worker; 0 is one where there are runs enough for the cores, and else a share of them.
	Threads int
	// Retries is how often a run is begun again if its worker was killed, ran out of memory or could not read or write.
	Retries int
	Device  string
	// Only keeps to the runs with these ids; nil takes all of the sweep.
	Only []string
	// Worker is the command that runs worker.Work on a folder, in a process of its own, with its standard input and output.
	Worker func(dir string) *exec.Cmd
	// Events is called with how runs go, one call at a time; it may be nil.
	Events func(folder.Event)
}

// Summary counts how the runs of a sweep stand after Execute.
type Summary struct {
	Done, Diverged, Stopped, Failed int
	// Early is how many the sweep's rule has stopped.
	Early int
	// Kept is how many of them were done before, or by another coordinator meanwhile.
	Kept int
	// Conflicts is how many rows differ from those stored before under equal provenance.
	Conflicts int
	// Errors are the failed runs' messages, each with its run.
	Errors []string
}

// Execute checks the whole sweep, trains what is not done yet in worker processes, merges their shards into the results
// database, and fits and stores the emergence curves. A worker that fails or is killed fails its run and no other. A run
// that another coordinator has taken is waited for. A full disk makes it wait for room. When ctx is cancelled the workers
// stop within a step, what was measured is merged, and the error is ctx's; the same call goes on.
func Execute(ctx context.Context, s *sweep.Sweep, o Options) (sum Summary, err error) {
	planned, err := plan.Of(s, o.Device)
	if err != nil {
		return sum, err
	}
	if err := os.MkdirAll(folder.Runs(o.Results), 0o777); err != nil {
		return sum, fmt.Errorf("experiments: the results folder: %w", err)
	}
	db, err := store.Open(filepath.Join(o.Results, folder.Database))
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := results.SettleRemovals(db, o.Results); err != nil {
		return sum, err
	}
	c := &coordinator{Options: o, db: db, holder: store.ThisProcess(), began: time.Now(), active: map[string]*running{},
		ended: make(chan outcome), wants: todo.Wants{}, machine: thisMachine()}
	if err := c.roomy(ctx, 0, func() error { return storePlan(db, s, planned) }); err != nil {
		return sum, err
	}
	if o.Only != nil {
		planned = slices.DeleteFunc(planned, func(p plan.Planned) bool { return !slices.Contains(o.Only, p.ID) })
	}
	if err := c.train(ctx, planned); err != nil {
		return c.sum, err
	}
	ids := make([]string, len(planned))
	for i, p := range planned {
		ids[i] = p.ID
	}
	if err := c.roomy(ctx, 0, func() error { return results.StoreFits(db, ids, results.Fitting{}) }); err != nil {
		return c.sum, err
	}
	return c.sum, ctx.Err()
}

// storePlan stores the sweep, its arms and which run belongs to which.
func storePlan(db *store.DB, s *sweep.Sweep, planned []plan.Planned) error {
	stored, members := store.Sweep{Name: s.Name, Source: s.Source}, make([]store.Member, len(planned))
	for i, a := range s.Arms {
		differing := make([]map[string]any, 0, len(a.Differs))
		for _, d := range a.Differs {
			differing = append(differing, map[string]any{"key": d.Key, "value": d.Value})
		}
		text, err := json.Marshal(differing)
		if err != nil {
			return fmt.Errorf("experiments: arm %s: %w", a.Name, err)
		}
		stored.Arms = append(stored.Arms, store.Arm{Name: a.Name, Differs: string(text), Order: i})
	}
	for i, p := range planned {
		members[i] = store.Member{Sweep: s.Name, Arm: p.Arm, Seed: p.Seed, Run: p.ID, Order: i}
	}
	return db.PutSweep(stored, members)
}

// coordinator executes one plan. Its fields belong to the goroutine of train, but for those said otherwise.
type coordinator struct {
	Options
	db      *store.DB // shared: it takes turns
	holder  store.Holder
	began   time.Time
	renewed time.Time
	wants   todo.Wants
	halving *halving // nil without rungs
	machine machine
	waiting []job
	active  map[string]*running
	ended   chan outcome
	sum     Summary
	mutex   sync.Mutex // guards the calls of Events
}

// job is a run to train, or only to measure at the steps of measure.
type job struct {
	plan.Planned
	measure  []int
	attempts int       // how often its worker failed for a cause that may pass
	after    time.Time // it is not begun before
	told     string    // the owner of a lease on it that was told of
}

// running is a job with a worker.
type running struct {
	job
	threads int
	memory  int64
	merged  int // rows below this step were merged by a tick
	stop    context.CancelCauseFunc
	started chan struct{} // closed when the worker has said something
}

// outcome is how a worker ended.
type outcome struct {
	*running
	err   error
	asked error // why it was stopped; nil where nobody asked
}

// settle counts a run of which nothing is left to do.
func (s *Summary) settle(status string) {
	if status == store.Stopped {
		s.Early++
		return
	}
	s.count(status)
}

func (s *Summary) count(status string) {
	switch status {
	case store.Done:
		s.Done++
	case store.Diverged:
		s.Diverged++
	case store.Stopped:
		s.Stopped++
	default:
		s.Failed++
	}
}
