package fit

// constant is f(t) = K, with K the weighted mean.
var constant = family{
	params: []string{"K"},
	fit:    func(s series) (map[string]float64, []string) { return map[string]float64{"K": s.mean()}, nil },
	eval:   func(p map[string]float64, _ float64) float64 { return p["K"] },
	steady: func(p map[string]float64) float64 { return p["K"] },
	later:  func(p map[string]float64, _ float64) map[string]float64 { return p },
	describe: func(_ series, _ Options, r *Result) []string {
		r.Regime = RegimeFlat
		return nil
	},
}
