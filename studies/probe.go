// Package studies works on trained runs: it measures their checkpoints again, and writes changed versions of their
// models.
package studies

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/results"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/worker"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// ProbeOptions say which run is measured again, and what is measured.
type ProbeOptions struct {
	Results string
	// Run names the run, as results.Find takes it.
	Run string
	// Sites and Statistics replace the lists in the configuration's `probe`; an empty list leaves the run's own list in
	// force.
	Sites, Statistics []string
	Threads           int
	// Progress is called after each checkpoint is measured; it may be nil.
	Progress func(step int, loss float64)
}

// Probed is the result of measuring a run again.
type Probed struct {
	Run   string `json:"run"`
	Steps []int  `json:"steps"` // the steps of the checkpoints that were measured
	Rows  int    `json:"rows"`  // the number of rows that were not in the database before
	// Conflicts is the number of rows that differ from those stored earlier under the same provenance; Differences is
	// the number that differ from those stored under another provenance.
	Conflicts   int `json:"conflicts"`
	Differences int `json:"differences"`
}

// Probe measures again all checkpoints that a run in a results folder has kept, and merges the rows into the database.
// It leaves the run's id, its status and the stored rows unchanged. It returns a *settings.InputError if the name
// stands for no run or for several, if a site or statistic is unknown, or if the run has no checkpoints.
func Probe(ctx context.Context, o ProbeOptions) (done Probed, err error) {
	r, stored, err := open(o.Results, o.Run)
	if err != nil {
		return done, err
	}
	if len(o.Sites) > 0 {
		r.Config.Probe.Sites = o.Sites
	}
	if len(o.Statistics) > 0 {
		r.Config.Probe.Statistics = o.Statistics
	}
	if err := r.Config.Validate(); err != nil {
		return done, settings.Refuse(flagFault(err))
	}
	if err := r.Config.CanRun(""); err != nil {
		return done, settings.Refuse(settings.Fault{File: "run " + store.Short(r.ID), Message: err.Error()})
	}
	dir, err := folder.Of(o.Results, r.ID)
	if err != nil {
		return done, err
	}
	steps, err := trainer.Kept(dir)
	if err != nil {
		return done, err
	}
	if len(steps) == 0 {
		return done, settings.Refuse(settings.Fault{File: dir, Message: "holds no checkpoints to measure: " +
			"set checkpoint.every and keep, or probe.statistics, in the sweep and run it again"})
	}
	r.Measure = &run.Measuring{Steps: steps, Status: stored.Status, Step: stored.Step, Error: stored.Error,
		Params: stored.Params}
	if err := worker.Measure(ctx, dir, r, o.Threads, o.Progress); err != nil {
		return done, err
	}
	db, err := store.Open(filepath.Join(o.Results, folder.Database))
	if err != nil {
		return done, err
	}
	merged, err := db.Merge(filepath.Join(dir, folder.Shard))
	return Probed{r.ID, steps, merged.Rows, merged.Conflicts, merged.Differences}, errors.Join(err, db.Close())
}

// open finds the run of a results folder that a name stands for.
func open(dir, name string) (r run.Run, stored store.Run, err error) {
	db, err := store.OpenReadOnly(filepath.Join(dir, folder.Database))
	if err != nil {
		return r, stored, err
	}
	found, err := results.FindRun(db, name)
	if err = errors.Join(err, db.Close()); err != nil {
		return r, stored, err
	}
	if stored = found.Run; stored.Config == "" {
		return r, stored, settings.Refuse(settings.Fault{File: "name",
			Message: "run " + store.Short(stored.ID) + " is planned, not trained yet"})
	}
	r = run.Run{ID: stored.ID, DataDigest: stored.DataDigest, Device: stored.Device, Seed: stored.Seed,
		Trainer: stored.TrainerVersion,
		Params:  stored.Params}
	if r.Config, err = run.ConfigOf(stored); err == nil {
		err = r.Locate(dir)
	}
	return r, stored, err
}

// flagFault turns a fault of probe.sites or probe.statistics into one of the flag that set it.
func flagFault(err error) settings.Fault {
	at := new(variant.Error)
	if !errors.As(err, &at) {
		return settings.Fault{File: "probe", Message: err.Error()}
	}
	return settings.Fault{File: "--" + strings.TrimPrefix(at.Key, "probe."), Message: at.Message}
}
