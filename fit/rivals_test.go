package fit

import (
	"math"
	"testing"
)

// rivals are planted curves of the families other than the emergence curve.
var rivals = map[string][]map[string]float64{
	"constant":           {{"K": 3}},
	"first_order":        {{"K": 2, "tau": 9000}, {"K": -1, "tau": 300}},
	"first_order_offset": {{"C": 5, "K": 20, "tau": 20000}, {"C": 4, "K": -3, "tau": 50}},
	"second_order": {{"K": 2, "omega": 1e-4, "zeta": .3}, {"K": 2, "omega": 1e-4, "zeta": 1},
		{"K": 2, "omega": 1e-4, "zeta": 2.5}},
	"second_order_offset": {{"C": 1, "K": 2, "omega": 3e-4, "zeta": .5}, {"C": 1, "K": -2, "omega": 1e-4, "zeta": 1},
		{"C": -1, "K": 2, "omega": 2e-4, "zeta": 3}},
	"logistic":  {{"C": 1, "K": 4, "middle": 60000, "width": 9000}, {"C": 1, "K": -4, "middle": 3000, "width": 700}},
	"power_law": {{"C": 2, "K": 3, "tau": 500, "b": -.7}, {"C": -1, "K": 2, "tau": 2000, "b": .5}},
}

func TestRivalsRecoverPlantedCurves(t *testing.T) {
	steps := pythiaSteps()
	for _, family := range Families() {
		if family != "emergence" && len(rivals[family]) == 0 {
			t.Errorf("%s: no planted curve", family)
		}
		for _, truth := range rivals[family] {
			y := make([]float64, len(steps))
			for i, step := range steps {
				y[i] = families[family].eval(truth, step)
			}
			r, err := Fit(family, Points{T: steps, Y: y}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range truth {
				if !near(r.Params[name]/want, 1, 1e-5) { // of numerical derivatives
					t.Errorf("%s: %s = %.9g, want %g (%v)", family, name, r.Params[name], want, r.Params)
				}
			}
			if len(r.Params) != len(Params(family)) {
				t.Errorf("%s: %d parameters, declares %d", family, len(r.Params), len(Params(family)))
			}
		}
	}
}

// The family that generated a noisy series is the best by AICc.
func TestSelection(t *testing.T) {
	steps := pythiaSteps()
	for family, all := range rivals {
		truth := all[0]
		y := make([]float64, len(steps))
		for i, step := range steps {
			y[i] = families[family].eval(truth, step) + .01*math.Sin(float64(i*i))
		}
		results, err := All(Points{T: steps, Y: y}, Options{Interval: IntervalNone})
		if err != nil {
			t.Fatal(err)
		}
		// A family with an offset contains the family without, which may be better by chance, but never by much.
		if results[0].Family != family && results[0].Family != family+"_offset" {
			t.Errorf("%s: best is %s (%.3g against %.3g)", family, results[0].Family, results[0].AICc, results[1].AICc)
		}
	}
	y := noisy(steps, .002, 7)
	results, err := All(Points{T: steps, Y: y}, Options{})
	if err != nil || results[0].Family != "emergence" || results[0].Weight < .999 {
		t.Errorf("the published curve: %v %g, %v", results[0].Family, results[0].Weight, err)
	}
}

// The criteria by hand: y = 0, 2, 0, 2 against its mean has SSE 4, N 4 and k 2.
func TestCriteria(t *testing.T) {
	r, err := Fit("constant", Points{T: []float64{0, 1, 2, 3}, Y: []float64{0, 2, 0, 2}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][2]float64{
		"SSE": {r.SSE, 4}, "RMSE": {r.RMSE, 1}, "R2": {r.R2, 0}, "AdjR2": {r.AdjR2, 0}, "AIC": {r.AIC, 4},
		"AICc": {r.AICc, 4 + 12}, "BIC": {r.BIC, 2 * math.Log(4)}, "steady": {r.Steady, 1},
	} {
		if !near(c[0], c[1], 1e-12) {
			t.Errorf("%s = %g, want %g", name, c[0], c[1])
		}
	}
}

func TestEachIsAll(t *testing.T) {
	steps := pythiaSteps()
	var all []Points
	for seed := range uint64(6) {
		all = append(all, Points{T: steps, Y: noisy(steps, .01, seed)})
	}
	all = append(all, Points{T: steps[:2], Y: steps[:1]})
	for i, f := range Each(all, Options{}) {
		want, err := All(all[i], Options{})
		if (err == nil) != (f.Err == nil) || len(want) != len(f.Results) {
			t.Fatalf("series %d: %v and %v", i, err, f.Err)
		}
		for k := range want {
			if want[k].Family != f.Results[k].Family || want[k].SSE != f.Results[k].SSE {
				t.Errorf("series %d: %s %v, alone %s %v", i, f.Results[k].Family, f.Results[k].SSE, want[k].Family, want[k].SSE)
			}
		}
	}
}

// The analytic gradient agrees with central differences.
func TestGradient(t *testing.T) {
	for _, p := range []natural{fixture, {-.7, 5, 3e-4, .01, 2}, {1.5, .02, 1e-3, 1.4, .3}} {
		for _, at := range []float64{0, 7, 512, 40000, 143000} {
			value, g := p.gradient(at)
			if !near(value, p.at(at), 1e-14) {
				t.Errorf("value %g, want %g", value, p.at(at))
			}
			for k := range g {
				const h = 1e-6
				up, down := p, p
				if k == 0 || k == 4 {
					up[k], down[k] = p[k]+h, p[k]-h
				} else {
					up[k], down[k] = p[k]*math.Exp(h), p[k]*math.Exp(-h)
				}
				if want := (up.at(at) - down.at(at)) / (2 * h); !(math.Abs(g[k]-want) <= 1e-7*max(1, math.Abs(want))) {
					t.Errorf("%v at %g by %s: %g, differences %g", p, at, emergenceNames[k], g[k], want)
				}
			}
		}
	}
}

func TestLambertW0(t *testing.T) {
	for _, w := range []float64{-.999, -.5, -1e-9, 1e-12, .3, 1, 5, 100, 700} {
		if got := LambertW0(w * math.Exp(w)); !(math.Abs(got-w) <= 1e-7*max(1, math.Abs(w)) ||
			w > -.99 && math.Abs(got-w) <= 1e-13*math.Abs(w)) {
			t.Errorf("W(w exp w) = %.17g, want %g", got, w)
		}
	}
	if !math.IsNaN(LambertW0(-1)) || LambertW0(-1/math.E) != -1 || !math.IsInf(LambertW0(math.Inf(1)), 1) ||
		LambertW0(0) != 0 {
		t.Error("ends of the branch")
	}
}
