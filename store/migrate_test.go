package store

import (
	"database/sql"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// past returns the path of a copy of the database that the release with that schema version wrote through its own Put
// functions: a run of two layers at four steps with a conflict, a timing, a sweep and a fit.
func past(t *testing.T, v int) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", fmt.Sprintf("schema-%d.db", v)))
	must(t, err)
	path := filepath.Join(t.TempDir(), "past.db")
	must(t, os.WriteFile(path, content, 0o644))
	db := connect(path, "mode=rw") // the run was called "past", which is no id
	for _, rename := range []string{"UPDATE runs SET hash = ?", "UPDATE members SET run = ?"} {
		_, err = db.sql.Exec(rename, idOf("past"))
		must(t, err)
	}
	must(t, db.Close())
	return path
}

// schema returns the text of all tables, indexes and views.
func schema(t *testing.T, db *DB) string {
	t.Helper()
	var all strings.Builder
	query := "SELECT type || ' ' || name || ' ' || ifnull(sql, '') FROM sqlite_schema ORDER BY 1"
	must(t, db.read("reading the schema", query, nil, func(rows *sql.Rows) error {
		var one string
		err := rows.Scan(&one)
		fmt.Fprintln(&all, one)
		return err
	}))
	return all.String()
}

func TestEveryPastSchemaComesUpToDate(t *testing.T) {
	fresh := open(t, filepath.Join(t.TempDir(), "new.db"))
	want := ""
	for v := 1; v < len(migrations); v++ {
		path := past(t, v)
		reader, err := OpenReadOnly(past(t, v)) // brings its file up to date
		must(t, err)
		if a, b := schema(t, reader), schema(t, fresh); a != b {
			t.Errorf("version %d read has the schema\n%s\nand a new database has\n%s", v, a, b)
		}
		must(t, reader.Close())
		merged := open(t, filepath.Join(t.TempDir(), "merged.db"))
		got, err := merged.Merge(path) // without changing it: a shard belongs to its worker
		must(t, err)
		if got != (MergeResult{Runs: 1, Rows: 20, Timings: 1, Conflicts: 1}) {
			t.Errorf("version %d: merging added %+v", v, got)
		}
		db := open(t, path)
		if a, b := schema(t, db), schema(t, fresh); a != b {
			t.Errorf("version %d came to the schema\n%s\nand a new database has\n%s", v, a, b)
		}
		faults, err := db.Faults()
		must(t, err)
		if len(faults) != 0 {
			t.Errorf("version %d: %q", v, faults)
		}
		if a, b := dump(t, db), dump(t, merged); a != b {
			t.Errorf("version %d migrated holds\n%s\nand merged\n%s", v, a, b)
		}
		if want == "" {
			want = dump(t, db)
		}
		// The fit's columns added in version 2 hold the values of a fit without them: nothing, or 0 for the weight.
		if got := strings.ReplaceAll(dump(t, db), `{"c":3} 0 {}`, `{"c":3} <nil> {}`); got != want {
			t.Errorf("version %d holds\n%s\nwant\n%s", v, got, want)
		}
		series, err := db.Series(Select{Run: idOf("past"), Site: "resid_post"})
		must(t, err)
		// Written as 10 step + layer, and the kurtosis as NaN.
		if len(series) != 4 || series[3].Values[2] != 501 || !math.IsNaN(series[0].Values[0]) {
			t.Errorf("version %d: series %+v", v, series)
		}
		must(t, db.PutRows(idOf("past"), 101, []Row{row("top1", 0, 1)}))
		must(t, db.PutSnapshots(idOf("past"), []SnapshotFile{{Step: 100, Site: "resid_post", File: "snapshots/x",
			Tensor: "x"}}))
		must(t, db.PutEvent(Event{Run: idOf("past"), At: time.Now(), Status: Done, Step: 100}))
		if other, err := db.Claim(idOf("past"), ThisProcess(), time.Minute, nil); err != nil || other != nil {
			t.Errorf("version %d: the run cannot be claimed: %+v, %v", v, other, err)
		}
		must(t, db.Check())
	}
}
