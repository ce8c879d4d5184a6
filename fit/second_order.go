package fit

import "math"

// secondOrder is the unit step response of a second-order system times K (arXiv 2508.03616), with natural frequency
// omega (radians per unit of t) and damping zeta: under-damped for zeta < 1, critically damped for zeta = 1, over-damped
// above. The case with the least SSE is taken; of equal ones the critical, then the under-damped. No offset, as in
// firstOrder.
var secondOrder = family{
	params: []string{"K", "omega", "zeta"},
	fit:    fitSecondOrder,
	eval: func(p map[string]float64, t float64) float64 {
		return p["K"] * stepResponse(p["zeta"], p["omega"]*t)
	},
}

func fitSecondOrder(s series) (map[string]float64, []string, error) {
	speed := [2]float64{math.Log(1e-3), math.Log(1e2 / s.firstStep)}
	cases := []struct {
		box  [][2]float64
		zeta func(at []float64) float64
	}{
		{[][2]float64{speed}, func([]float64) float64 { return 1 }},
		{[][2]float64{speed, {math.Log(1e-2), 0}}, func(at []float64) float64 { return math.Exp(at[1]) }},
		{[][2]float64{speed, {0, math.Log(1e3)}}, func(at []float64) float64 { return math.Exp(at[1]) }},
	}
	least := math.Inf(1)
	var best map[string]float64
	var remarks []string
	for _, c := range cases {
		shape := func(at []float64, u float64) float64 { return stepResponse(c.zeta(at), math.Exp(at[0])*u) }
		at, k := scaled(s, shape, c.box)
		var sse float64
		for i, u := range s.u {
			d := s.y[i] - k*shape(at, u)
			sse += d * d
		}
		if sse < least {
			least = sse
			best = map[string]float64{"K": k, "omega": math.Exp(at[0]) / s.scale, "zeta": c.zeta(at)}
			remarks = atEdge(-at[0], -speed[0], "1/omega")
		}
	}
	return best, remarks, nil
}

// stepResponse is the response at phase x = omega t >= 0; near zeta = 1, where both other forms cancel, the critical one.
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
