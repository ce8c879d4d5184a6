package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestScanGivesEveryTableItsColumns(t *testing.T) {
	db := sample(t, filepath.Join(t.TempDir(), "a.db"))
	for _, table := range Tables {
		rows, err := db.sql.Query(table.query)
		must(t, err)
		columns, err := rows.Columns()
		must(t, errors.Join(err, rows.Close()))
		if len(columns) != len(table.Columns) {
			t.Errorf("%s has %d columns and its query %d", table.Name, len(table.Columns), len(columns))
		}
		n := 0
		must(t, db.Scan(t.Context(), table, func(values []any) error {
			n++
			for i, c := range table.Columns {
				want := []any{int64(0), uint64(0), float64(0), "", false}[c.Kind]
				if fmt.Sprintf("%T", values[i]) != fmt.Sprintf("%T", want) && (values[i] != nil || c.Kind != Real) {
					t.Errorf("%s.%s is %T", table.Name, c.Name, values[i])
				}
			}
			return nil
		}))
		if n == 0 {
			t.Errorf("table %s is empty in the sample", table.Name)
		}
	}
}

// sample returns a database with at least one row in every table, some of them awkward.
func sample(t *testing.T, path string) *DB {
	t.Helper()
	db := open(t, path)
	must(t, db.PutSweep(Sweep{Name: "s", Source: "name: s\n", Arms: []Arm{{"a", `{"x":"é"}`, 0}}},
		[]Member{{"s", "a", math.MaxUint64, idOf("r"), 0}}))
	must(t, db.PutRun(run("r")))
	must(t, db.PutRows(idOf("r"), 1, []Row{row("top1", 0, math.Inf(1)), row("top1", 1, math.NaN()),
		row("höchste 頂", 0, -0.1)}))
	must(t, db.PutRows(idOf("r"), 1, []Row{row("top1", 0, 7)}))
	other := run("r")
	other.CPU = "another"
	must(t, db.PutRun(other))
	must(t, db.PutTiming(idOf("r"), 1, "seconds", 2))
	must(t, db.PutTokens(idOf("r"), map[int]string{7: " 頂", 9: "BOS"}))
	must(t, db.PutFits([]Fit{{Run: idOf("r"), Site: "resid_post", Statistic: "top1", Layer: 0, Head: -1,
		Family: "constant",
		R2:     math.NaN(), Best: true}}))
	must(t, db.PutEvent(Event{Run: idOf("r"), At: time.UnixMicro(1), Status: Done, Step: 1, Message: "a, \"b\""}))
	must(t, db.PutSnapshots(idOf("r"),
		[]SnapshotFile{{Step: 1, Layer: 0, Site: "resid_post", File: "snapshots/x.safetensors", Tensor: "resid_post.0"}}))
	must(t, db.PutClaims("s", []Claim{{Sweep: "s", Name: "c", Verdict: Fails, Detail: "{}"}}))
	must(t, db.write("putting a shard", func(tx *sql.Tx) error { return putShard(t.Context(), tx, "runs/r/run.db", 3) }))
	return db
}

func TestStatisticsLeaveInTheOrderOfTheirKeyWithoutSorting(t *testing.T) {
	db := sample(t, filepath.Join(t.TempDir(), "a.db"))
	rows, err := db.sql.Query("EXPLAIN QUERY PLAN " + Statistics.query)
	must(t, err)
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		must(t, rows.Scan(&id, &parent, &unused, &detail))
		if strings.Contains(detail, "TEMP") {
			t.Errorf("the plan has a step %q", detail)
		}
	}
	must(t, rows.Err())
}

func TestQueryReadsOnly(t *testing.T) {
	dir := t.TempDir()
	db := sample(t, filepath.Join(dir, "a.db"))
	ask := func(text string) (columns []string, all [][]any, err error) {
		err = db.Query(context.Background(), text, func(c []string) error { columns = c; return nil }, func(v []any) error {
			all = append(all, slices.Clone(v))
			return nil
		})
		return columns, all, err
	}
	columns, all, err := ask("WITH n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3) SELECT i, run, value " +
		"FROM n JOIN statistics ON layer = 0 ORDER BY statistic, i")
	must(t, err)
	if !slices.Equal(columns, []string{"i", "run", "value"}) || len(all) != 6 || all[0][0] != int64(1) ||
		all[0][1] != idOf("r") || all[3][2] != math.Inf(1) {
		t.Errorf("%v %v", columns, all)
	}
	target := filepath.Join(dir, "new.db")
	for _, text := range []string{
		"DELETE FROM stats", "SELECT 1; DELETE FROM stats", "DROP TABLE stats", "CREATE TEMP TABLE x (y)",
		"PRAGMA user_version = 9", "PRAGMA query_only = off",
		"VACUUM", "VACUUM INTO '" + target + "'", "ATTACH '" + target + "' AS x", "UPDATE runs SET step = 0", "BEGIN",
		"SELEC 1", "SELECT nothing FROM runs", "",
	} {
		if _, _, err := ask(text); !errors.Is(err, ErrQuery) {
			t.Errorf("%q gave %v", text, err)
		}
	}
	if _, err := os.Stat(target); err == nil {
		t.Error("a query wrote a file")
	}
	must(t, db.Check())
	must(t, db.PutRun(run("s"))) // the handle can write again
	if _, _, err := ask("SELECT count(*) FROM stats"); err != nil {
		t.Error(err)
	}
}

// AtOnce reads one state, whatever others write meanwhile.
func TestAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	writer := sample(t, path)
	db, err := OpenReadOnly(path)
	must(t, err)
	count := func(db *DB) (n int) {
		must(t, db.Scan(t.Context(), Statistics, func([]any) error { n++; return nil }))
		return n
	}
	must(t, db.AtOnce(func(db *DB) error {
		before := count(db)
		must(t, writer.PutRows(idOf("r"), 2, []Row{row("top1", 0, 1)}))
		if after := count(db); after != before {
			t.Errorf("%d rows, then %d", before, after)
		}
		return nil
	}))
	if n := count(db); n != 4 {
		t.Errorf("%d rows after it, want the new one too: 4", n)
	}
	must(t, db.Close())
}

// One statement is answered, whatever comments and semicolons surround it; of several none is.
func TestQueryTakesOneStatement(t *testing.T) {
	db := sample(t, filepath.Join(t.TempDir(), "a.db"))
	ask := func(text string) (rows int, err error) {
		err = db.Query(context.Background(), text, func([]string) error { return nil }, func([]any) error {
			rows++
			return nil
		})
		return rows, err
	}
	for _, text := range []string{
		"SELECT 1", "SELECT 1;", " ;; SELECT 1 ; ; ", "SELECT 1; -- and ; that", "-- a;\nSELECT 1 /* ; */;/* b", "SELECT ';'",
		"SELECT 'it''s; fine';", `SELECT 1 AS "a;b"`, "SELECT 1 AS [a;b]", "SELECT 1 AS `a;b`", "SELECT '--;', 2 -- ;",
		"SELECT 3 - -1, 4/2", "EXPLAIN SELECT 1 LIMIT 0; ", "PRAGMA table_info(runs);",
	} {
		if rows, err := ask(text); err != nil || rows == 0 {
			t.Errorf("%q: %d rows, %v", text, rows, err)
		}
	}
	for _, text := range []string{
		"SELECT 1; SELECT 2", "SELECT 1;SELECT 2;", "SELECT 1; -- a\nSELECT 2", "SELECT ';'; SELECT 2", "SELECT 1;;x",
		"SELECT 1; DELETE FROM stats", "", ";", " -- only\n", "/* SELECT 1", "SELECT 'a", "PRAGMA journal_mode; SELECT 1",
	} {
		if rows, err := ask(text); !errors.Is(err, ErrQuery) || rows > 0 {
			t.Errorf("%q: %d rows, %v, want ErrQuery", text, rows, err)
		}
	}
}
