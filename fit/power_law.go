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
	later: func(p map[string]float64, by float64) map[string]float64 {
		tau := p["tau"] - by
		if !(tau > 0) {
			return nil
		}
		k := p["K"] * math.Exp(p["b"]*math.Log(tau/p["tau"]))
		return map[string]float64{"C": p["C"], "K": k, "tau": tau, "b": p["b"]}
	},
}

// fitPowerLaw searches tau from a hundredth of the distance between two points to ten times the last t.
func fitPowerLaw(s series) (map[string]float64, []string) {
	tau := axis{math.Log(1e-2 * s.gap), math.Log(10), "tau is at its least: the curve bends before the second point",
		"tau is at its largest, far beyond the data"}
	exponent := axis{math.Log(1e-2), math.Log(10),
		"b is at its least: the curve is a logarithm, which does not determine C and K",
		"b is at its largest: the curve is nearly an exponential"}
	signs := [2]float64{-1, 1}
	var searches [2]separable
	var all [2]found
	for i, sign := range signs {
		searches[i] = separable{
			shape: func(at []float64) func(float64) float64 {
				rate, b := math.Exp(-at[0]), sign*math.Exp(at[1])
				return func(u float64) float64 { return math.Expm1(b * math.Log1p(u*rate)) }
			},
			box:    []axis{tau, exponent},
			offset: true,
		}
		all[i] = searches[i].fit(s)
	}
	best := better(all[:]...)
	f := all[best]
	return map[string]float64{"C": f.c - f.k, "K": f.k, "tau": math.Exp(f.at[0]) * s.scale,
		"b": signs[best] * math.Exp(f.at[1])}, searches[best].edges(s, f.at)
}
