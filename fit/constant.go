package fit

// constant is f(t) = K, K the mean.
var constant = family{
	params: []string{"K"},
	fit: func(s series) (map[string]float64, []string, error) {
		return map[string]float64{"K": s.low + s.span*meanOf(s.v)}, nil, nil
	},
	eval: func(p map[string]float64, _ float64) float64 { return p["K"] },
	describe: func(_ series, r *Result) []string {
		r.Regime = RegimeFlat
		return nil
	},
}
