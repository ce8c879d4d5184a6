// Package experiments is the coordinator: it carries out a plan in worker processes and merges their measurements.
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
	"sync/atomic"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/experiments/todo"
	"github.com/outcrop-lab/outcrop/store"
)

// Options say where and how to execute a sweep.
type Options struct {
	// Results is the folder that holds outcrop.db and runs/.
	Results string
	// Jobs is the number of worker processes at a time. 0 starts as many workers as the cores and the memory allow.
	Jobs int
	// Threads is the number of threads of each worker. 0 divides the cores among the workers, with at least one thread
	// for each.
	Threads int
	// Retries is the maximum number of times that a run is started again after its worker was killed, ran out of memory
	// or had an I/O error.
	Retries int
	Device  string
	// Only lists the ids of the runs to execute; nil means every run of the sweep.
	Only []string
	// Worker returns the command of a worker process: it calls worker.Work on the folder dir, with its standard input
	// and output.
	Worker func(dir string) *exec.Cmd
	// Events is called with the progress of the runs, one call at a time; it may be nil.
	Events func(folder.Event)
}

// Summary counts the runs of a sweep by their status after Execute.
type Summary struct {
	Done, Diverged, Stopped, Failed int
	// Early is the number of runs that the sweep's rule has stopped.
	Early int
	// Kept is the number of runs that were already settled, or that another coordinator settled in the meantime.
	Kept int
	// Before is how many of the Done were among the Kept.
	Before int
	// Conflicts is the number of rows whose values differ from those stored earlier under the same provenance.
	Conflicts int
	// Errors holds the error messages of the failed runs; each message names its run.
	Errors []string
}

// Execute checks the whole sweep. If a run that is left to do takes more memory than the machine has, it returns a
// *settings.InputError before it starts or writes anything. Otherwise it carries out, in worker processes, what is left
// to do of the sweep. It merges the runs' shards into the results database, then fits the emergence curves and stores
// the fits. If a worker fails or is killed, only its own run fails. Execute waits for a run that another coordinator
// holds. If the disk is full, it waits until there is room. When ctx is cancelled, the workers stop within a step,
// Execute merges their rows, and it returns the error of ctx. Calling Execute again then continues the sweep from
// there.
func Execute(ctx context.Context, s *sweep.Sweep, o Options) (sum Summary, err error) {
	planned, err := todo.PlanOf(o.Results, s, o.Device)
	if err != nil {
		return sum, err
	}
	wanted, here := planned, machine.Here()
	if o.Only != nil {
		wanted = slices.DeleteFunc(slices.Clone(planned),
			func(p plan.Planned) bool { return !slices.Contains(o.Only, p.ID) })
	}
	if err := todo.Fit(o.Results, wanted, here); err != nil {
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
	stopped, err := db.Stops()
	if err != nil {
		return sum, err
	}
	c := &coordinator{Options: o, sweep: s.Name, db: db, holder: store.ThisProcess(), stopped: stopped,
		active: map[string]*running{}, ended: make(chan outcome), wants: todo.Wants{}, machine: sharedOf(here)}
	if err := c.roomy(ctx, 0, func() error { return storePlan(db, s, planned) }); err != nil {
		return sum, err
	}
	if err := c.train(ctx, wanted); err != nil {
		return c.sum, err
	}
	ids := make([]string, len(wanted))
	for i, p := range wanted {
		ids[i] = p.ID
	}
	if err := c.roomy(ctx, 0, func() error { return results.StoreFits(db, ids, results.Fitting{}) }); err != nil {
		return c.sum, err
	}
	return c.sum, ctx.Err()
}

// storePlan stores the sweep, its arms, and which run belongs to which arm.
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

// coordinator executes one plan. Only the goroutine of train uses its fields, unless a field says otherwise.
type coordinator struct {
	Options
	sweep   string    // its name
	db      *store.DB // shared by all goroutines; it serialises its calls
	holder  store.Holder
	stopped map[string]time.Time // the requests to stop that were made before it began
	renewed time.Time
	wants   todo.Wants
	halving *halving // nil without rungs
	machine shared
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
	attempts int       // how often its worker has failed for a cause that may pass
	after    time.Time // the earliest time at which it starts
	told     string    // the other holder that an event has named already
	// other is the lease that another process had on the run when this one last tried to claim it, and seen is when it
	// was first seen.
	other *store.Lease
	seen  time.Time
}

// running is a job with a worker.
type running struct {
	job
	threads int
	memory  float64
	merged  int // the last step whose rows were merged while it runs
	stop    context.CancelCauseFunc
	started chan struct{} // closed when the worker says that it has started
	holds   atomic.Bool   // its worker has locked the run's folder
}

// outcome is how a worker ended.
type outcome struct {
	*running
	err   error
	asked error // why it was stopped; nil if it was not
}

// keep counts a run that this coordinator did not have to work on.
func (s *Summary) keep(status string) {
	s.Kept++
	if status == store.Done {
		s.Before++
	}
	s.settle(status)
}

// settle counts a run that has nothing left to do.
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
