package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/outcrop-lab/outcrop/store"
)

// The measured run has 12 layers and 10 probe sequences, with 2,500 rows at each of 100 steps.
const (
	layers    = 12
	sequences = 10
	heads     = 12
	steps     = 100
	stepEvery = 50
	stepRows  = 2500
	runRows   = steps * stepRows
	arms      = 5
	sweep     = "bench"
)

var (
	metrics     = []string{"loss", "heldout_loss", "grad_norm", "lr"}
	activations = []string{"top1", "top2", "top3", "median", "ratio_mean", "ratio_of_means", "kurtosis", "top1_over_rms"}
	patterns    = []string{"first_token_attention", "sink_rate"}
)

// measured returns the rows of one probe step of a run, in the order of layers and sites.
func measured(run, step int) []store.Row {
	rows := make([]store.Row, 0, stepRows)
	value := func() float64 { return math.Sin(float64(run*runRows + step*stepRows + len(rows))) }
	for _, m := range metrics {
		rows = append(rows, store.Row{Site: "run", Statistic: m, Layer: -1, Head: -1, Idx: -1, Value: value()})
	}
	for layer := range layers {
		for _, site := range []string{"resid_post", "mlp.act"} {
			for _, statistic := range activations {
				for sequence := range sequences {
					rows = append(rows, store.Row{Site: site, Statistic: statistic, Layer: layer, Head: -1, Idx: sequence,
						Value: value()})
				}
			}
		}
		for _, statistic := range patterns {
			for head := range heads {
				rows = append(rows, store.Row{Site: "attn.pattern", Statistic: statistic, Layer: layer, Head: head, Idx: -1,
					Value: value()})
			}
		}
	}
	for channel := 0; len(rows) < stepRows; channel++ {
		rows = append(rows, store.Row{Site: "norm", Statistic: "gain", Layer: -1, Head: -1, Idx: channel, Value: value()})
	}
	return rows
}

// stepsOf returns the rows of every probe step of a run.
func stepsOf(run int) [][]store.Row {
	all := make([][]store.Row, steps)
	for step := range all {
		all[step] = measured(run, step)
	}
	return all
}

func runID(run int) string { return fmt.Sprintf("%064x", 0x9e3779b97f4a7c15*uint64(run+1)) }

// fill writes each run's shard as a worker does, and merges it into the results database as the coordinator does.
func fill(path string, runs int) ([]Result, error) {
	db, err := store.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	s := store.Sweep{Name: sweep, Source: "name: bench\n"}
	for arm := range arms {
		s.Arms = append(s.Arms, store.Arm{Name: fmt.Sprint("arm", arm), Differs: "{}", Order: arm})
	}
	var members []store.Member
	for run := range runs {
		members = append(members, store.Member{Sweep: sweep, Arm: s.Arms[run%arms].Name, Seed: uint64(run / arms),
			Run: runID(run), Order: run})
	}
	if err := db.PutSweep(s, members); err != nil {
		return nil, err
	}
	bulk, err := putInBulk(filepath.Join(filepath.Dir(path), "bulk.db"))
	if err != nil {
		return nil, err
	}
	var putting, merging measurement
	for run := range runs {
		shard, all := filepath.Join(filepath.Dir(path), "shard.db"), stepsOf(run)
		err := putting.time(func() error { return writeShard(shard, run, all) })
		if err != nil {
			return nil, err
		}
		err = merging.time(func() error {
			got, err := db.Merge(shard)
			if err == nil && got.Rows != runRows {
				err = fmt.Errorf("the merge added %d rows, want %d", got.Rows, runRows)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		if err := os.Remove(shard); err != nil {
			return nil, err
		}
		if err := putFits(db, run); err != nil {
			return nil, err
		}
	}
	return []Result{
		bulk.result("put 250,000 rows of one step", bulkTimes*runRows),
		putting.result("put a run's rows, a transaction a step", runs*runRows),
		merging.result("merge a run's shard", runs*runRows),
	}, nil
}

const bulkTimes = 4

// putInBulk times putting as many rows as a run has at one step, bulkTimes times.
func putInBulk(path string) (m measurement, err error) {
	db, err := store.Open(path)
	if err != nil {
		return m, err
	}
	rows := make([]store.Row, runRows)
	for i := range rows {
		rows[i] = store.Row{Site: "norm", Statistic: "gain", Layer: i * layers / runRows, Head: -1, Idx: i,
			Value: math.Sin(float64(i))}
	}
	for i := 0; i < bulkTimes && err == nil; i++ {
		if err = db.PutRun(store.Run{ID: runID(i), Config: "{}"}); err == nil {
			err = m.time(func() error { return db.PutRows(runID(i), 0, rows) })
		}
	}
	if err = errors.Join(err, db.Close()); err == nil {
		err = os.Remove(path)
	}
	return m, err
}

// writeShard writes a run's shard, one transaction per step.
func writeShard(path string, run int, all [][]store.Row) error {
	db, err := store.Open(path)
	if err != nil {
		return err
	}
	err = db.PutRun(store.Run{ID: runID(run), Config: `{"arch":{"layers":12}}`, DataDigest: "none", TrainerVersion: 1,
		Seed:   uint64(run / arms),
		Device: "cpu", Precision: "float32", Slices: 2, Steps: steps, Step: steps, Status: "done", Commit: "none",
		GoVersion: "none", KernelPath: "none", CPU: "none"})
	for step := 0; step < steps && err == nil; step++ {
		err = db.PutRows(runID(run), step*stepEvery, all[step])
	}
	return errors.Join(err, db.Close())
}

// putFits stores the fits of three families for every layer of the series that the report shows.
func putFits(db *store.DB, run int) error {
	var fits []store.Fit
	for layer := range layers {
		for _, family := range []string{"constant", "emergence", "logistic"} {
			fits = append(fits, store.Fit{Run: runID(run), Site: "resid_post", Statistic: "ratio_mean", Layer: layer, Head: -1,
				Idx: -1, Family: family,
				Params: map[string]float64{"A": 1, "K": 2, "gamma": 3, "lambda": 4, "t0": 5}, N: steps, R2: 0.9,
				Best: family == "emergence"})
		}
	}
	return db.PutFits(fits)
}
