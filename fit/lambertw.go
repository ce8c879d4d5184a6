package fit

import "math"

// LambertW0 returns the principal branch of the Lambert W function at x: the w >= -1 for which w exp(w) = x. It uses
// Halley's iteration (Corless et al. 1996). It returns NaN if x < -1/e or x is NaN, and +Inf if x is +Inf.
func LambertW0(x float64) float64 {
	const branch = -1 / math.E
	switch {
	case math.IsNaN(x) || x < branch:
		return math.NaN()
	case math.IsInf(x, 1) || x == 0:
		return x
	case x == branch:
		return -1
	}
	var w float64
	switch {
	case x < -0.25:
		p := math.Sqrt(2 * math.FMA(math.E, x, 1))
		w = -1 + p*(1+p*(-1.0/3+p*11.0/72))
	case x < 3:
		w = math.Log1p(x) * (1 - math.Log1p(math.Log1p(x))/(2+math.Log1p(x)))
	default:
		l := math.Log(x)
		w = l - math.Log(l) + math.Log(l)/l
	}
	for range 40 {
		// r is the residual divided by exp(w), so that nothing overflows for large x.
		r := w - x*math.Exp(-w)
		step := r / (w + 1 - (w+2)*r/(2*w+2))
		if math.IsNaN(step) {
			return w
		}
		w -= step
		if math.Abs(step) <= 1e-16*math.Abs(w) {
			break
		}
	}
	return w
}
