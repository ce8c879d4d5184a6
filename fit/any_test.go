package fit

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Any series is refused with ErrPoints, or fitted with finite numbers, ordered intervals and weights that sum to one.
func TestAnySeries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		tUnit := math.Pow(10, float64(rapid.IntRange(-20, 20).Draw(t, "unit of t")))
		yUnit := math.Pow(10, float64(rapid.IntRange(-90, 90).Draw(t, "unit of y")))
		step := rapid.OneOf(rapid.Float64Range(0, 1), rapid.Just(0.0), rapid.Just(1.0), rapid.Float64Range(0, 1e4))
		value := rapid.OneOf(rapid.Float64Range(-1, 1), rapid.Just(0.0), rapid.Just(1.0), rapid.Float64Range(0, 1e6),
			rapid.Just(math.NaN()))
		p := Points{T: make([]float64, n), Y: make([]float64, n)}
		last := 0.0
		for i := range n {
			last += step.Draw(t, "step")
			p.T[i], p.Y[i] = tUnit*last, yUnit*value.Draw(t, "y")
		}
		if rapid.Bool().Draw(t, "weighted") {
			for range n {
				p.Sigma = append(p.Sigma, yUnit*rapid.Float64Range(0, 2).Draw(t, "sigma"))
			}
		}
		o := Options{Loss: rapid.SampledFrom(Losses()).Draw(t, "loss"),
			Interval: rapid.SampledFrom([]string{IntervalProfile, IntervalNone}).Draw(t, "interval")}
		results, err := All(p, o)
		if err != nil {
			if !errors.Is(err, ErrPoints) {
				t.Fatal(err)
			}
			return
		}
		var sum float64
		for _, r := range results {
			sum += r.Weight
			for name, v := range r.Params {
				if bad(v) {
					t.Fatalf("%s: %s = %g", r.Family, name, v)
				}
			}
			if bad(r.SSE) || bad(r.R2) || bad(r.RMSE) || math.IsNaN(r.AIC) {
				t.Fatalf("%s: SSE %g, R² %g, RMSE %g, AIC %g", r.Family, r.SSE, r.R2, r.RMSE, r.AIC)
			}
			for name, i := range r.Intervals {
				if !(i.Low <= i.High) {
					t.Fatalf("%s: interval of %s %v", r.Family, name, i)
				}
			}
		}
		if !math.IsNaN(results[0].AICc) && !near(sum, 1, 1e-9) {
			t.Fatalf("the weights sum to %g", sum)
		}
	})
}
