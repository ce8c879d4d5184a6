package store

import (
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// filled returns a database of two runs that both have rows in every table, in two sweeps. The second sweep has only
// run b.
func filled(t *testing.T) *DB {
	t.Helper()
	db := open(t, filepath.Join(t.TempDir(), "x.db"))
	for _, id := range []string{idOf("a"), idOf("b")} {
		must(t, db.PutRun(run(id)))
		metric := Row{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: 2}
		must(t, db.PutRows(id, 3, []Row{row("top1", 0, 1), metric}))
		metric.Value = math.NaN()
		must(t, db.PutRows(id, 9, []Row{metric}))
		must(t, db.PutRows(id, 3, []Row{row("top1", 0, 2)})) // a conflict
		must(t, db.PutTiming(id, 3, "tokens_per_second", 10))
		must(t, db.PutTiming(id, 9, "tokens_per_second", 20))
		must(t, db.PutFits([]Fit{{Run: id, Site: "resid_post", Statistic: "top1", Family: "emergence"}}))
		must(t, db.PutSnapshots(id, []SnapshotFile{{Site: "resid_post", File: "f", Tensor: "t"}}))
	}
	arms := []Arm{{Name: "arm", Differs: "[]"}}
	must(t, db.PutSweep(Sweep{Name: "one", Arms: arms},
		[]Member{{Arm: "arm", Seed: 0, Run: idOf("a")}, {Arm: "arm", Seed: 1, Run: idOf("b")}}))
	must(t, db.PutSweep(Sweep{Name: "two", Arms: arms}, []Member{{Arm: "arm", Seed: 0, Run: idOf("b")}}))
	return db
}

// A removed run leaves no row in any table with a column `run`, even in one that this test does not know. The other run
// stays whole, and the sweep still plans the removed run.
func TestRemoveARun(t *testing.T) {
	db := filled(t)
	rows := func(run string) (n int) {
		tables, err := tablesWith(db.sql, "run",
			map[string]string{"INTEGER": "run = (SELECT id FROM runs WHERE hash = ?)", "TEXT": "run = ?"})
		must(t, err)
		if len(tables) < 6 {
			t.Fatalf("only %v hold rows of a run", tables)
		}
		for _, table := range tables {
			var some int
			must(t, db.sql.QueryRow("SELECT count(*) FROM "+table, run).Scan(&some))
			if some == 0 {
				t.Logf("nothing in %s", table)
			}
			n += some
		}
		return n
	}
	had := rows(idOf("b"))
	counted, err := db.Count(Removal{Runs: []string{idOf("a")}})
	must(t, err)
	// 3 rows of statistics, 1 conflict, 2 timings, 1 fit, 1 snapshot, 1 provenance and the run.
	if counted != 10 {
		t.Errorf("%d rows counted, want 10", counted)
	}
	removed, err := db.Remove(Removal{Runs: []string{idOf("a"), "unknown"}})
	must(t, err)
	if removed != counted {
		t.Errorf("%d rows removed, %d counted", removed, counted)
	}
	if rows(idOf("b")) != had {
		t.Errorf("the other run has %d rows, had %d", rows(idOf("b")), had)
	}
	members, err := db.RunsOf("one")
	must(t, err)
	if len(members) != 2 || members[0].Run.Status != Planned || members[1].Run.Status != "running" {
		t.Errorf("the sweep's runs are %+v", members)
	}
	faults, err := db.Faults()
	must(t, err)
	for _, f := range faults {
		if !strings.Contains(f, "best fit") { // the fixture has no best fits
			t.Error(f)
		}
	}
}

func TestRemoveASweep(t *testing.T) {
	db := filled(t)
	counted, err := db.Count(Removal{Sweeps: []string{"one"}})
	must(t, err)
	removed, err := db.Remove(Removal{Sweeps: []string{"one"}})
	must(t, err)
	if counted != 4 || removed != counted { // an arm, two members and the sweep
		t.Errorf("%d rows counted, %d removed, want 4", counted, removed)
	}
	sweeps, err := db.Sweeps()
	must(t, err)
	if len(sweeps) != 1 || sweeps[0].Name != "two" || len(sweeps[0].Arms) != 1 {
		t.Errorf("%+v are left", sweeps)
	}
	if runs, err := db.Runs(); err != nil || len(runs) != 2 {
		t.Errorf("%d runs are left, %v", len(runs), err)
	}
}

func TestLastMetricsAndTimings(t *testing.T) {
	db := filled(t)
	metrics, err := db.LastMetrics("", "loss")
	must(t, err)
	if len(metrics) != 2 || metrics[0].Run != idOf("a") || metrics[0].Step != 9 || !math.IsNaN(metrics[0].Value) {
		t.Errorf("%+v, want a NaN of each run at step 9", metrics)
	}
	if metrics, err = db.LastMetrics(idOf("b")); err != nil || len(metrics) != 1 || metrics[0].Run != idOf("b") ||
		metrics[0].Statistic != "loss" {
		t.Errorf("%+v, %v, want the loss of b: top1 is of another site", metrics, err)
	}
	timings, err := db.LastTimings(idOf("a"), "tokens_per_second")
	must(t, err)
	if len(timings) != 1 || timings[0].Step != 9 || timings[0].Value != 20 {
		t.Errorf("%+v, want 20 at step 9", timings)
	}
}
