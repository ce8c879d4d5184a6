package main

import (
	"fmt"

	"github.com/outcrop-lab/outcrop/store"
)

// query is a query that the report or a figure makes for a run. ask returns the number of rows read.
type query struct {
	name string
	ask  func(db *store.DB, run string) (int, error)
}

// series returns a query for series of a run, which fails if there are none.
func series(s store.Select) func(db *store.DB, run string) (int, error) {
	return func(db *store.DB, run string) (int, error) {
		s.Run = run
		all, err := db.Series(s)
		n := 0
		for _, one := range all {
			n += len(one.Steps)
		}
		if err == nil && n == 0 {
			err = fmt.Errorf("run %s has no series %s/%s", run, s.Site, s.Statistic)
		}
		return n, err
	}
}

var queries = []query{
	{"sweeps", func(db *store.DB, _ string) (int, error) { all, err := db.Sweeps(); return len(all), err }},
	{"sweep with its members", func(db *store.DB, _ string) (int, error) {
		_, all, err := db.Sweep(sweep)
		return len(all),
			err
	}},
	{"runs of the sweep", func(db *store.DB, _ string) (int, error) {
		all, err := db.RunsOf(sweep)
		return len(all),
			err
	}},
	{"runs", func(db *store.DB, _ string) (int, error) { all, err := db.Runs(); return len(all), err }},
	{"run by id", func(db *store.DB, run string) (int, error) { _, _, err := db.RunByID(run); return 1, err }},
	{"series run/loss of a run", series(store.Select{Site: "run", Statistic: "loss"})},
	{"series resid_post/ratio_mean of a run", series(store.Select{Site: "resid_post", Statistic: "ratio_mean"})},
	{"series attn.pattern/first_token_attention of a run",
		series(store.Select{Site: "attn.pattern", Statistic: "first_token_attention"})},
	{"fits of a run", func(db *store.DB, run string) (int, error) {
		all, err := db.Fits(store.Select{Run: run})
		return len(all), err
	}},
	{"fits of a run's series", func(db *store.DB, run string) (int, error) {
		all, err := db.Fits(store.Select{Run: run, Site: "resid_post", Statistic: "ratio_mean"})
		return len(all), err
	}},
	{"timings of a run", func(db *store.DB, run string) (int, error) {
		all, err := db.Timings(run)
		return len(all),
			err
	}},
	{"conflicts", func(db *store.DB, _ string) (int, error) { all, err := db.Conflicts(); return len(all), err }},
	{"differences", func(db *store.DB, _ string) (int, error) { all, err := db.Differences(); return len(all), err }},
}

// ask runs every query several times on a newly opened connection, each time for another run.
func ask(path string, runs, times int) ([]Result, error) {
	db, err := store.OpenReadOnly(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	var results []Result
	for _, q := range queries {
		var m measurement
		rows := 0
		for i := range times {
			err := m.time(func() error {
				n, err := q.ask(db, runID(i%runs))
				rows += n
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("%s: %w", q.name, err)
			}
		}
		results = append(results, m.result(q.name, rows))
	}
	return results, nil
}
