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
}

// fitLogistic searches the middle from -1 to 2 times the last t, and then again on a logarithmic scale among the first
// steps.
func fitLogistic(s series) (map[string]float64, []string) {
	f := separable{
		shape: func(at []float64) func(float64) float64 {
			rate := math.Exp(-at[1])
			return func(u float64) float64 { return sigmoid((u - at[0]) * rate) }
		},
		box:    [][2]float64{{-1, 2}, {math.Log(1e-1 * s.firstStep), math.Log(10)}},
		offset: true,
	}.fit(s)
	// The grid of the first search is too coarse for a middle among the first steps of a log-spaced series.
	early := separable{
		shape: func(at []float64) func(float64) float64 {
			middle, rate := math.Exp(at[0]), math.Exp(-at[1])
			return func(u float64) float64 { return sigmoid((u - middle) * rate) }
		},
		box:    [][2]float64{{math.Log(s.firstStep), 0}, {math.Log(1e-1 * s.firstStep), math.Log(10)}},
		offset: true,
	}.fit(s)
	middle := f.at[0]
	if better(f, early) == 1 {
		f, middle = early, math.Exp(early.at[0])
	}
	p := map[string]float64{"C": f.c, "K": f.k, "middle": middle * s.scale, "width": math.Exp(f.at[1]) * s.scale}
	return p, atEdge(f.at[1], math.Log(10), "width is at its bound: "+line)
}

func sigmoid(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}
