package stopping

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestRungs(t *testing.T) {
	for _, c := range []struct {
		h    Halving
		want []int
	}{{Halving{3, 10}, []int{10, 30}}, {Halving{2, 10}, []int{10, 20, 40, 80}}, {Halving{3, 90}, nil},
		{Halving{0, 10}, nil}} {
		if got := c.h.Rungs(90); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, want %v", c.h, got, c.want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	steps := []int{0, 10, 20, 30, 40, 50}
	values := []float64{5, 4, 3, 3.5, 2.95, 6}
	for _, c := range []struct {
		rule Rule
		at   int
		want string // of the reason; "" for none
	}{
		{Rule{Metric: "loss", Above: 4.5}, 0, "loss is 5 at step 0, above 4.5"},
		{Rule{Metric: "loss", Above: 4.5, After: 1}, 50, "loss is 6 at step 50"},
		{Rule{Metric: "loss", Below: 3}, 40, "below 3"},
		{Rule{Metric: "loss", Below: 2}, 0, ""},
		{Rule{Metric: "loss", Patience: 1}, 30, "was not below 3 in the 1 measurement up to step 30"},
		// With min_delta 0.1, a decrease of 0.05 is no improvement: 30, 40 and 50 bring none.
		{Rule{Metric: "loss", Patience: 2, MinDelta: 0.1}, 40, "was not below 2.9 in the 2 measurements"},
		{Rule{Metric: "loss", Patience: 2}, 0, ""},
		{Rule{Metric: "loss", Patience: 1, After: 50}, 50, "step 50"},
	} {
		at, reason := c.rule.Verdict(steps, values)
		if at != c.at || !strings.Contains(reason, c.want) || (reason == "") != (c.want == "") {
			t.Errorf("%+v: step %d, %q, want %d, %q", c.rule, at, reason, c.at, c.want)
		}
	}
}

func TestVerdictPassesOverNaN(t *testing.T) {
	rule := Rule{Metric: "loss", Patience: 1}
	if at, reason := rule.Verdict([]int{0, 10, 20, 30}, []float64{math.NaN(), 3, math.NaN(), 2}); reason != "" {
		t.Errorf("stopped at step %d: %s", at, reason)
	}
}

// Values that a killed run measured after its checkpoint do not stop it before it comes there again.
func TestWatchForgetsWhatComesAgain(t *testing.T) {
	stopped := 0
	w := &Watch{Rule: &Rule{Metric: "loss", Above: 4}, Steps: []int{0, 10, 20}, Values: []float64{1, 2, 9},
		Stop: func() { stopped++ }}
	w.See(10, 2)
	if stopped != 0 {
		t.Error("stopped at step 10 by what was measured at step 20")
	}
	w.See(20, 9)
	if stopped != 1 || !strings.Contains(w.Reason, "at step 20") {
		t.Errorf("stopped %d times, %q", stopped, w.Reason)
	}
}
