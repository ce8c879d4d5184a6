//go:build readers

package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/outcrop-lab/outcrop/store"
)

// TestReaders trains a small sweep, adds values that training seldom produces, exports everything, and lets independent
// readers compare every value. `make test-readers` installs them and sets OUTCROP_PYTHON to their Python.
func TestReaders(t *testing.T) {
	python := os.Getenv("OUTCROP_PYTHON")
	if python == "" {
		t.Fatal("OUTCROP_PYTHON is not set: run make test-readers")
	}
	results := t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "20")), "--results",
		results); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	addAwkward(t, filepath.Join(results, "outcrop.db"))
	out := t.TempDir()
	for _, format := range []string{"csv", "jsonl", "parquet", "tensorboard"} {
		if code, _, stderr := outcrop(t.Context(), "export", "--format", format, "--out", filepath.Join(out, format),
			"--results", results); code != exitDone {
			t.Fatalf("%s: exit %d: %s", format, code, stderr)
		}
	}
	said, err := exec.Command(python, "../../export/readers/read_back.py", filepath.Join(results, "outcrop.db"),
		out).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	t.Logf("%s", said)
}

// addAwkward adds a run with NaN, infinities, denormals, the largest seed, names in several scripts, strings that need
// quoting, a conflict and a difference.
func addAwkward(t *testing.T, path string) {
	t.Helper()
	db, err := store.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	run := store.Run{ID: "awkward", Config: `{"a":"ü, \"b\""}`, Seed: math.MaxUint64, Status: "failed",
		Error: "two\nlines, a \"quote\" and a tab\t", Commit: "c"}
	later := run
	later.CPU = "another, 頂"
	var rows []store.Row
	for i, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64,
		math.MaxFloat64, 0.1, -1e-7} {
		rows = append(rows, store.Row{Site: "höchste 頂 <&>", Statistic: `a "b", c`, Layer: i, Head: -1, Idx: 1 << 40,
			Value: x})
	}
	other := store.Row{Site: rows[0].Site, Statistic: rows[0].Statistic, Layer: 1, Head: -1, Idx: 1 << 40, Value: 5}
	for _, err := range []error{
		db.PutRun(run), db.PutRows(run.ID, 1<<40, rows), db.PutRows(run.ID, 1<<40, []store.Row{other}), db.PutRun(later),
		db.PutRows(run.ID, 1<<40, []store.Row{other}),
		db.PutEvent(store.Event{Run: run.ID, At: time.UnixMicro(1_700_000_000_000_001), Status: store.Failed, Step: 3,
			Message: "two\nlines"}),
		db.PutClaims("s", []store.Claim{{Name: "c, 頂", Statement: "a \"b\"\nc", Verdict: store.Holds, Detail: `{"n":2}`}}),
		db.PutSnapshots(run.ID, []store.SnapshotFile{{Step: 1, Site: rows[0].Site, File: "snapshots/頂, 1.safetensors",
			Tensor: "x.0"}}),
		db.PutTiming(run.ID, 1, "seconds, all", math.NaN()), db.Close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}
