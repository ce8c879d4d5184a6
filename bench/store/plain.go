package main

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"

	_ "github.com/mattn/go-sqlite3" // the driver that store uses

	"github.com/outcrop-lab/outcrop/store"
)

// plain inserts each run's rows in the simplest way, as the baseline for the store's numbers in the same call: a table
// with the same key, one prepared statement, and one transaction per run.
func plain(dir string, runs int) (all []Result, err error) {
	path := filepath.Join(dir, "plain.db")
	db, err := sql.Open("sqlite3", path+"?_journal_mode=WAL&_synchronous=NORMAL")
	if err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, db.Close())
		_ = os.Remove(path)
	}()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE stats (
		run INTEGER NOT NULL, step INTEGER NOT NULL, site INTEGER NOT NULL, statistic INTEGER NOT NULL,
		layer INTEGER NOT NULL, head INTEGER NOT NULL, idx INTEGER NOT NULL, value REAL,
		PRIMARY KEY (run, site, statistic, layer, head, idx, step)) STRICT, WITHOUT ROWID`); err != nil {
		return nil, err
	}
	var m measurement
	for run := range runs {
		steps, ids := stepsOf(run), map[string]int{}
		if err := m.time(func() error { return insertPlainly(db, run, steps, ids) }); err != nil {
			return nil, err
		}
	}
	return []Result{m.result("plain prepared inserts, a transaction a run", runs*runRows)}, nil
}

// insertPlainly inserts a run's rows in one transaction. ids numbers the names of sites and statistics.
func insertPlainly(db *sql.DB, run int, steps [][]store.Row, ids map[string]int) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	insert, err := tx.Prepare("INSERT INTO stats (run, step, site, statistic, layer, head, idx, value) VALUES (?, ?, ?, " +
		"?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	id := func(name string) int {
		if _, ok := ids[name]; !ok {
			ids[name] = len(ids)
		}
		return ids[name]
	}
	for step, rows := range steps {
		for _, r := range rows {
			if _, err := insert.Exec(run, step*stepEvery, id(r.Site), id(r.Statistic), r.Layer, r.Head, r.Idx,
				r.Value); err != nil {
				return err
			}
		}
	}
	return tx.Commit()
}
