package plots

import "math"

// gaussianRatio returns the expected maximum of |x| over the median of |x| for n independent x from N(0,1), which is
// the ratio of an activation without outliers: 5.64 for 4,096 scalars. It integrates one minus the maximum's
// distribution function.
func gaussianRatio(n int) float64 {
	const dx = 1e-3
	sum := 0.0
	for i := range 12000 {
		x := (float64(i) + .5) * dx
		sum += (1 - math.Pow(math.Erf(x/math.Sqrt2), float64(n))) * dx
	}
	const median = .6744897501960817
	return sum / median
}

// uniformAttention returns the attention that position 0 receives, averaged over queries 1 to T-1, if each query
// attends equally to all positions that it sees: (H_T - 1)/(T - 1), with H_T the T-th harmonic number.
func uniformAttention(context int) float64 {
	sum := 0.0
	for t := 2; t <= context; t++ {
		sum += 1 / float64(t)
	}
	return sum / float64(context-1)
}
