package run_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/run"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// A folder lists every process that worked in it, with the coordinator's command line. A damaged list is replaced.
func TestProvenance(t *testing.T) {
	t.Setenv(folder.CommandVariable, "outcrop run x.yaml")
	dir := t.TempDir()
	stored := store.Run{ID: "r", Commit: "c", GoVersion: "go1", KernelPath: "avx2", CPU: "some"}
	r := run.Run{ID: "r", Config: trainer.Default()}
	for n := 1; n <= 2; n++ {
		if err := r.Introduce(dir, stored, 2); err != nil {
			t.Fatal(err)
		}
		got, err := folder.ReadProvenance(dir)
		if err != nil || got.Run != "r" || len(got.Sessions) != n {
			t.Fatalf("%+v, %v, want %d sessions", got, err, n)
		}
		last := got.Sessions[n-1]
		if last.Command != "outcrop run x.yaml" || last.KernelPath != "avx2" || last.Threads != 2 || last.Cores < 1 ||
			last.Started.IsZero() || last.TrainerVersion != trainer.Version {
			t.Errorf("%+v", last)
		}
	}
	path := filepath.Join(dir, "provenance.json")
	if err := os.WriteFile(path, []byte(`{"run": "r", "sess`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.ReadProvenance(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged file: %v", err)
	}
	if err := r.Introduce(dir, stored, 1); err != nil {
		t.Fatal(err)
	}
	if got, err := folder.ReadProvenance(dir); err != nil || len(got.Sessions) != 1 {
		t.Errorf("%+v, %v, want one session", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); len(left) > 0 {
		t.Errorf("half-written: %v", left)
	}
}
