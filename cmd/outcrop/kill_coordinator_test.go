package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

// The coordinator is killed, with its workers or alone, at random moments and while it writes to the database. The same
// command then ends with the rows, the fits and the figure of a sweep that was not killed.
//
//nolint:funlen // one function, because the kills go on where the last one left the sweep
func TestKilledCoordinator(t *testing.T) {
	text := strings.Replace(kills, "steps: 240", "steps: 400",
		1) + "  a: {}\n  b: {optim: {name: muon}, schedule: {name: cosine, warmup: 30}}\n  c: {arch: {norm: ssnorm}}\n"
	file := sweepFile(t, text)
	whole, parts := t.TempDir(), t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", whole, "--jobs", "2"); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	random := rand.New(rand.NewPCG(16, 1))
	kills, torn := 0, 0
	for attempt := 0; kills < 4 && attempt < 12; attempt++ {
		log := filepath.Join(parts, "outcrop.db-wal")
		p := start(t, "run", file, "--results", parts, "--jobs", "2")
		ended, killing := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(killing)
			if kills%2 == 0 {
				growth(log, random.IntN(12))(ended)
			} else {
				select {
				case <-ended:
				case <-time.After(time.Duration(random.Int64N(int64(1500 * time.Millisecond)))):
				}
			}
			workers := children(t, p.Process.Pid)
			_ = p.Process.Kill()
			if kills%3 == 0 {
				return // the workers notice that their coordinator has ended, write a checkpoint and end
			}
			for _, worker := range workers {
				_ = syscall.Kill(worker, syscall.SIGKILL)
			}
		}()
		code := p.exit(t)
		close(ended)
		<-killing
		if code == exitDone { // the sweep ended before it was killed: start again
			parts = t.TempDir()
			continue
		}
		if code != -1 {
			t.Fatalf("exit %d: %s", code, p.err.String())
		}
		kills++
		if half(t, log) {
			torn++
		}
	}
	t.Logf("%d kills, %d of them with a transaction half-written", kills, torn)
	if kills < 4 {
		t.Errorf("only %d kills", kills)
	}
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", parts, "--jobs", "2"); code != exitDone {
		t.Fatalf("after the kills: exit %d: %s", code, stderr)
	}
	path := func(results string) string { return filepath.Join(results, "outcrop.db") }
	sameText(t, measured(t, path(parts), true), measured(t, path(whole), true))
	if got, want := fitsOf(t, path(parts)), fitsOf(t, path(whole)); got != want || want == "" {
		t.Errorf("fits\n%s\nwant\n%s", got, want)
	}
	figure := filepath.Join("sweeps", "kills", "figures", "emergence.svg")
	if !bytes.Equal(read(t, filepath.Join(whole, figure)), read(t, filepath.Join(parts, figure))) {
		t.Error("the figure differs")
	}
}

func fitsOf(t *testing.T, path string) string {
	t.Helper()
	db, err := store.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	fits, err := db.Fits(store.Select{})
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	for _, f := range fits {
		text += fmt.Sprintln(f.Run, f.Site, f.Statistic, f.Layer, f.Head, f.Idx, f.Family, f.Params, f.Best)
	}
	return text
}

// children returns the processes that a process started.
func children(t *testing.T, parent int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Error(err)
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // the process has ended meanwhile
		}
		pid, state, of := 0, "", 0
		_, rest, _ := strings.Cut(string(text), ") ")
		_, first := fmt.Sscan(string(text), &pid)
		if _, err := fmt.Sscan(rest, &state, &of); err == nil && first == nil && of == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}
