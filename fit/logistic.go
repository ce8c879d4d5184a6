package fit

import "math"

// logistic is C + K / (1 + exp(-(t-middle)/width)) with width > 0: a rise (K > 0) or a fall between two levels.
var logistic = family{
	params: []string{"C", "K", "middle", "width"},
	fit:    fitLogistic,
	eval: func(p map[string]float64, t float64) float64 {
		return p["C"] + p["K"]*sigmoid((t-p["middle"])/p["width"])
	},
	steady: func(p map[string]float64) float64 { return p["C"] + p["K"] },
	later: func(p map[string]float64, by float64) map[string]float64 {
		return map[string]float64{"C": p["C"], "K": p["K"], "middle": p["middle"] + by, "width": p["width"]}
	},
}

// fitLogistic searches the middle from one span of t before the data to one after them, and then again on a logarithmic
// scale among the first steps. The width is searched from a tenth of the distance between two points to ten spans.
func fitLogistic(s series) (map[string]float64, []string) {
	const before, after = "middle is at its least, long before the data", "middle is at its largest, long after the data"
	width := axis{math.Log(1e-1 * s.gap), math.Log(10),
		"width is at its least: the curve jumps between two points", "width is at its bound: " + line}
	f := separable{
		shape: func(at []float64) func(float64) float64 {
			rate := math.Exp(-at[1])
			return func(u float64) float64 { return sigmoid((u - at[0]) * rate) }
		},
		box:    []axis{{-1, 2, before, after}, width},
		offset: true,
	}
	best := f.fit(s)
	// The grid of the first search is too coarse for a middle among the first steps of a log-spaced series.
	early := separable{
		shape: func(at []float64) func(float64) float64 {
			middle, rate := math.Exp(at[0]), math.Exp(-at[1])
			return func(u float64) float64 { return sigmoid((u - middle) * rate) }
		},
		box:    []axis{{low: math.Log(s.firstStep)}, width},
		offset: true,
	}.fit(s)
	if better(best, early) == 1 {
		best = early
		best.at[0] = math.Exp(early.at[0])
	}
	return map[string]float64{"C": best.c, "K": best.k, "middle": best.at[0] * s.scale,
		"width": math.Exp(best.at[1]) * s.scale}, f.edges(s, best.at)
}

func sigmoid(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}
