package results

import (
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/store"
)

// The time left follows from the pace of the running runs, weighted by their parameters. Here a run of 1000 parameters
// makes 2 steps a second, so the 100 steps of the planned run, which counts with the mean of 1500 parameters, take 75 s
// after the running one's own 25 s.
func TestLeft(t *testing.T) {
	runs := []RunStatus{
		{Run: "a", Status: "done", Step: 100, Steps: 100, Params: 2000},
		{Run: "b", Status: "running", Step: 50, Steps: 100, Rate: 2, Params: 1000},
		{Run: "b", Status: "running", Step: 50, Steps: 100, Rate: 2, Params: 1000}, // of another arm
		{Run: "c", Status: "planned"},
		{Run: "d", Status: "stopped", Error: "by a rule", Steps: 100, Params: 1500},
	}
	seconds, progress := Left(runs)
	if want := 250e3 / 450e3; math.Abs(seconds-100) > 1e-9 || math.Abs(progress-want) > 1e-12 {
		t.Errorf("%v s and %v, want 100 s and %v", seconds, progress, want)
	}
	if seconds, _ = Left(runs[:1]); !math.IsNaN(seconds) {
		t.Errorf("%v s while nothing trains", seconds)
	}
}

// A run that is only in the database belongs to no sweep; one that is only planned has no steps yet.
func TestStatuses(t *testing.T) {
	results := t.TempDir()
	first, second, third := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64)
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, err := range []error{
		db.PutRun(store.Run{ID: first, Config: `{"train": {"batch": 4}, "arch": {"context": 8}}`, Steps: 9, Step: 0,
			Status: "done"}),
		db.PutRows(first, 7, []store.Row{{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: 2}}),
		db.PutTiming(first, 7, "tokens_per_second", 64),
		db.PutRun(store.Run{ID: third, Config: "{}", Steps: 9, Status: "running"}),
		db.PutSweep(store.Sweep{Name: "s", Arms: []store.Arm{{Name: "x"}}},
			[]store.Member{{Arm: "x", Run: first}, {Arm: "x", Seed: 1, Run: second}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := Statuses(db, results, "")
	if err != nil || len(all) != 2 || all[0].Sweep != "s" || all[1].Sweep != "" || len(all[0].Runs) != 2 ||
		len(all[1].Runs) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	a, b, alone := all[0].Runs[0], all[0].Runs[1], all[1].Runs[0]
	if a.Status != "done" || a.Step != 7 || a.Loss != 2 || a.Rate != 2 { // 64 tokens a second in batches of 32
		t.Errorf("%+v", a)
	}
	if b.Status != store.Planned || b.Steps != 0 || !math.IsNaN(b.Loss) || alone.Status != store.Lost {
		t.Errorf("%+v, %+v", b, alone)
	}
	if s := all[0].Counts; s["done"] != 1 || s["planned"] != 1 {
		t.Errorf("%v", s)
	}
	if one, err := Statuses(db, results, "s"); err != nil || len(one) != 1 {
		t.Errorf("%+v, %v, want the sweep alone", one, err)
	}
}
