package fit

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// noisy returns the published fixture with Gaussian noise of the given standard deviation.
func noisy(steps []float64, noise float64, seed uint64) []float64 {
	r := rand.New(rand.NewPCG(seed, 1))
	y := fixture.sample(steps)
	for i := range y {
		y[i] += noise * r.NormFloat64()
	}
	return y
}

func with(y []float64, change func([]float64)) []float64 {
	y = slices.Clone(y)
	change(y)
	return y
}

// Every hard case is fitted, and its message says what is wrong with it.
func TestHardCases(t *testing.T) { //nolint:funlen // a table of cases
	steps := pythiaSteps()
	curve := noisy(steps, .001, 1)
	ratio := with(curve, func(y []float64) {
		for i := range y {
			y[i] = 1.5 + 10*y[i]
		}
	})
	step := with(curve, func(y []float64) {
		for i := range y {
			y[i] = 1 + .01*float64(i%3)
			if i > 80 {
				y[i] += 5
			}
		}
	})
	for _, c := range []struct {
		name    string
		t, y    []float64
		least   float64
		message string // of the emergence fit
	}{
		{"six points", steps[20:26], curve[20:26], 0, "only 6 points, fewer than 8"},
		{"constant", steps, slices.Repeat([]float64{3}, 154), 0, "constant series: only the level is determined"},
		{"NaN and Inf", steps,
			with(curve, func(y []float64) { y[3], y[9], y[10] = math.NaN(), math.Inf(1), math.Inf(-1) }), 0,
			"3 of 154 points not finite and dropped, the first at index 3"},
		{"negative", steps, with(curve, func(y []float64) { y[0] = -.01 }), 0, "negative values (down to -0.01)"},
		{"ratio below 1", steps, with(ratio, func(y []float64) { y[1] = .8 }), 1,
			"values below 1 (down to 0.8), which this quantity cannot have"},
		{"outlier", steps, with(curve, func(y []float64) { y[60] += .5 }), 0, "the point (50000, "},
		{"jump", steps, step, 0, "a jump from 1.02 to 6 between t = 70000 and 71000"},
		{"still rising", steps[:40], curve[:40], 0, "lies beyond the last t 2.9e+04 and is an extrapolation"},
		{"log spacing", steps[:11], noisy(steps[:11], 1e-6, 2), 0, "the 95 % interval is open for"},
		{"too few to determine", []float64{0, 1, 2, 4, 8, 16, 32, 64}, []float64{1, 2, 1, 2, 1, 2, 1, 2}, 0,
			"the 95 % interval is open for"},
	} {
		results, err := All(Points{T: c.t, Y: c.y}, Options{Least: c.least})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		i := slices.IndexFunc(results, func(r Result) bool { return r.Family == "emergence" })
		if i < 0 {
			t.Errorf("%s: no emergence fit", c.name)
			continue
		}
		r := results[i]
		if !strings.Contains(r.Message, c.message) {
			t.Errorf("%s: message %q lacks %q", c.name, r.Message, c.message)
		}
		for _, r := range results {
			for name, v := range r.Params {
				if bad(v) {
					t.Errorf("%s: %s: %s is %g", c.name, r.Family, name, v)
				}
			}
		}
		var sum float64
		for _, r := range results {
			sum += r.Weight
		}
		if c.name != "six points" && !near(sum, 1, 1e-12) {
			t.Errorf("%s: the Akaike weights sum to %g", c.name, sum)
		}
	}
	// A clean series has no message.
	r, err := Fit("emergence", Points{T: steps, Y: curve}, Options{})
	if err != nil || r.Message != "" || len(r.Undetermined) > 0 {
		t.Errorf("a clean series: %q, %v, %v", r.Message, r.Undetermined, err)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name string
		p    Points
		o    Options
		want string
	}{
		{"few", Points{T: []float64{0, 1, 2}, Y: []float64{1, 2, 3}}, Options{}, "3 finite points of 3, needs 6"},
		{"lengths", Points{T: []float64{0, 1}, Y: []float64{1}}, Options{}, "2 values of t, 1 of y"},
		{"one t", Points{T: make([]float64, 9), Y: make([]float64, 9)}, Options{}, "1 distinct t"},
		{"negative t", Points{T: []float64{-1, 0, 1, 2, 3, 4, 5}, Y: make([]float64, 7)}, Options{},
			"t is negative at point 0: -1"},
		{"tiny values", Points{T: []float64{0, 1, 2, 3, 4, 5, 6}, Y: []float64{0, 1e-162, 0, 0, 0, 0, 0}}, Options{},
			"the largest |y| is 1e-162"},
		{"sigma", Points{T: []float64{0, 1}, Y: []float64{1, 2}, Sigma: []float64{1}}, Options{},
			"2 values of y, 1 of sigma"},
		{"negative sigma", Points{T: []float64{0, 1}, Y: []float64{1, 2}, Sigma: []float64{1, -1}}, Options{},
			"sigma of point 1 is -1"},
		{"loss", Points{}, Options{Loss: "hubert"}, `did you mean "huber"`},
		{"interval", Points{}, Options{Interval: "profil"}, `did you mean "profile"`},
	} {
		_, err := Fit("emergence", c.p, c.o)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if c.o == (Options{}) && !errors.Is(err, ErrPoints) {
			t.Errorf("%s: %v is not ErrPoints", c.name, err)
		}
	}
	_, err := Fit("emergance", Points{}, Options{})
	if err == nil || !strings.Contains(err.Error(), `did you mean "emergence"`) {
		t.Errorf("family: %v", err)
	}
}

// The order of the points does not matter, and other units of t and y only change the units of the results.
func TestUnits(t *testing.T) {
	steps := pythiaSteps()
	y := noisy(steps, .002, 3)
	r, err := Fit("emergence", Points{T: steps, Y: y}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	order := rand.New(rand.NewPCG(1, 1)).Perm(len(steps))
	p := Points{T: make([]float64, len(order)), Y: make([]float64, len(order))}
	for i, k := range order {
		p.T[i], p.Y[i] = steps[k]/1000, 1e6*y[k]
	}
	q, err := Fit("emergence", p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, unit := range map[string]float64{"A": 1e6, "lambda": 1, "gamma": 1000, "t0": 1, "K": 1e6} {
		if !near(q.Params[name]/unit, r.Params[name], 1e-7) ||
			!near(q.Intervals[name].High/unit, r.Intervals[name].High, 1e-2) {
			t.Errorf("%s: %g %v, in other units %g %v", name, r.Params[name], r.Intervals[name], q.Params[name],
				q.Intervals[name])
		}
	}
	if !near(q.TPeak*1000, r.TPeak, 1e-7) || !near(q.RiseTime*1000, r.RiseTime, 1e-7) {
		t.Errorf("t_peak %g and %g, rise %g and %g", r.TPeak, q.TPeak, r.RiseTime, q.RiseTime)
	}
}

// One wild point moves a least-squares fit but hardly moves Huber's fit.
func TestHuberBoundsAnOutlier(t *testing.T) {
	steps := pythiaSteps()
	y := noisy(steps, .002, 4)
	clean, err := Fit("emergence", Points{T: steps, Y: y}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	y[100] += 1 // five hundred standard deviations
	squares, err := Fit("emergence", Points{T: steps, Y: y}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	huber, err := Fit("emergence", Points{T: steps, Y: y}, Options{Loss: LossHuber})
	if err != nil {
		t.Fatal(err)
	}
	off := func(r Result) (worst float64) {
		for _, step := range steps {
			worst = max(worst, math.Abs(Eval(r, step)-fixture.at(step)))
		}
		return worst
	}
	if !(off(huber) < 2*off(clean)) || !(off(squares) > 5*off(clean)) {
		t.Errorf("worst error of the curve: clean %g, squares %g, huber %g", off(clean), off(squares), off(huber))
	}
	if !strings.Contains(huber.Message, "Huber's loss bounds") {
		t.Errorf("message %q", huber.Message)
	}
	// If no residual is bounded, the criteria are those of least squares.
	exact, err := Fit("constant", Points{T: []float64{0, 1, 2, 3}, Y: []float64{-1, 1, -1, 1}}, Options{Loss: LossHuber})
	plain, plainErr := Fit("constant", Points{T: []float64{0, 1, 2, 3}, Y: []float64{-1, 1, -1, 1}}, Options{})
	if err != nil || plainErr != nil || !near(exact.AICc, plain.AICc, 1e-9) {
		t.Errorf("AICc %g, least squares %g", exact.AICc, plain.AICc)
	}
}

// A constant's weighted mean by hand: weights 1/1 and 1/4, (1·0 + ¼·5) / 1.25 = 1.
func TestWeights(t *testing.T) {
	r, err := Fit("constant", Points{T: []float64{0, 1}, Y: []float64{0, 5}, Sigma: []float64{1, 2}}, Options{})
	if err != nil || !near(r.Params["K"], 1, 1e-12) {
		t.Errorf("%v, %v", r.Params, err)
	}
	// A sigma of 0 is a quarter of the median, 1: weights 16, 1 and 1 give (16·0 + 9 + 9) / 18.
	r, err = Fit("constant", Points{T: []float64{0, 1, 2}, Y: []float64{0, 9, 9}, Sigma: []float64{0, 1, 1}}, Options{})
	if err != nil || !near(r.Params["K"], 1, 1e-12) {
		t.Errorf("%v, %v", r.Params, err)
	}
	// Noise of two sizes: a weighted fit lies nearer to the truth, in the median over twenty draws.
	steps := pythiaSteps()
	sigma := make([]float64, len(steps))
	for i := range sigma {
		sigma[i] = .002 * float64(1+9*(i%2))
	}
	var gains []float64
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 9))
		y := fixture.sample(steps)
		for i := range y {
			y[i] += sigma[i] * random.NormFloat64()
		}
		off := func(p Points) (sum float64) {
			r, err := Fit("emergence", p, Options{Interval: IntervalNone})
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range steps {
				sum += math.Pow(Eval(r, step)-fixture.at(step), 2)
			}
			return math.Sqrt(sum)
		}
		gains = append(gains, off(Points{T: steps, Y: y})/off(Points{T: steps, Y: y, Sigma: sigma}))
	}
	// The ratio of the two estimators' standard errors is sqrt(1+100)/2 to sqrt(2·100/101)/sqrt(2), 5.05.
	if gain := medianOf(gains); !(gain > 2.5) {
		t.Errorf("weights bring the curve nearer by a factor of %g", gain)
	}
}

// A first step of almost nothing is handled like any other: every family is fitted.
func TestTinyStep(t *testing.T) {
	p := Points{T: []float64{0, 1e-306, 1, 2, 3, 5, 8, 13, 21}, Y: []float64{1, 1, 2, 3, 4, 5, 6, 7, 7}}
	results, err := All(p, Options{Loss: LossHuber})
	if err != nil || len(results) != len(Families()) {
		t.Fatalf("%d families of %d, %v", len(results), len(Families()), err)
	}
	if best := results[0]; best.R2 < 0.98 {
		t.Errorf("the best, %s, has R² %g", best.Family, best.R2)
	}
}

// If the length of a Jacobian's column has no inverse, nothing depends on its parameter. Scaling the column by it would
// give NaNs, on which a singular value decomposition may never end.
func TestSubnormalSensitivity(t *testing.T) {
	s := series{u: []float64{0, .1, .2, .3, .5, .8, 1}, w: []float64{1, 1, 1, 1, 1, 1, 1}}
	condition, moved := natural{1e-310, 1, 1, .5, 0}.sensitivity(s).condition()
	if !math.IsInf(condition, 1) || len(moved) != 1 || moved[0] != "lambda" {
		t.Errorf("condition %g by %v, want an infinite one by lambda", condition, moved)
	}
}
