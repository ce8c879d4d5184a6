package fit

import (
	"math"
	"testing"
)

func TestMean(t *testing.T) {
	// The mean of 1, 2, 3 is 2, its standard error 1/sqrt(3), and the 97.5 % quantile of t with 2 degrees of freedom
	// 4.302653 (any table).
	mean, interval, n := Mean([]float64{3, math.NaN(), 1, 2, math.Inf(1)})
	half := 4.302653 / math.Sqrt(3)
	if mean != 2 || n != 3 || math.Abs(interval.Low-(2-half)) > 1e-6 || math.Abs(interval.High-(2+half)) > 1e-6 {
		t.Errorf("%v %v of %d values, want 2 ± %v of 3", mean, interval, n, half)
	}
	mean, interval, n = Mean([]float64{5})
	if mean != 5 || n != 1 || !math.IsNaN(interval.Low) || !math.IsNaN(interval.High) {
		t.Errorf("%v %v of %d: one value has no interval", mean, interval, n)
	}
	if mean, _, n = Mean([]float64{math.NaN()}); !math.IsNaN(mean) || n != 0 {
		t.Errorf("%v of %d values, want none", mean, n)
	}
	if got := Median([]float64{4, math.NaN(), 1, 2}); got != 2 {
		t.Errorf("median %v, want 2", got)
	}
}
