package worker

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
)

func TestWorkRefusesAChangedRun(t *testing.T) {
	s, err := sweep.LoadBytes("x.yaml", []byte("name: x\nbase: {train: {steps: 20, batch: 8}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	planned, err := plan.Of(s, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	dir, r := t.TempDir(), planned[0].Run
	r.Config.Train.Steps = 21
	if err := r.Assign(dir, 1); err != nil {
		t.Fatal(err)
	}
	err = Work(t.Context(), dir, strings.NewReader(""), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "changed since the run was planned") {
		t.Errorf("got %v, want a refusal", err)
	}
	if _, err := os.Stat(filepath.Join(dir, folder.Shard)); !errors.Is(err, os.ErrNotExist) {
		t.Error("a refused run leaves a shard")
	}
}
