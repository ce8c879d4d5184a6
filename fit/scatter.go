package fit

import (
	"cmp"
	"math"
	"slices"
)

// excess is the factor by which the series' scatter must exceed its sigmas' variance before scatter adds anything to
// them: about three standard errors of the estimate for 154 points.
const excess = 1.5

// scatter returns the variance that all points of a series have beyond their sigmas. The spread over probe sequences
// shows how well the mean at one step is known, but training itself moves the curve more than that from step to step.
// For any smooth curve, the difference between a point and the line through its neighbours is noise (Gasser, Sroka and
// Jennen-Steinmetz 1986), so that scatter needs no family. It returns the variance that, added to every sigma², gives
// these differences their expected median square. It is 0 if they do not exceed that already, and for fewer than eight
// points.
func scatter(t, y, sigma []float64) float64 {
	if len(t) < 8 {
		return 0
	}
	order := make([]int, len(t))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(t[a], t[b]) })
	// By difference: its square, its variance by the sigmas, and its variance if every point had a variance of 1.
	var square, variance, share []float64
	for i := 1; i+1 < len(order); i++ {
		a, b, c := order[i-1], order[i], order[i+1]
		if t[c] == t[a] {
			continue
		}
		p := (t[c] - t[b]) / (t[c] - t[a])
		d := p*y[a] + (1-p)*y[c] - y[b]
		square = append(square, d*d)
		variance = append(variance, p*p*sigma[a]*sigma[a]+(1-p)*(1-p)*sigma[c]*sigma[c]+sigma[b]*sigma[b])
		share = append(share, p*p+(1-p)*(1-p)+1)
	}
	const chiSquare = 0.4549364231195724 // median of one degree of freedom
	ratio := make([]float64, len(square))
	typical := func(common float64) float64 {
		for i := range square {
			ratio[i] = square[i] / max(variance[i]+common*share[i], math.SmallestNonzeroFloat64)
		}
		return medianOf(ratio) / chiSquare
	}
	if len(square) == 0 || !(typical(0) > excess) {
		return 0
	}
	low, high := 0.0, slices.Max(square)/chiSquare
	for range 60 {
		if middle := (low + high) / 2; typical(middle) > 1 {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
