package todo

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/experiments/sweep"
	"github.com/outcrop-lab/outcrop/store"
)

func TestTasksInWords(t *testing.T) {
	src := "name: x\nbase: {train: {steps: 4}}\nseeds: 5\n"
	planned, results := planOf(t, src), t.TempDir()
	db, err := store.Open(filepath.Join(results, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	for i, status := range []string{store.Failed, store.Stopped, store.Running, store.Planned} {
		if err := db.PutRun(store.Run{ID: planned[i].ID, Config: "{}", Status: status}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(results, "runs", planned[3].ID)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	held, err := folder.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := Tasks(results, planned)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range tasks {
		got = append(got, s.String())
	}
	// The process of the third run is gone; this process holds the fourth run's folder.
	want := []string{"failed, starts again", "stopped, starts again", "lost, starts again", "running", "new"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
}

func planOf(t *testing.T, src string) []plan.Planned {
	t.Helper()
	s, err := sweep.LoadBytes("s.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	planned, err := plan.Of(s, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	return planned
}
