package results

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/store"
)

// shelf makes a results folder of two sweeps of n runs each, every run with its folder. The sweeps share their last
// run.
func shelf(t *testing.T, n int) (results string) {
	t.Helper()
	results = t.TempDir()
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := func(path string) {
		must(os.MkdirAll(filepath.Dir(path), 0o777))
		must(os.WriteFile(path, make([]byte, 100), 0o666))
	}
	for which, sweep := range []string{"one", "two"} {
		var members []store.Member
		for i := range n {
			id := fmt.Sprintf("%c%03d%s", "ab"[which], i, strings.Repeat("0", 60))
			if i == n-1 {
				id = "c" + strings.Repeat("0", 63)
			}
			members = append(members, store.Member{Arm: "arm", Seed: uint64(i), Run: id})
			must(db.PutRun(store.Run{ID: id, Config: "{}", Steps: 1}))
			must(db.PutRows(id, 1, []store.Row{{Site: "run", Statistic: "loss", Layer: -1, Head: -1, Idx: -1, Value: 1}}))
			file(filepath.Join(results, "runs", id, "config.yaml"))
			file(filepath.Join(results, "runs", id, "checkpoints", "step-00000001", "state.json"))
		}
		must(db.PutSweep(store.Sweep{Name: sweep, Arms: []store.Arm{{Name: "arm"}}}, members))
		file(filepath.Join(results, "sweeps", sweep, "report.html"))
	}
	must(db.Close())
	return results
}

// check counts the runs and sweeps of a shelf. It fails if one has rows but no folder, or a folder but no rows.
func (s shelved) check(t *testing.T) (runs, sweeps int) {
	t.Helper()
	db, err := store.OpenReadOnly(filepath.Join(s.results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	all, err := db.Runs()
	if err != nil {
		t.Fatal(err)
	}
	kept, err := db.Sweeps()
	if err != nil {
		t.Fatal(err)
	}
	folders, err := filepath.Glob(filepath.Join(s.results, "runs", "*", "checkpoints", "*", "state.json"))
	if err != nil || len(folders) != len(all) {
		t.Errorf("%d runs in the database, %d whole folders, %v", len(all), len(folders), err)
	}
	reports, err := filepath.Glob(filepath.Join(s.results, "sweeps", "*", "report.html"))
	if err != nil || len(reports) != len(kept) {
		t.Errorf("%d sweeps in the database, %d reports, %v", len(kept), len(reports), err)
	}
	if _, err := os.Stat(movedDir(s.results)); err == nil {
		t.Error("a folder is left aside")
	}
	return len(all), len(kept)
}

type shelved struct{ results string }

// A sweep takes its runs with it, except the one that another sweep also uses. An arm's run goes, and its sweep still
// plans it. A run that is named goes, whoever shares it.
func TestRemove(t *testing.T) {
	results := shelf(t, 3)
	r, err := PlanRemoval(results, []string{"one"})
	if err != nil {
		t.Fatal(err)
	}
	// Two folders of 200 bytes and a report of 100. Each run has a row of runs, of provenance and of statistics; the sweep
	// itself, its arm and its three members have five.
	if len(r.Runs) != 2 || len(r.Sweeps) != 1 || len(r.Kept) != 1 || r.Kept[0].Sweep != "two" || r.Bytes != 500 ||
		r.Rows != 11 {
		t.Errorf("%+v", r)
	}
	if runs, sweeps := (shelved{results}).check(t); runs != 5 || sweeps != 2 {
		t.Errorf("planning left %d runs and %d sweeps", runs, sweeps)
	}
	if err := Remove(results, r); err != nil {
		t.Fatal(err)
	}
	if runs, sweeps := (shelved{results}).check(t); runs != 3 || sweeps != 1 {
		t.Errorf("%d runs and %d sweeps are left, want 3 and 1", runs, sweeps)
	}
	if r, err = PlanRemoval(results, []string{"c", "two/arm/0"}); err != nil || len(r.Runs) != 2 ||
		len(r.Sweeps)+len(r.Kept) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := Remove(results, r); err != nil {
		t.Fatal(err)
	}
	if runs, sweeps := (shelved{results}).check(t); runs != 1 || sweeps != 1 {
		t.Errorf("%d runs and %d sweeps are left, want 1 and 1", runs, sweeps)
	}
	db, err := store.OpenReadOnly(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if members, err := db.RunsOf("two"); err != nil || len(members) != 3 || members[0].Run.Status != store.Planned {
		t.Errorf("%+v, %v, want the removed run planned", members, err)
	}
	if r, err = PlanRemoval(results, []string{"two/arm/0"}); err != nil || len(r.Runs)+r.Rows != 0 {
		t.Errorf("%+v, %v, want nothing of a run that is only planned", r, err)
	}
}

func TestRemoveRefusesARunThatIsRunning(t *testing.T) {
	results := shelf(t, 2)
	r, err := PlanRemoval(results, []string{"one"})
	if err != nil {
		t.Fatal(err)
	}
	held, err := folder.Lock(filepath.Join(results, "runs", r.Runs[0].Run))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := PlanRemoval(results, []string{"one"}); err == nil ||
		!strings.Contains(err.Error(), "run a00000000000: is running: stop it first") {
		t.Errorf("planned: %v", err)
	}
	if err := Remove(results, r); err == nil ||
		!strings.Contains(err.Error(), "is running") { // it started after the planning
		t.Errorf("removed: %v", err)
	}
	_ = held.Close()
	if runs, sweeps := (shelved{results}).check(t); runs != 3 || sweeps != 2 {
		t.Errorf("%d runs and %d sweeps are left, want all: 3 and 2", runs, sweeps)
	}
}

const removeIn = "OUTCROP_TEST_REMOVE"

// TestRemoveProcess is the process that TestRemoveKilled kills.
func TestRemoveProcess(t *testing.T) {
	results := os.Getenv(removeIn)
	if results == "" {
		return
	}
	r, err := PlanRemoval(results, []string{"one"})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("removing")
	if err := Remove(results, r); err != nil {
		t.Fatal(err)
	}
}

// A removal that is killed at any moment, and settled by the next command, has happened wholly or not at all.
func TestRemoveKilled(t *testing.T) {
	const n = 20
	gone, left := 0, 0
	for try := range 12 {
		results := shelf(t, n)
		cmd := exec.Command(os.Args[0], "-test.run=^TestRemoveProcess$")
		cmd.Env = append(os.Environ(), removeIn+"="+results)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 1)); err != nil { // it is removing
			t.Fatal(err)
		}
		time.Sleep(time.Duration(try) * 700 * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		db, err := store.Open(filepath.Join(results, "outcrop.db"))
		if err != nil {
			t.Fatal(err)
		}
		if err := SettleRemovals(db, results); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		switch runs, sweeps := (shelved{results}).check(t); {
		case runs == 2*n-1 && sweeps == 2:
			left++
		case runs == n && sweeps == 1:
			gone++
		default:
			t.Errorf("killed after %d: %d runs and %d sweeps are left", try, runs, sweeps)
		}
	}
	t.Logf("%d times it had not happened, %d times it had", left, gone)
}

// The kills may miss either side of the transaction, so both are tried here: a folder that was moved aside comes back
// if its rows are there, and goes if they are not.
func TestSettleRemovals(t *testing.T) {
	for _, committed := range []bool{false, true} {
		results := shelf(t, 3)
		r, err := PlanRemoval(results, []string{"one"})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(movedDir(results), 0o777); err != nil {
			t.Fatal(err)
		}
		places, err := r.places(results)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range places {
			if err := os.Rename(place[0], place[1]); err != nil {
				t.Fatal(err)
			}
		}
		db, err := store.Open(filepath.Join(results, "outcrop.db"))
		if err != nil {
			t.Fatal(err)
		}
		wantRuns, wantSweeps := 5, 2
		if committed {
			wantRuns, wantSweeps = 3, 1
			if _, err := db.Remove(r.stored()); err != nil {
				t.Fatal(err)
			}
		}
		if err := SettleRemovals(db, results); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if runs, sweeps := (shelved{results}).check(t); runs != wantRuns || sweeps != wantSweeps {
			t.Errorf("committed %v: %d runs and %d sweeps are left", committed, runs, sweeps)
		}
	}
}

// Once a removal is decided, the next command finishes it, wherever it was killed.
func TestSettleDecidedRemovals(t *testing.T) {
	for stage := range 4 { // decided, half emptied, emptied, and the rows gone
		results := shelf(t, 3)
		r, err := PlanRemoval(results, []string{"one"})
		if err != nil {
			t.Fatal(err)
		}
		places, err := r.places(results)
		if err != nil {
			t.Fatal(err)
		}
		db, err := store.Open(filepath.Join(results, "outcrop.db"))
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{os.Mkdir(movedDir(results), 0o777), move(places),
			os.Rename(movedDir(results), decidedDir(results))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if stage == 1 {
			if err := os.RemoveAll(filepath.Join(decidedDir(results), "run-"+r.Runs[0].Run, "checkpoints")); err != nil {
				t.Fatal(err)
			}
		}
		if stage >= 2 {
			if err := empty(decidedDir(results)); err != nil {
				t.Fatal(err)
			}
		}
		if stage == 3 {
			if _, err := db.Remove(r.stored()); err != nil {
				t.Fatal(err)
			}
		}
		if err := SettleRemovals(db, results); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if runs, sweeps := (shelved{results}).check(t); runs != 3 || sweeps != 1 {
			t.Errorf("stage %d: %d runs and %d sweeps are left, want 3 and 1", stage, runs, sweeps)
		}
		if _, err := os.Stat(decidedDir(results)); err == nil {
			t.Errorf("stage %d: a folder is left", stage)
		}
	}
}
