package experiments

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// ProbeOptions say which run is measured again, and what of it.
type ProbeOptions struct {
	Results string
	// Run names the run, as Find takes it.
	Run string
	// Sites and Statistics are those of the configuration's `probe`; none keeps the run's own.
	Sites, Statistics []string
	Threads           int
	// Progress is told after every checkpoint; it may be nil.
	Progress func(step int, loss float64)
}

// Probed is what measuring a run again came to.
type Probed struct {
	Run   string `json:"run"`
	Steps []int  `json:"steps"` // of the checkpoints that were measured
	Rows  int    `json:"rows"`  // that were not in the database before
	// Conflicts counts rows that came out otherwise than before under equal provenance, Differences under another.
	Conflicts   int `json:"conflicts"`
	Differences int `json:"differences"`
}

// Probe measures a run of a results folder again at all its kept checkpoints, and merges the rows into the database. The
// run's id, its status and the rows that are there stay. A run that is not there or not the only one, a site or statistic
// that is not known, and a run without checkpoints are each an *InputError.
func Probe(ctx context.Context, o ProbeOptions) (done Probed, err error) {
	p, run, err := openRun(o.Results, o.Run)
	if err != nil {
		return done, err
	}
	if len(o.Sites) > 0 {
		p.Config.Probe.Sites = o.Sites
	}
	if len(o.Statistics) > 0 {
		p.Config.Probe.Statistics = o.Statistics
	}
	if err := p.Config.Validate(); err != nil {
		return done, inputError([]Fault{flagFault(err)})
	}
	if err := p.Config.CanRun(""); err != nil {
		return done, inputError([]Fault{{File: "run " + short(run.ID), Message: err.Error()}})
	}
	dir := filepath.Join(o.Results, "runs", run.ID)
	steps, err := trainer.Kept(dir)
	if err != nil {
		return done, err
	}
	if len(steps) == 0 {
		return done, inputError([]Fault{{File: dir, Message: "holds no checkpoints to measure: say checkpoint.every and keep, or probe.statistics, in the sweep and run it again"}})
	}
	if err := remeasure(ctx, dir, p, run, steps, o.Threads, o.Progress); err != nil {
		return done, err
	}
	results, err := store.Open(filepath.Join(o.Results, "outcrop.db"))
	if err != nil {
		return done, err
	}
	merged, err := results.Merge(filepath.Join(dir, shardFile))
	if closing := results.Close(); err == nil {
		err = closing
	}
	return Probed{run.ID, steps, merged.Rows, merged.Conflicts, merged.Differences}, err
}

// openRun finds the run of a results folder that a name stands for, and its configuration.
func openRun(results, name string) (p Planned, run store.Run, err error) {
	db, err := store.OpenReadOnly(filepath.Join(results, "outcrop.db"))
	if err != nil {
		return p, run, err
	}
	found, err := FindRun(db, name)
	if closing := db.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return p, run, err
	}
	if run = found.Run; run.Config == "" {
		return p, run, badName("run %s is planned, not trained yet", short(run.ID))
	}
	p = Planned{ID: run.ID, DataDigest: run.DataDigest, Device: run.Device, Seed: run.Seed, Params: run.Params}
	p.Config, err = ConfigOf(run)
	return p, run, err
}

// flagFault turns a fault of probe.sites or probe.statistics into one of the flag that set it.
func flagFault(err error) Fault {
	at := new(variant.Error)
	if !errors.As(err, &at) {
		return Fault{File: "probe", Message: err.Error()}
	}
	return Fault{File: "--" + strings.TrimPrefix(at.Key, "probe."), Message: at.Message}
}

// remeasure measures a run from its checkpoints of those steps into its own shard, in this process. The run's status
// stays.
func remeasure(ctx context.Context, dir string, p Planned, old store.Run, steps []int, threads int, progress func(step int, loss float64)) (err error) {
	db, release, err := hold(dir, p)
	if err != nil {
		return err
	}
	defer func() {
		if releasing := release(); err == nil {
			err = releasing
		}
	}()
	run, err := storedRun(p)
	if err != nil {
		return err
	}
	run.Status, run.Step, run.Error, run.Params = old.Status, old.Step, old.Error, old.Params
	if err := db.PutRun(run); err != nil {
		return err
	}
	err = trainer.Measure(ctx, p.Config, trainer.Options{Dir: dir, Run: p.ID, Threads: threads, Recorder: &worker{run: run, db: db}, Progress: progress}, steps)
	if indexing := indexSnapshots(db, dir, p.ID); err == nil {
		err = indexing
	}
	return err
}

// unchanged checks that a run is the one that was planned: its data and its configuration give its id.
func unchanged(dir string, p Planned) error {
	digest, err := p.Config.Data.Value.Digest()
	if err != nil {
		return fmt.Errorf("experiments: %w", err)
	}
	if id, err := identity(p.Config, digest, p.Device); err != nil || id != p.ID {
		return fmt.Errorf("experiments: %s: the data or the configuration changed since the run was planned", dir)
	}
	return nil
}
