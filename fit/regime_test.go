package fit

import "testing"

// A curve that has peaked counts as an early peak once it has lost a tenth of its rise. This curve starts at 0.
func TestRegimeOfDrop(t *testing.T) {
	p := natural{100, .1, 1, 1, 0}
	peak, ok := p.peak()
	if !ok {
		t.Fatal("no peak")
	}
	for _, c := range []struct {
		drop float64 // share of the rise that is lost at the end
		want string
	}{{.08, RegimeLogarithmicIncrease}, {.12, RegimeEarlyPeak}, {.19, RegimeEarlyPeak}} {
		low, high := peak, 100*peak // the end, by bisection
		for range 100 {
			if middle := (low + high) / 2; p.at(peak)-p.at(middle) < c.drop*(p.at(peak)-p.at(0)) {
				low = middle
			} else {
				high = middle
			}
		}
		s := series{t: []float64{0, peak, low}, first: 0, last: low}
		r := Result{PeakSeen: true, TPeak: peak, FPeak: p.at(peak)}
		if p.regime(s, &r); r.Regime != c.want {
			t.Errorf("a curve that loses %g of its rise is of regime %q, want %q", c.drop, r.Regime, c.want)
		}
	}
}
