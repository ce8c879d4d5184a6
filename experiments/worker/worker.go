// Package worker is the body of a worker process: it trains or measures one run, and writes only into that run's
// folder.
package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Work carries out the assignment in the config.yaml of a run's folder: it trains the run to its end, or measures it
// again. Work stops when ctx is cancelled or when the worker's standard input, the argument in, closes. It closes
// however the coordinator ends, even if it is killed. Work writes its progress to out, one folder.Event a line. If the
// run is stopped before its end, Work returns no error; the run's status is then "stopped".
func Work(ctx context.Context, dir string, in io.Reader, out io.Writer) (err error) {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	events := tell(out)
	defer events.close()
	go func() {
		_, _ = io.Copy(io.Discard, in)
		leave()
	}()
	defer func() {
		if cause := folder.CauseOf(err); err != nil && cause != "" {
			_ = json.NewEncoder(events).Encode(folder.Event{Status: store.Failed, Cause: cause})
		}
	}()
	r, threads, err := run.Assigned(dir)
	if err != nil {
		return err
	}
	signal.Ignore(syscall.SIGPIPE) // a worker whose coordinator is gone must still write its last checkpoint
	if r.Measure == nil {
		return train(ctx, dir, r, threads, events)
	}
	said, last := json.NewEncoder(events), time.Time{}
	holding := func() { _ = said.Encode(folder.Event{Run: r.ID, Status: folder.Holding}) }
	say := func(step int, loss float64) {
		if now := time.Now(); now.Sub(last) > sayEvery {
			last = now
			_ = said.Encode(folder.Event{Run: r.ID, Step: step, Steps: r.Config.Train.Steps, Loss: plainOrZero(loss),
				Status: folder.Measuring})
		}
	}
	if err = measure(ctx, dir, r, threads, holding, say); ctx.Err() != nil {
		return nil // the rows measured so far are kept; the others are still missing
	}
	return err
}

// train trains a run to its end or its next rung, or until ctx is cancelled.
func train(ctx context.Context, dir string, r run.Run, threads int, out io.Writer) (err error) {
	said := json.NewEncoder(out)
	db, refused, release, err := hold(dir, r, func() { _ = said.Encode(folder.Event{Run: r.ID, Status: folder.Holding}) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	log, err := openLog(dir)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	stored, err := r.Stored()
	if err != nil {
		return err
	}
	stored.Status = store.Running
	if err := r.Introduce(dir, stored, threads); err != nil {
		return err
	}
	if err := db.PutRun(stored); err != nil {
		return err
	}
	w := recorder{run: stored, db: db, log: json.NewEncoder(log), out: said}
	if refused != nil {
		w.refusedShard(refused)
	}
	if r.Stopping != nil {
		own, stop := context.WithCancel(ctx)
		defer stop()
		ctx = own
		if w.watch, err = watch(dir, r, db, stop); err != nil {
			return err
		}
	}
	result, err := trainer.Run(ctx, r.Config, trainer.Options{Dir: dir, Run: r.ID, Threads: threads, Recorder: &w,
		Tokens: w.tokens, Begun: w.begun, Durable: db.Sync, Progress: w.progress, Refused: w.refused})
	stored.Step, stored.Params, stored.Status = result.Step, result.Params, string(result.Status)
	if err != nil {
		stored.Status, stored.Error = store.Failed, err.Error()
	} else if w.watch != nil && stored.Status == store.Stopped {
		stored.Error = w.watch.Reason
	}
	err = errors.Join(err, indexSnapshots(db, dir, r.ID), db.PutRun(stored))
	w.note(stored.Status, stored.Step, result.Loss)
	return err
}

func openLog(dir string) (*os.File, error) {
	log, err := os.OpenFile(filepath.Join(dir, folder.Log), os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NOFOLLOW, 0o666)
	if err != nil {
		return nil, fmt.Errorf("worker: %w", err)
	}
	return log, nil
}

// watch returns the watch of a run's rule, with the values that the run has measured so far. A run that has reached its
// rung already is stopped at once.
func watch(dir string, r run.Run, db *store.DB, stop func()) (*stopping.Watch, error) {
	w := &stopping.Watch{Rule: r.Stopping, Until: r.Until, Stop: stop}
	kept, err := trainer.Kept(dir)
	if err != nil {
		return nil, err
	}
	if r.Until > 0 && len(kept) > 0 && kept[len(kept)-1] >= r.Until {
		stop()
	}
	w.Steps, w.Values, err = db.Metric(r.ID, r.Stopping.Metric)
	return w, err
}

// Measure measures a run at the steps of r.Measure, in this process, and writes the rows into the run's shard. It
// leaves the run's status as it is. progress is called after every step; it may be nil.
func Measure(
	ctx context.Context, dir string, r run.Run, threads int, progress func(step int, loss float64),
) error {
	return measure(ctx, dir, r, threads, func() {}, progress)
}

// measure is Measure; it calls holding once it has locked the run's folder.
func measure(
	ctx context.Context, dir string, r run.Run, threads int, holding func(), progress func(step int, loss float64),
) (err error) {
	db, refused, release, err := hold(dir, r, holding)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	if refused != nil {
		log, err := openLog(dir)
		if err != nil {
			return err
		}
		w := recorder{log: json.NewEncoder(log), out: json.NewEncoder(io.Discard)}
		w.refusedShard(refused)
		_ = log.Close()
	}
	stored, err := r.Stored()
	if err != nil {
		return err
	}
	m := r.Measure
	stored.Status, stored.Step, stored.Error, stored.Params = m.Status, m.Step, m.Error, m.Params
	if err := db.PutRun(stored); err != nil {
		return err
	}
	w := recorder{run: stored, db: db}
	err = trainer.Measure(ctx, r.Config, trainer.Options{Dir: dir, Run: r.ID, Threads: threads,
		Recorder: &w, Tokens: w.tokens, Progress: progress}, m.Steps)
	return errors.Join(err, indexSnapshots(db, dir, r.ID))
}

// hold locks a run's folder for this process, calls holding, and opens the run's shard. It fails if the run is no
// longer the one that was planned. refused says how a shard that was set aside is damaged, see folder.OpenShard.
// release closes the shard and unlocks the folder.
func hold(dir string, r run.Run, holding func()) (shard *store.DB, refused error, release func() error, err error) {
	held, err := folder.Lock(dir)
	if err != nil {
		return nil, nil, nil, err
	}
	holding()
	if err = r.Unchanged(dir); err == nil {
		shard, refused, err = folder.OpenShard(dir)
	}
	if err != nil {
		_ = held.Close()
		return nil, nil, nil, err
	}
	return shard, refused, func() error { return errors.Join(shard.Close(), held.Close()) }, nil
}

// indexSnapshots stores in a run's shard where the snapshots in its folder are, one entry per sequence.
func indexSnapshots(db *store.DB, dir, id string) error {
	all, err := trainer.ReadSnapshots(dir)
	if err != nil || len(all) == 0 {
		return err
	}
	var files []store.SnapshotFile
	for _, s := range all {
		for sequence := range s.Shape[0] {
			files = append(files, store.SnapshotFile{Step: s.Step, Layer: s.Layer, Site: s.Site, Sequence: sequence,
				File: s.File, Tensor: s.Tensor})
		}
	}
	return db.PutSnapshots(id, files)
}
