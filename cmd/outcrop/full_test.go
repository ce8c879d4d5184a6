package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/outcrop-lab/outcrop/store"
)

// fill writes a file until the disk is full.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for size := 1 << 20; size > 0; {
		if _, err = f.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// A removal makes room on a full disk: the folders go before the rows, whose removal needs room.
func TestRemoveOnAFullDisk(t *testing.T) {
	results := disk(t, "24m")
	id := strings.Repeat("ab", 32)
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
	must(db.PutRun(store.Run{ID: id, Config: "{}", Steps: 1, Step: 1, Status: store.Done}))
	rows := make([]store.Row, 50_000) // 2 MB
	for i := range rows {
		rows[i] = store.Row{Site: "resid_post", Statistic: "channel_max", Layer: 0, Head: -1, Idx: i, Value: float64(i)}
	}
	must(db.PutRows(id, 1, rows))
	must(db.PutSweep(store.Sweep{Name: "k", Arms: []store.Arm{{Name: "a", Differs: "[]"}}},
		[]store.Member{{Sweep: "k", Arm: "a", Run: id}}))
	must(db.Close())
	checkpoint := filepath.Join(results, "runs", id, "checkpoints", "step-00000001")
	must(os.MkdirAll(checkpoint, 0o777))
	must(os.WriteFile(filepath.Join(checkpoint, "model.safetensors"), make([]byte, 8<<20), 0o666))
	fill(t, filepath.Join(results, "filler"))
	if code, _, stderr := outcrop(t.Context(), "status", "--results", results); code != exitDone {
		t.Errorf("status: exit %d, %s", code, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "rm", "k", "--yes", "--results", results); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, path := range []string{"runs/" + id, "sweeps/k", ".removing", ".removed"} {
		if _, err := os.Stat(filepath.Join(results, path)); err == nil {
			t.Errorf("%s is left", path)
		}
	}
	db, err = store.OpenReadOnly(filepath.Join(results, "outcrop.db"))
	must(err)
	defer func() { _ = db.Close() }()
	if runs, err := db.Runs(); err != nil || len(runs) != 0 {
		t.Errorf("runs %v, %v", runs, err)
	}
}
