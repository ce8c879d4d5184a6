package fit

import (
	"errors"
	"math"
	"testing"
)

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*max(1, math.Abs(b)) }

func TestSummarise(t *testing.T) {
	// Eight values: the second and the seventh order statistics cover the median with 1 - 2 (1+8)/256 = .9297, which is
	// too little. So the interval is the range, with 1 - 2/256.
	s := Summarise([]float64{3, 1, 2, 8, 5, 4, 7, 6}, []Interval{{2, 4}, {0, math.Inf(1)}, {1, 5}})
	if s.N != 8 || s.Median != 4.5 || s.Interval != (Interval{1, 8}) || !near(s.Coverage, 1-2./256, 1e-12) ||
		s.Within != 1.5 {
		t.Errorf("%+v", s)
	}
	if !near(s.Between, math.Sqrt(6), 1e-12) { // (n+1)n/12 = 6 for 1 … n
		t.Errorf("between %g", s.Between)
	}
	// Nine values: second to eighth, 1 - 2 (1+9)/512 = .9609.
	s = Summarise([]float64{1, 2, 3, 4, 5, 6, 7, 8, 9}, nil)
	if s.Interval != (Interval{2, 8}) || !near(s.Coverage, 1-20./512, 1e-12) {
		t.Errorf("%+v", s)
	}
	s = Summarise([]float64{math.NaN(), 5, 7}, nil)
	if s.N != 2 || s.Of != 3 || s.Median != 6 || s.Interval != (Interval{5, 7}) || s.Coverage != .5 {
		t.Errorf("%+v", s)
	}
	if s = Summarise([]float64{math.NaN()}, nil); s.N != 0 || !math.IsNaN(s.Median) {
		t.Errorf("%+v", s)
	}
}

func TestCompare(t *testing.T) {
	// Of the 20 ways to deal six values to two arms of three, only the given one and its mirror image are as extreme.
	c, err := Compare([]float64{1, 2, 3}, []float64{11, 12, 13})
	if err != nil || c.Difference != 10 || c.Splits != 20 || c.P != .1 {
		t.Errorf("%+v, %v", c, err)
	}
	// Equal variances of 1: Welch's degrees of freedom are 4, its half width 2.776445 sqrt(2/3).
	if want := 2.7764451051977987 * math.Sqrt(2./3); !near(c.Interval.High, 10+want, 1e-9) ||
		!near(c.Interval.Low, 10-want, 1e-9) {
		t.Errorf("interval %v, want 10 ± %g", c.Interval, want)
	}
	if c, err = Compare([]float64{1, 1}, []float64{1, 1}); err != nil || c.P != 1 || c.Interval != (Interval{}) {
		t.Errorf("equal arms: %+v, %v", c, err)
	}
	if c, err = Compare([]float64{1}, []float64{2, 3}); err != nil || !c.Interval.Open() || !near(c.P, 2./3, 1e-12) {
		t.Errorf("one seed: %+v, %v", c, err)
	}
	if _, err = Compare([]float64{math.NaN()}, []float64{2}); !errors.Is(err, ErrPoints) {
		t.Errorf("no value: %v", err)
	}
	if _, err = Compare(make([]float64, 30), make([]float64, 30)); !errors.Is(err, ErrPoints) {
		t.Errorf("too many: %v", err)
	}
}

func TestScaling(t *testing.T) {
	x, y := []float64{32, 64, 128, 256}, make([]float64, 4)
	for i := range x {
		y[i] = 3 * math.Pow(x[i], -.75)
	}
	p, err := Scaling(x, y)
	if err != nil || !near(p.Exponent, -.75, 1e-12) || !near(p.R2, 1, 1e-12) || p.N != 4 ||
		!near(p.Interval.Low, -.75, 1e-6) {
		t.Errorf("%+v, %v", p, err)
	}
	for name, y := range map[string][]float64{"negative": {1, 2, -1, 3}, "few": {1, 2, math.NaN(), math.NaN()},
		"short": {1}} {
		if _, err := Scaling(x, y); !errors.Is(err, ErrPoints) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Scaling([]float64{8, 8, 8}, []float64{1, 2, 3}); !errors.Is(err, ErrPoints) {
		t.Errorf("one x: %v", err)
	}
}
