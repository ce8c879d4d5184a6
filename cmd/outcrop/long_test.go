//go:build long

package main

import (
	"path/filepath"
	"testing"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/store"
)

// The numbers of a run that the sweeps' headers speak of, each in the block and the head where it is largest.
var (
	ratio = derive.Scalar{Site: "resid_post", Statistic: "ratio_mean", Layers: derive.Max}
	sink  = derive.Scalar{Site: "attn.pattern", Statistic: "first_token_attention", Layers: derive.Max,
		Heads: derive.Max}
	kurt = derive.Scalar{Site: "resid_post", Statistic: "kurtosis", Layers: derive.Max}
	held = derive.Scalar{Site: "run", Statistic: "heldout_loss"}
)

// bounds is what a number may be at a step. Training is chaotic in the last bits, so that another instruction set gives
// other numbers of the same kind: the bounds are wider than the ranges in the headers by a fifth or so.
type bounds struct {
	of        derive.Scalar
	at        derive.Rule
	low, high float64
}

// valueOf returns a number of a run of one seed of an arm.
type valueOf func(arm string, seed int, s derive.Scalar) float64

// trainedAll runs an embedded sweep and returns the values of its runs.
func trainedAll(t *testing.T, sweep string, seeds int, args ...string) valueOf {
	t.Helper()
	dir := t.TempDir()
	args = append([]string{"run", sweep, "--results", dir}, args...)
	if code, _, stderr := outcrop(t.Context(), args...); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	db, err := store.OpenReadOnly(filepath.Join(dir, "outcrop.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	members, err := db.RunsOf(sweep)
	if err != nil {
		t.Fatal(err)
	}
	type run struct {
		arm  string
		seed int
	}
	ids := map[run]string{}
	for _, m := range members {
		ids[run{m.Member.Arm, int(m.Member.Seed)}] = m.Run.ID
	}
	if len(ids)%seeds != 0 || len(ids) == 0 {
		t.Fatalf("%d runs, want %d seeds of each arm", len(ids), seeds)
	}
	return func(arm string, seed int, s derive.Scalar) float64 {
		t.Helper()
		v, _, err := s.Value(db, ids[run{arm, seed}])
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// within checks an arm's numbers in every seed.
func within(t *testing.T, value valueOf, arm string, seeds int, all []bounds) {
	t.Helper()
	for seed := range seeds {
		for _, b := range all {
			s := b.of
			s.Step = b.at
			v := value(arm, seed, s)
			if !(v >= b.low && v <= b.high) {
				t.Errorf("%s, seed %d: %s is %.3f, want %g to %g", arm, seed, s, v, b.low, b.high)
			}
			t.Logf("%s, seed %d: %s is %.3f", arm, seed, s, v)
		}
	}
}

// What the quickstart promises holds for seeds 0 to 7.
func TestQuickstart(t *testing.T) {
	const seeds = 8
	value := trainedAll(t, "quickstart", seeds, "--set", "seeds=8")
	uniform := bounds{sink, derive.One(0), .05, .07}
	within(t, value, "baseline", seeds, []bounds{{ratio, derive.One(0), 5, 13}, {ratio, derive.Last, 25, 70},
		uniform, {sink, derive.Last, .12, .75}, {held, derive.Last, 4, 4.35}})
	within(t, value, "gated", seeds, []bounds{{ratio, derive.Last, 7, 30}, uniform, {sink, derive.Last, .04, .14}})
	within(t, value, "osp", seeds, []bounds{{ratio, derive.Last, 5, 13}, uniform, {sink, derive.Last, .05, .17},
		{kurt, derive.Last, -.5, .4}})
	for seed := range seeds {
		last := func(arm string, s derive.Scalar) float64 {
			s.Step = derive.Last
			return value(arm, seed, s)
		}
		if base, gated, osp := last("baseline", held), last("gated", held), last("osp", held); gated >= base || osp >= base {
			t.Errorf("seed %d: held-out loss %.3f, gated %.3f, osp %.3f, want both lower", seed, base, gated, osp)
		}
		if base, gated, osp := last("baseline", ratio), last("gated", ratio), last("osp", ratio); gated >= .8*base ||
			osp >= .5*base {
			t.Errorf("seed %d: ratio %.1f, gated %.1f, osp %.1f, want them below .8 and .5 of it", seed, base, gated, osp)
		}
	}
}

// What the header of the sweep `emergence` says holds for its eight seeds.
func TestEmergence(t *testing.T) {
	const seeds = 8
	value := trainedAll(t, "emergence", seeds)
	within(t, value, "baseline", seeds, []bounds{{ratio, derive.One(0), 5, 13}, {ratio, derive.Last, 26, 100},
		{sink, derive.One(0), .05, .07}, {sink, derive.Last, .18, .6}, {held, derive.Last, 4.2, 4.6}})
	grown := 0
	for seed := range seeds {
		first, last := ratio, ratio
		first.Step, last.Step = derive.One(0), derive.Last
		if value("baseline", seed, last) >= 3*value("baseline", seed, first) {
			grown++
		}
	}
	if grown < seeds {
		t.Errorf("the ratio at least triples in %d of %d seeds, want all", grown, seeds)
	}
}
