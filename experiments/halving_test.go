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

// rates is nine runs of one model, the fastest learner first. In this order no run is promoted that turns out not to be
// among the best, as ASHA promotes one that comes early.
const rates = `
name: tiny
base:
  arch: {layers: 2, width: 16, heads: 2, context: 16}
  train: {steps: 90, batch: 8}
  probe: {every: {name: steps, n: 5}, sequences: 2, heldout: 16}
grid: {optim.lr: [1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6, 1e-6]}
`

// Of nine runs at step 10 the best third go on to 30, and the best third of those to the end; the rest wait, with the
// reason. What is trained has the bits of a sweep without halving, with or without a kill, and nothing starts over.
//
//nolint:funlen // one scenario, step by step
func TestHalving(t *testing.T) {
	alone := newLab(t)
	if _, err := alone.execute(t.Context(), rates, nil); err != nil {
		t.Fatal(err)
	}
	want, _ := alone.rows()
	src := rates + "stopping: {metric: heldout_loss, halving: {eta: 3, min_steps: 10}}\n"
	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	begun := map[string]bool{}
	if _, err := l.execute(ctx, src, func(e folder.Event) {
		if begun[e.Run] = true; len(begun) == 5 {
			cancel()
		}
	}); err == nil {
		t.Error("not interrupted")
	}
	sum, err := l.execute(t.Context(), src, nil)
	if err != nil || sum.Done != 1 || sum.Early != 8 || sum.Stopped+sum.Failed != 0 {
		t.Fatalf("%+v, %v", sum, err)
	}
	at := map[string]int{}
	_, status := l.rows()
	for _, s := range status {
		for _, step := range []string{" stopped 10 stopping: halving: number ", " stopped 30 stopping: halving: number ",
			" done 90 "} {
			if strings.Contains(s, step) {
				at[strings.Fields(step)[1]]++
			}
		}
	}
	if at["10"] != 6 || at["30"] != 2 || at["90"] != 1 || !strings.Contains(status[0], " done ") {
		t.Errorf("%v runs ended at each step: %q", at, status)
	}
	got, _ := l.rows()
	for _, s := range got {
		i := slices.IndexFunc(want, func(w store.Series) bool {
			return w.Run == s.Run && w.Site == s.Site && w.Statistic == s.Statistic && w.Layer == s.Layer &&
				w.Head == s.Head && w.Idx == s.Idx
		})
		if n := len(s.Steps); i < 0 ||
			fmt.Sprint(s.Steps, s.Values) != fmt.Sprint(want[i].Steps[:n], want[i].Values[:n]) {
			t.Fatalf("%s/%s of layer %d differs", s.Site, s.Statistic, s.Layer)
		}
	}
	before := l.started()
	if again, err := l.execute(t.Context(), src, nil); err != nil || again.Done != sum.Done || again.Early != sum.Early ||
		l.started() != before {
		t.Errorf("again: %+v, %v, %d workers", again, err, l.started()-before)
	}
	if got := l.tasks(src); got[0] != store.Done ||
		counts(got)["stopped, waits at step 10 to be among the best"] != 6 ||
		counts(got)["stopped, waits at step 30 to be among the best"] != 2 {
		t.Errorf("tasks %q", got)
	}
	if got := l.tasks(rates); counts(got)["stopped, goes on from step 10"] != 6 {
		t.Errorf("tasks %q without the rule", got)
	}
	// Without the rule all runs are trained to the end.
	if all, err := l.execute(t.Context(), rates, nil); err != nil || all.Done != 9 {
		t.Errorf("without halving: %+v, %v", all, err)
	}
	got, _ = l.rows()
	sameRows(t, want, got)
}

// If two coordinators, each a process of its own, share one ladder, no part of a run is trained twice, neither marks a
// run as stopped that the other has promoted, and both end with the same sum.
func TestTwoCoordinatorsHalve(t *testing.T) {
	src := rates + "stopping: {metric: heldout_loss, halving: {eta: 3, min_steps: 10}}\n"
	l := newLab(t)
	a, b := l.coordinator(src), l.coordinator(src)
	sums := [2]Summary{a.summary(t), b.summary(t)}
	for i, sum := range sums {
		if sum.Done < 1 || sum.Done+sum.Early != 9 {
			t.Errorf("coordinator %d: %+v, want nine, the best done", i, sum)
		}
	}
	if sums[0].Done != sums[1].Done {
		t.Errorf("one has %d done, the other %d", sums[0].Done, sums[1].Done)
	}
	history := l.history()
	_, status := l.rows()
	for i, p := range planOf(t, src) {
		legs := 0
		for leg, end := range []string{" stopped 10 stopping: halving: number ", " stopped 30 stopping: halving: number ",
			" done 90 "} {
			if strings.Contains(status[i], end) {
				legs = leg + 1
			}
		}
		if legs == 0 || history[p.ID][store.Running] != legs {
			t.Errorf("%q was trained in %d parts, want %d", status[i], history[p.ID][store.Running], legs)
		}
	}
	if !strings.Contains(status[0], " done ") {
		t.Errorf("the best is not done: %q", status)
	}
}

func counts(words []string) map[string]int {
	n := map[string]int{}
	for _, w := range words {
		n[w]++
	}
	return n
}
