package fit

import "math"

// secondOrder is K times the unit step response of a second-order system (arXiv 2508.03616) with natural frequency
// omega (radians per unit of t) and damping zeta: under-damped for zeta < 1, critically damped for zeta = 1,
// over-damped for zeta > 1. The case with the smallest SSE counts; of equal cases the critically damped one comes
// first, then the under-damped one. Like firstOrder it has no offset.
var secondOrder = family{
	params: []string{"K", "omega", "zeta"},
	fit:    func(s series) (map[string]float64, []string) { return fitSecondOrder(s, false) },
	eval: func(p map[string]float64, t float64) float64 {
		return p["K"] * stepResponse(p["zeta"], p["omega"]*t)
	},
	steady: func(p map[string]float64) float64 { return p["K"] },
}

// secondOrderOffset is C plus secondOrder.
var secondOrderOffset = family{
	params: []string{"C", "K", "omega", "zeta"},
	fit:    func(s series) (map[string]float64, []string) { return fitSecondOrder(s, true) },
	eval: func(p map[string]float64, t float64) float64 {
		return p["C"] + p["K"]*stepResponse(p["zeta"], p["omega"]*t)
	},
	steady: func(p map[string]float64) float64 { return p["C"] + p["K"] },
}

func fitSecondOrder(s series, offset bool) (map[string]float64, []string) {
	speed := axis{math.Log(1e-3), math.Log(1e2 / s.firstStep), "1/omega is at its bound: " + line,
		"1/omega is at its least: " + over}
	const nearly = ": the response is nearly of first order"
	damped := speed
	damped.atHigh = "1/omega is at its least" + nearly
	damping := func(at []float64) float64 { return math.Exp(at[1]) }
	cases := []struct {
		box  []axis
		zeta func(at []float64) float64
	}{
		{[]axis{speed}, func([]float64) float64 { return 1 }},
		{[]axis{speed, {low: math.Log(1e-2), atLow: "zeta is at its least: the oscillation hardly fades"}}, damping},
		{[]axis{damped, {high: math.Log(1e3), atHigh: "zeta is at its largest" + nearly}}, damping},
	}
	var searches []separable
	var all []found
	for i, c := range cases {
		searches = append(searches, separable{
			shape: func(at []float64) func(float64) float64 {
				zeta, omega := c.zeta(at), math.Exp(at[0])
				return func(u float64) float64 { return stepResponse(zeta, omega*u) }
			},
			box:    c.box,
			offset: offset,
		})
		all = append(all, searches[i].fit(s))
	}
	best := better(all...)
	f := all[best]
	p := map[string]float64{"K": f.k, "omega": math.Exp(f.at[0]) / s.scale, "zeta": cases[best].zeta(f.at)}
	if offset {
		p["C"] = f.c
	}
	return p, searches[best].edges(s, f.at)
}

// stepResponse returns the response at phase x = omega t >= 0. Near zeta = 1, where the two other forms suffer from
// cancellation, it returns the critically damped one.
func stepResponse(zeta, x float64) float64 {
	switch {
	case math.Abs(zeta-1) < 1e-6:
		return 1 - math.Exp(-x)*(1+x)
	case zeta < 1:
		root := math.Sqrt(1 - zeta*zeta)
		sin, cos := math.Sincos(root * x)
		return 1 - math.Exp(-zeta*x)*(cos+zeta/root*sin)
	default:
		root := math.Sqrt(zeta*zeta - 1)
		slow, fast := 1/(zeta+root), zeta+root // the two rates; their product is 1
		return 1 - (fast*math.Exp(-slow*x)-slow*math.Exp(-fast*x))/(fast-slow)
	}
}
