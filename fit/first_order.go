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
	later: func(p map[string]float64, by float64) map[string]float64 {
		k := p["K"] * math.Exp(by/p["tau"])
		return map[string]float64{"C": p["C"] + p["K"] - k, "K": k, "tau": p["tau"]}
	},
}

const (
	line = "over the data the response is a line, and its end is not determined"
	over = "the response is over before the second point"
)

// fitFirstOrder searches tau from a hundredth of the distance between two points to a thousand times the last t.
// Without offset, the response is over before the first point if tau is small, and the search begins at a hundredth
// of that.
func fitFirstOrder(s series, offset bool) (map[string]float64, []string) {
	least := s.firstStep
	if offset {
		least = s.gap
	}
	f := separable{
		shape: func(at []float64) func(float64) float64 {
			rate := math.Exp(-at[0])
			return func(u float64) float64 { return -math.Expm1(-u * rate) }
		},
		box: []axis{{math.Log(1e-2 * least), math.Log(1e3), "tau is at its least: " + over,
			"tau is at its bound: " + line}},
		offset: offset,
	}
	best := f.fit(s)
	p := map[string]float64{"K": best.k, "tau": math.Exp(best.at[0]) * s.scale}
	if offset {
		p["C"] = best.c
	}
	return p, f.edges(s, best.at)
}
