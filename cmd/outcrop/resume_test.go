package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/experiments/results"

	"github.com/outcrop-lab/outcrop/store"
)

// outcrop stop stops what another process trains, at a checkpoint. Resumed without its file, the sweep ends with the
// rows of one that was not stopped.
func TestStopAndResume(t *testing.T) {
	file := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "4000"))
	whole, dir := t.TempDir(), t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", whole); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	p := start(t, "run", file, "--results", dir, "--jobs", "1")
	p.says(t, "a, seed 0: started")
	code, out, stderr := outcrop(t.Context(), "stop", "tiny", "--results", dir, "--json")
	var stopped []results.StoppedRun
	if err := json.Unmarshal([]byte(out), &stopped); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v: %s %s", code, err, out, stderr)
	}
	// One of two had begun.
	if len(stopped) != 1 || stopped[0].Status != store.Stopped || stopped[0].Step >= 4000 ||
		stopped[0].PID != p.Process.Pid {
		t.Errorf("stopped %+v", stopped)
	}
	if code := p.exit(t); code != exitInterrupted || !strings.Contains(p.err.String(), "outcrop resume tiny") {
		t.Errorf("exit %d: %s", code, p.err.String())
	}
	if code, _, stderr := outcrop(t.Context(), "stop", "tiny", "--results", dir); code != exitDone ||
		!strings.Contains(stderr, "no process trains tiny") {
		t.Errorf("with no process at work: exit %d: %s", code, stderr)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	// retry restarts the run that was stopped, and leaves the one that never began.
	if code, _, stderr := outcrop(t.Context(), "retry", "--failed", "tiny", "--results", dir); code != exitDone ||
		!strings.Contains(stderr, "nothing to do") {
		t.Errorf("retry --failed: exit %d: %s", code, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "retry", "tiny", "--results", dir); code != exitDone ||
		!strings.Contains(stderr, "1 done (0 of them before)") {
		t.Errorf("retry: exit %d: %s", code, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "resume", "tiny", "--results", dir); code != exitDone ||
		!strings.Contains(stderr, "2 done (1 of them before)") {
		t.Errorf("resume: exit %d: %s", code, stderr)
	}
	sameStatistics(t, whole, dir)
	if code, _, stderr := outcrop(t.Context(), "resume", "tny", "--results", dir); code != exitInput ||
		!strings.Contains(stderr, `did you mean "tiny"`) {
		t.Errorf("an unknown sweep: exit %d: %s", code, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "stop", "zz", "--results", dir); code != exitInput ||
		!strings.Contains(stderr, `none of the 2 runs`) {
		t.Errorf("an unknown run: exit %d: %s", code, stderr)
	}
}

// A coordinator that is killed with its workers before it has merged anything leaves runs that are lost, and a retry
// continues them.
func TestLostBeforeTheFirstMerge(t *testing.T) {
	file, dir := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "2000")), t.TempDir()
	p := start(t, "run", file, "--results", dir, "--jobs", "1")
	training(t, dir)
	workers := children(t, p.Process.Pid)
	for _, pid := range append(workers, p.Process.Pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
	}
	_ = p.Wait() // it was killed
	want := []string{store.Lost, store.Planned}
	merged := statusesOf(t, dir)
	for deadline := time.Now().Add(10 * time.Second); !slices.Equal(merged, want) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond) // a killed worker lets go of its run when the system comes to it
		merged = statusesOf(t, dir)
	}
	if !slices.Equal(merged, want) {
		t.Errorf("status %q, want the one that began lost", merged)
	}
	if _, _, stderr := outcrop(t.Context(), "retry", "tiny", "--failed", "--results", dir); !strings.Contains(stderr,
		"nothing to do") {
		t.Errorf("retry --failed: %s", stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "retry", "tiny", "--lost", "--results", dir); code != exitDone ||
		!strings.Contains(stderr, "1 done (0 of them before)") {
		t.Errorf("retry --lost: exit %d: %s", code, stderr)
	}
	if after := statusesOf(t, dir); !slices.Equal(after, []string{store.Done, store.Planned}) {
		t.Errorf("status %q after the retry", after)
	}
	_, shown, _ := outcrop(t.Context(), "show", "tiny/a/0", "--results", dir)
	if want := fmt.Sprintf("process %d on ", p.Process.Pid); strings.Count(shown, want) != 2 ||
		!strings.Contains(shown, "which held it, is gone") {
		t.Errorf("the history does not say who held the run, and that it is gone:\n%s", shown)
	}
}

// statusesOf returns the status of each run of the sweep tiny.
func statusesOf(t *testing.T, dir string) (all []string) {
	t.Helper()
	code, out, stderr := outcrop(t.Context(), "status", "tiny", "--json", "--results", dir)
	var documents []results.StatusDocument
	if err := json.Unmarshal([]byte(out), &documents); err != nil || code != exitDone {
		t.Fatalf("exit %d, %v: %s", code, err, stderr)
	}
	for _, r := range documents[0].Runs {
		all = append(all, r.Status)
	}
	return all
}

// statistics returns all rows as CSV, in the order of their key.
func statistics(t *testing.T, results string) []byte {
	t.Helper()
	dir := t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "export", "--format", "csv", "--out", dir, "--results",
		results); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	return read(t, filepath.Join(dir, "statistics.csv"))
}

func sameStatistics(t *testing.T, a, b string) {
	t.Helper()
	if x, y := statistics(t, a), statistics(t, b); len(x) < 1000 || string(x) != string(y) {
		t.Errorf("the rows differ: %d and %d bytes", len(x), len(y))
	}
}

// If a file that a sweep extends has changed, its runs are others, so it is not continued under its name.
func TestResumeRefusesAChangedSweep(t *testing.T) {
	file := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "20"))
	results := t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", results); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	sweep, members, err := db.Sweep("tiny")
	if err != nil {
		t.Fatal(err)
	}
	sweep.Source = strings.Replace(sweep.Source, "steps: 20", "steps: 21", 1)
	if err := db.PutSweep(sweep, members); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := outcrop(t.Context(), "resume", "tiny", "--results", results); code != exitInput ||
		!strings.Contains(stderr, "no longer those that it began with") {
		t.Errorf("exit %d: %s", code, stderr)
	}
}
