package fit

import "math"

// scaled fits y = k shape(at, u) over the box of one or two coordinates: k in closed form, the coordinates by a grid and
// then a search whose steps halve (compass search), which needs no derivative and cannot leave the box.
func scaled(s series, shape func(at []float64, u float64) float64, box [][2]float64) (best []float64, k float64) {
	const points = 25
	h := make([]float64, len(s.u))
	cost := func(at []float64) (float64, float64) {
		for i, u := range s.u {
			h[i] = shape(at, u)
		}
		var k, sse float64
		if hh := dot(h, h); hh > 0 {
			k = dot(h, s.y) / hh
		}
		for i, y := range s.y {
			sse += (y - k*h[i]) * (y - k*h[i])
		}
		return sse, k
	}
	at, step := make([]float64, len(box)), make([]float64, len(box))
	cells := 1
	for d, b := range box {
		step[d] = (b[1] - b[0]) / (points - 1)
		cells *= points
	}
	least := math.Inf(1)
	for cell := range cells {
		for d, rest := 0, cell; d < len(box); d, rest = d+1, rest/points {
			at[d] = box[d][0] + step[d]*float64(rest%points)
		}
		if sse, scale := cost(at); sse < least {
			least, k, best = sse, scale, append(best[:0], at...)
		}
	}
	for round, shrink := 0, 0; shrink < 36 && round < 400; round++ {
		improved := false
		for d := range box {
			for _, sign := range [2]float64{1, -1} {
				copy(at, best)
				at[d] = min(max(best[d]+sign*step[d], box[d][0]), box[d][1])
				if sse, scale := cost(at); sse < least {
					least, k, improved = sse, scale, true
					copy(best, at)
				}
			}
		}
		if !improved {
			shrink++
			for d := range step {
				step[d] /= 2
			}
		}
	}
	return best, k
}
