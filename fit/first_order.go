package fit

import "math"

// firstOrder is the step response K (1 - exp(-t/tau)) with tau > 0, a rival in arXiv 2508.03616. As in the paper it has
// no offset. It starts at 0, so it fits a quantity that does not start there badly, and its R2 may be negative.
var firstOrder = family{
	params: []string{"K", "tau"},
	fit:    func(s series) (map[string]float64, []string) { return fitFirstOrder(s, false) },
	eval:   func(p map[string]float64, t float64) float64 { return -p["K"] * math.Expm1(-t/p["tau"]) },
	steady: func(p map[string]float64) float64 { return p["K"] },
}

// firstOrderOffset is C + K (1 - exp(-t/tau)): firstOrder for a quantity that does not start at 0.
var firstOrderOffset = family{
	params: []string{"C", "K", "tau"},
	fit:    func(s series) (map[string]float64, []string) { return fitFirstOrder(s, true) },
	eval:   func(p map[string]float64, t float64) float64 { return p["C"] - p["K"]*math.Expm1(-t/p["tau"]) },
	steady: func(p map[string]float64) float64 { return p["C"] + p["K"] },
}

const line = "over the data the response is a line, and its end is not determined"

func fitFirstOrder(s series, offset bool) (map[string]float64, []string) {
	slow := math.Log(1e3)
	f := separable{
		shape: func(at []float64) func(float64) float64 {
			rate := math.Exp(-at[0])
			return func(u float64) float64 { return -math.Expm1(-u * rate) }
		},
		box:    [][2]float64{{math.Log(1e-2 * s.firstStep), slow}},
		offset: offset,
	}.fit(s)
	p := map[string]float64{"K": f.k, "tau": math.Exp(f.at[0]) * s.scale}
	if offset {
		p["C"] = f.c
	}
	return p, atEdge(f.at[0], slow, "tau is at its bound: "+line)
}
