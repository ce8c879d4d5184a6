package fit

import "math"

// logistic is C + K / (1 + exp(-(t-middle)/width)), width > 0: a rise (K > 0) or a fall between two levels.
var logistic = family{
	params: []string{"C", "K", "middle", "width"},
	fit:    fitLogistic,
	eval: func(p map[string]float64, t float64) float64 {
		return p["C"] + p["K"]*sigmoid((t-p["middle"])/p["width"])
	},
	steady: func(p map[string]float64) float64 { return p["C"] + p["K"] },
}

// fitLogistic looks for the middle from one range of t before the first t to one after the last.
func fitLogistic(s series) (map[string]float64, []string) {
	f := separable{
		shape: func(at []float64) func(float64) float64 {
			rate := math.Exp(-at[1])
			return func(u float64) float64 { return sigmoid((u - at[0]) * rate) }
		},
		box:    [][2]float64{{-1, 2}, {math.Log(1e-1 * s.firstStep), math.Log(10)}},
		offset: true,
	}.fit(s)
	// A middle among the first steps of a log-spaced series falls between the lines of that grid.
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
