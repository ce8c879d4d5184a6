package experiments

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/outcrop-lab/outcrop/store"
)

// The rate is that of the present session, a half-written line counts for nothing, and the lock tells whether anybody works.
func TestReadLive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if l, err := ReadLive(dir); err != nil || l.Held || l.Last.Status != "" || !math.IsNaN(l.Rate) {
		t.Errorf("no folder: %+v, %v", l, err)
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	log := `{"time":"2026-01-02T03:04:00.000Z","status":"running","step":1000,"loss":1}
{"time":"2026-01-02T03:05:00.000Z","status":"started","step":0,"loss":0}
{"time":"2026-01-02T03:05:01.000Z","status":"running","step":100,"loss":3}
{"time":"2026-01-02T03:05:03.500Z","status":"running","step":150,"loss":2}
{"time":"2026-01-02T03:05:06.000Z","sta`
	if err := os.WriteFile(filepath.Join(dir, logFile), []byte(log), 0o666); err != nil {
		t.Fatal(err)
	}
	l, err := ReadLive(dir)
	if err != nil || l.Held || l.Last.Step != 150 || l.Last.Loss != 2 || l.Rate != 20 { // 50 steps in 2.5 s
		t.Errorf("%+v, %v, want 20 steps a second at step 150", l, err)
	}
	held, err := lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Close() }()
	if l, err = ReadLive(dir); err != nil || !l.Held {
		t.Errorf("%+v, %v, want it held", l, err)
	}
}

func TestLiveState(t *testing.T) {
	for _, c := range []struct {
		stored, noted string
		held          bool
		want          string
	}{
		{"planned", "", false, "planned"},
		{"planned", "running", true, "running"},
		{"stopped", "started", true, "running"},
		{"leased", "", false, "leased"},
		{"done", "done", true, "done"}, // it is measured again
		{"lost", "running", true, "running"},
		{"lost", "running", false, "lost"},
		{"running", "done", false, "running"}, // not merged yet
	} {
		if got := (Live{Held: c.held, Last: Note{Status: c.noted}}).State(c.stored); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// What is left is told by the pace of those that train, weighed by their parameters: here a run of 1000 parameters makes 2
// steps a second, so the 100 steps of the planned one, which counts as the mean of 1500, take 75 s after its own 25.
func TestLeft(t *testing.T) {
	runs := []Standing{
		{Run: "a", State: "done", Step: 100, Steps: 100, Params: 2000},
		{Run: "b", State: "running", Step: 50, Steps: 100, Rate: 2, Params: 1000},
		{Run: "b", State: "running", Step: 50, Steps: 100, Rate: 2, Params: 1000}, // of another arm
		{Run: "c", State: "planned"},
		{Run: "d", State: "stopped", Error: "by a rule", Steps: 100, Params: 1500},
	}
	seconds, progress := Left(runs)
	if want := 250e3 / 450e3; math.Abs(seconds-100) > 1e-9 || math.Abs(progress-want) > 1e-12 {
		t.Errorf("%v s and %v, want 100 s and %v", seconds, progress, want)
	}
	if seconds, _ = Left(runs[:1]); !math.IsNaN(seconds) {
		t.Errorf("%v s while nothing trains", seconds)
	}
}

// A run that is in the database alone belongs to no sweep; one that is planned has no steps yet.
func TestStandings(t *testing.T) {
	results := t.TempDir()
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, err := range []error{
		db.PutRun(store.Run{ID: "a", Config: `{"train": {"batch": 4}, "arch": {"context": 8}}`, Steps: 9, Step: 0, Status: "done"}),
		db.PutRows("a", 7, []store.Row{{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: 2}}),
		db.PutTiming("a", 7, "tokens_per_second", 64),
		db.PutRun(store.Run{ID: "alone", Config: "{}", Steps: 9, Status: "running"}),
		db.PutSweep(store.Sweep{Name: "s", Arms: []store.Arm{{Name: "x"}}}, []store.Member{{Arm: "x", Run: "a"}, {Arm: "x", Seed: 1, Run: "b"}}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	all, err := Standings(db, results, "")
	if err != nil || len(all) != 2 || all[0].Sweep != "s" || all[1].Sweep != "" || len(all[0].Runs) != 2 || len(all[1].Runs) != 1 {
		t.Fatalf("%+v, %v", all, err)
	}
	a, b, alone := all[0].Runs[0], all[0].Runs[1], all[1].Runs[0]
	if a.State != "done" || a.Step != 7 || a.Loss != 2 || a.Rate != 2 { // 64 tokens a second in batches of 32
		t.Errorf("%+v", a)
	}
	if b.State != store.Planned || b.Steps != 0 || !math.IsNaN(b.Loss) || alone.State != store.Lost {
		t.Errorf("%+v, %+v", b, alone)
	}
	if s := all[0].States; s["done"] != 1 || s["planned"] != 1 {
		t.Errorf("%v", s)
	}
	if one, err := Standings(db, results, "s"); err != nil || len(one) != 1 {
		t.Errorf("%+v, %v, want the sweep alone", one, err)
	}
}
