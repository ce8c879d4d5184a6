package fit

import "math"

// powerLaw is C + K (1 + t/tau)^b with tau > 0: the power law with offset, shifted so that it is finite at step 0. For
// b < 0 it approaches C, and for b > 0 it grows without limit. |b| lies between .01, where the curve is a logarithm to
// 1 % and K and C cancel, and 10, where it is nearly an exponential.
var powerLaw = family{
	params: []string{"C", "K", "tau", "b"},
	fit:    fitPowerLaw,
	eval: func(p map[string]float64, t float64) float64 {
		return p["C"] + p["K"]*math.Exp(p["b"]*math.Log1p(t/p["tau"]))
	},
	steady: func(p map[string]float64) float64 {
		if p["b"] < 0 {
			return p["C"]
		}
		return math.NaN()
	},
}

func fitPowerLaw(s series) (map[string]float64, []string) {
	tau := [2]float64{math.Log(1e-2 * s.firstStep), math.Log(10)}
	exponent := [2]float64{math.Log(1e-2), math.Log(10)}
	var all []found
	for _, sign := range [2]float64{-1, 1} {
		all = append(all, separable{
			shape: func(at []float64) func(float64) float64 {
				rate, b := math.Exp(-at[0]), sign*math.Exp(at[1])
				return func(u float64) float64 { return math.Expm1(b * math.Log1p(u*rate)) }
			},
			box:    [][2]float64{tau, exponent},
			offset: true,
		}.fit(s))
	}
	best := better(all...)
	f, b := all[best], math.Exp(all[best].at[1])
	if best == 0 {
		b = -b
	}
	p := map[string]float64{"C": f.c - f.k, "K": f.k, "tau": math.Exp(f.at[0]) * s.scale, "b": b}
	logarithm := "b is at its least: the curve is a logarithm, which does not determine C and K"
	return p, append(atEdge(-f.at[1], -exponent[0], logarithm),
		atEdge(f.at[1], exponent[1], "b is at its largest: the curve is nearly an exponential")...)
}
