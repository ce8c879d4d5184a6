package experiments

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/trainer"
)

// A damaged checkpoint, and one of another run, are refused by name, in the coordinator's events and in the run's log.
// The run goes on from the checkpoint before and ends with the rows of an undisturbed run.
//
//nolint:funlen // one scenario, step by step
func TestRefusedCheckpoints(t *testing.T) {
	const steps = 2000 // enough that no run ends before it is stopped
	src := fmt.Sprintf(tiny, steps, 20, 1)
	alone := newLab(t)
	if _, err := alone.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.rows()

	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := l.execute(ctx, src, func(e folder.Event) {
		if e.Status == "running" && e.Step > 130 { // at least 80 and 120 are there, of both runs or of one
			cancel()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	planned := planOf(t, src)
	hurt := planned[0]
	if kept, err := trainer.Kept(l.dir(hurt)); err != nil || len(kept) < 2 {
		hurt = planned[1]
	}
	kept, err := trainer.Kept(l.dir(hurt))
	if err != nil || len(kept) < 2 { // those of the schedule, and perhaps one of the stop
		t.Fatalf("checkpoints at %v, %v", kept, err)
	}
	kept = kept[len(kept)-2:]
	checkpoint := func(step int) string {
		return filepath.Join(l.dir(hurt), "checkpoints", fmt.Sprintf("step-%08d", step))
	}
	if err := os.Truncate(filepath.Join(checkpoint(kept[1]), "optimizer.safetensors"), 1000); err != nil {
		t.Fatal(err)
	}
	other := planned[0]
	if hurt.ID == other.ID {
		other = planned[1]
	}
	foreign := filepath.Join(alone.dir(other), "checkpoints", fmt.Sprintf("step-%08d", steps))
	if err := os.CopyFS(checkpoint(steps), os.DirFS(foreign)); err != nil {
		t.Fatal(err)
	}

	var told []string
	sum, err := l.execute(t.Context(), src, func(e folder.Event) {
		if strings.HasPrefix(e.Status, "refused") && e.Run == hurt.ID {
			told = append(told, e.Status)
		}
	})
	if err != nil || sum.Done != 2 {
		t.Fatalf("%+v, %v", sum, err)
	}
	text := strings.Join(told, "\n")
	for _, part := range []string{checkpoint(steps) + ": belongs to run " + other.ID,
		checkpoint(kept[1]) + ": optimizer.safetensors is damaged", fmt.Sprintf("going on from step %d", kept[0])} {
		if !strings.Contains(text, part) {
			t.Errorf("told %q, want %q", text, part)
		}
	}
	log, err := os.ReadFile(filepath.Join(l.dir(hurt), folder.Log))
	if err != nil || strings.Count(string(log), "refused the checkpoint") != 2 {
		t.Errorf("the log says %s, %v", log, err)
	}
	got, _ := l.rows()
	sameRows(t, want, got)
}

func (l *lab) dir(p plan.Planned) string { return filepath.Join(l.results, "runs", p.ID) }
