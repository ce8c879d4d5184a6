package fit

import (
	"math"
	"math/rand/v2"
	"testing"
)

// Sigmas that account for only part of the noise are increased by about the rest. Sigmas that account for all of it
// stay.
func TestScatter(t *testing.T) {
	steps := pythiaSteps()
	var rest, none []float64
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		y, sigma := fixture.sample(steps), make([]float64, len(steps))
		for i := range y {
			sigma[i] = .001 * (1 + r.Float64())
			y[i] += sigma[i] * r.NormFloat64()
		}
		none = append(none, scatter(steps, y, sigma))
		for i := range y {
			y[i] += .005 * r.NormFloat64()
		}
		rest = append(rest, math.Sqrt(scatter(steps, y, sigma)))
	}
	if got := medianOf(rest); !(math.Abs(got-.005) < .0005) { // a tenth: the standard error of one draw
		t.Errorf("standard deviation added %g, want .005", got)
	}
	if got := medianOf(none); got != 0 {
		t.Errorf("variance added %g, want 0", got)
	}
	if got := scatter(steps[:7], steps[:7], steps[:7]); got != 0 {
		t.Errorf("seven points: %g", got)
	}
}
