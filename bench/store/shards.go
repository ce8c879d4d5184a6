package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/store"
)

// shardSteps is the number of steps over which a small shard's rows are spread.
const shardSteps = 20

// mergeMany writes the given number of shards, each of one run, and merges them one by one into a new results database,
// as `outcrop merge` and a coordinator do. Then it merges all of them again, which adds nothing.
func mergeMany(shards, rows int, dir string) (Document, error) {
	d := Document{SQLite: store.SQLite(), Rows: shards * rows, Runs: shards, ReportLimit: 0.1}
	paths := make([]string, shards)
	for i := range paths {
		paths[i] = filepath.Join(dir, "runs", runID(i), "run.db")
		if err := writeSmallShard(paths[i], i, rows); err != nil {
			return d, err
		}
	}
	db, err := store.Open(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		return d, err
	}
	for _, pass := range []struct {
		name string
		rows int // new rows in each shard
	}{{"merge a small shard", rows}, {"merge it again", 0}} {
		var all, each measurement
		err := all.time(func() error {
			for _, path := range paths {
				var got store.MergeResult
				if err := each.time(func() (err error) { got, err = db.Merge(path); return err }); err != nil {
					return err
				}
				if got.Rows != pass.rows || got.Conflicts+got.Differences > 0 {
					return fmt.Errorf("merging %s gave %+v, want %d rows", path, got, pass.rows)
				}
			}
			return nil
		})
		if err != nil {
			return d, errors.Join(err, db.Close())
		}
		d.Results = append(d.Results, each.result(pass.name, d.Rows), all.result(pass.name+", all of them", d.Rows))
	}
	return d, db.Close()
}

// writeSmallShard writes a run with that many rows, spread evenly over its steps.
func writeSmallShard(path string, run, rows int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	db, err := store.Open(path)
	if err != nil {
		return err
	}
	err = db.PutRun(store.Run{ID: runID(run), Config: `{"arch":{"layers":2}}`, DataDigest: "none", TrainerVersion: 1,
		Seed:   uint64(run),
		Device: "cpu", Precision: "float32", Slices: 2, Steps: shardSteps, Step: shardSteps, Status: store.Done,
		Commit: "none", GoVersion: "none", KernelPath: "none", CPU: "none"})
	for step := 0; step < shardSteps && err == nil; step++ {
		part := measured(run, step)[:min(stepRows, (step+1)*rows/shardSteps-step*rows/shardSteps)]
		err = db.PutRows(runID(run), step, part)
	}
	return errors.Join(err, db.Close())
}
