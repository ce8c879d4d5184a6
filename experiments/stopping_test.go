package experiments

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/folder"
	"github.com/outcrop-lab/outcrop/store"
)

// A rule ends its runs at the same step, interrupted or not. The runs are kept with the reason and not started again;
// in a sweep without the rule they go on to the bits of an undisturbed run.
func TestStoppingRule(t *testing.T) {
	src := fmt.Sprintf(tiny, 300, 20, 1)
	alone := newLab(t)
	if _, err := alone.execute(t.Context(), src, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.rows()
	rule := src + "stopping: {metric: loss, after: 100, above: 0.01}\n" // a loss in nats: all runs are above
	reason := "at step 100, above 0.01"

	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := l.execute(ctx, rule, func(e folder.Event) {
		if e.Status == store.Running && e.Step > 0 {
			cancel()
		}
	}); err == nil {
		t.Error("not interrupted")
	}
	sum, err := l.execute(t.Context(), rule, nil)
	if err != nil || sum.Early != 2 || sum.Stopped+sum.Done+sum.Failed != 0 {
		t.Fatalf("%+v, %v, want both ended early", sum, err)
	}
	_, status := l.rows()
	for _, s := range status {
		if !strings.Contains(s, " stopped 101 stopping: loss is ") || !strings.Contains(s, reason) {
			t.Errorf("status %q, want stopped after step 100, with the reason", s)
		}
	}
	before := l.started()
	if sum, err := l.execute(t.Context(), rule, nil); err != nil || sum.Early != 2 || sum.Kept != 2 ||
		l.started() != before {
		t.Errorf("again: %+v, %v, %d workers", sum, err, l.started()-before)
	}
	if got := l.tasks(rule); !slices.Equal(got, []string{"stopped by the sweep's rule", "stopped by the sweep's rule"}) {
		t.Errorf("tasks %q", got)
	}
	resumed := []string{"stopped, goes on from step 101", "stopped, goes on from step 101"}
	if got := l.tasks(src); !slices.Equal(got, resumed) {
		t.Errorf("tasks %q without the rule", got)
	}
	if sum, err := l.execute(t.Context(), src, nil); err != nil || sum.Done != 2 {
		t.Errorf("without the rule: %+v, %v", sum, err)
	}
	got, _ := l.rows()
	sameRows(t, want, got)
	if sum, err := l.execute(t.Context(), rule, nil); err != nil || sum.Done != 2 || sum.Early != 0 {
		t.Errorf("done, and the rule comes back: %+v, %v", sum, err)
	}
}
