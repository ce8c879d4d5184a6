package fit

import "math"

// firstOrder is the step response K (1 - exp(-t/tau)), tau > 0, a rival in arXiv 2508.03616. As there it has no offset:
// it starts at 0, so it is a bad curve for a quantity that does not, and its R2 may be negative.
var firstOrder = family{
	params: []string{"K", "tau"},
	fit: func(s series) (map[string]float64, []string, error) {
		shape := func(at []float64, u float64) float64 { return -math.Expm1(-u * math.Exp(-at[0])) }
		at, k := scaled(s, shape, [][2]float64{{math.Log(1e-2 * s.firstStep), math.Log(1e3)}})
		return map[string]float64{"K": k, "tau": math.Exp(at[0]) * s.scale}, atEdge(at[0], math.Log(1e3), "tau"), nil
	},
	eval: func(p map[string]float64, t float64) float64 { return -p["K"] * math.Expm1(-t/p["tau"]) },
}

// atEdge remarks on a time constant at the upper end of its range.
func atEdge(at, high float64, name string) []string {
	if at < high-1e-3 {
		return nil
	}
	return []string{name + " is at its bound: over the data the response is a line, and K is not determined"}
}
