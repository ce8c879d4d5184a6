package probes

import "math"

// tops is the number of largest entries of a matrix that are kept.
const tops = 3

// The largest entries of each weight matrix by |w|, with their sign, and their places in W [out, in]; idx is the rank
// from 0. Entries that a small matrix lacks are NaN.
var (
	weightTop = ofTop("the entry of W with the largest |w|, second, third", "1",
		func(s *Site, i int) float64 { return float64(s.Data[i]) })
	weightTopRow = ofTop("its row", "row", func(s *Site, i int) float64 { return float64(i / s.Shape[1]) })

	weightTopColumn = ofTop("its column", "column", func(s *Site, i int) float64 { return float64(i % s.Shape[1]) })
)

func ofTop(formula, unit string, of func(s *Site, i int) float64) Statistic {
	return Statistic{Formula: formula, Source: "own", Unit: unit, Index: "rank", Of: Matrices, Beyond: true,
		Compute: func(_ *Layer, at *Site) []Value {
			places := topPlaces(at.Data)
			return indexed(tops, func(rank int) float64 {
				if rank >= len(places) {
					return math.NaN()
				}
				return of(at, places[rank])
			})
		}}
}

// topPlaces returns the indices of the tops largest |x|, or fewer if x is shorter, descending. Of equal values it takes
// the first.
func topPlaces(x []float32) []int {
	var places []int
	for i, v := range x {
		a := math.Abs(float64(v))
		if len(places) == tops && !(a > math.Abs(float64(x[places[tops-1]]))) {
			continue
		}
		if len(places) < tops {
			places = append(places, i)
		} else {
			places[tops-1] = i
		}
		for j := len(places) - 1; j > 0 && math.Abs(float64(x[places[j]])) > math.Abs(float64(x[places[j-1]])); j-- {
			places[j], places[j-1] = places[j-1], places[j]
		}
	}
	return places
}
