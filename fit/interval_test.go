package fit

import (
	"math"
	"testing"
)

// On a well determined curve, the three methods for intervals agree: covariance, profile and bootstrap.
func TestIntervalsAgree(t *testing.T) {
	steps := pythiaSteps()
	p := Points{T: steps, Y: noisy(steps, .001, 5)}
	profile, err := Fit("emergence", p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	drawn, err := Fit("emergence", p, Options{Interval: IntervalBootstrap, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Fit("emergence", p, Options{Interval: IntervalBootstrap, Seed: 1})
	other, otherErr := Fit("emergence", p, Options{Interval: IntervalBootstrap, Seed: 2})
	if err != nil || otherErr != nil {
		t.Fatal(err, otherErr)
	}
	for _, name := range []string{"beta", "tau0", "t_peak", "f_peak", "rise_time"} {
		a, b := profile.Intervals[name], drawn.Intervals[name]
		if !near((b.High-b.Low)/(a.High-a.Low), 1, .25) {
			t.Errorf("%s: profile %v, bootstrap %v", name, a, b)
		}
	}
	for k, name := range Params("emergence") {
		a, b := profile.Intervals[name], drawn.Intervals[name]
		wald := 2 * 1.976 * math.Sqrt(profile.Cov[k][k]) // Student's quantile for 149 degrees of freedom
		// 400 replicates estimate a tail's quantile to about 10 %.
		if width := a.High - a.Low; !near((b.High-b.Low)/width, 1, .25) || !near(wald/width, 1, .15) {
			t.Errorf("%s: profile %v, bootstrap %v, covariance's width %g", name, a, b, wald)
		}
		if v := profile.Params[name]; !(a.Low < v && v < a.High) {
			t.Errorf("%s: %g outside %v", name, v, a)
		}
		if again.Intervals[name] != b || other.Intervals[name] == b {
			t.Errorf("%s: the interval must depend on the seed alone: %v, again %v, another seed %v", name, b,
				again.Intervals[name], other.Intervals[name])
		}
	}
}

// The intervals have their stated coverage: over draws of noise, they contain the truth about 95 times in 100.
func TestIntervalsCover(t *testing.T) {
	steps := pythiaSteps()
	const draws = 200
	inside := map[string]int{}
	for seed := range uint64(draws) {
		r, err := Fit("emergence", Points{T: steps, Y: noisy(steps, .003, 100+seed)}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		truths := fixture.named()
		truths["beta"], truths["tau0"] = fixture[1]*fixture[2], fixture[3]/fixture[2]
		// By the paper's formulas, and fixtureRise below.
		truths["t_peak"], truths["f_peak"], truths["rise_time"] = 38890.02, .293905, fixtureRise
		for name, truth := range truths {
			if i := r.Intervals[name]; i.Low <= truth && truth <= i.High {
				inside[name]++
			}
		}
	}
	for name, n := range inside {
		if n < 178 || n > 199 { // at least 190 - 12, four standard deviations of a binomial of 200 and .95; and not all
			t.Errorf("%s: inside in %d of %d", name, n, draws)
		}
	}
	t.Log(inside)
}

// fixtureRise is the fixture's time from f(0) + .1 (f(t_peak) - f(0)) to f(0) + .9 (f(t_peak) - f(0)); f(0) is .034186.
var fixtureRise = func() float64 {
	const start, top = .034186, .293905
	solve := func(level float64) float64 {
		low, high := 0., 38890.02
		for high-low > 1e-6 {
			if middle := (low + high) / 2; fixture.at(middle) < level {
				low = middle
			} else {
				high = middle
			}
		}
		return low
	}
	return solve(start+.9*(top-start)) - solve(start+.1*(top-start))
}()

// The curve's own quantities have intervals too. The interval contains the planted value if that is seen, has an open
// end for a peak beyond the data, and is missing for a peak that does not exist.
func TestQuantityIntervals(t *testing.T) {
	steps := pythiaSteps()
	seen, err := Fit("emergence", Points{T: steps, Y: noisy(steps, 0, 1)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if i := seen.Intervals["t_peak"]; !near(i.Low, 38890.02, 1e-4) || !near(i.High, 38890.02, 1e-4) {
		t.Errorf("without noise t_peak within %v, want 38890", i)
	}
	early := steps[:24] // until step 14,000, long before the peak
	rising, err := Fit("emergence", Points{T: early, Y: noisy(early, .01, 2)}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if i, ok := rising.Intervals["t_peak"]; ok && !math.IsInf(i.High, 1) {
		t.Errorf("t_peak %g within %v from steps up to %g: want an open end", rising.TPeak, i, early[len(early)-1])
	}
	if i := rising.Intervals["rise_time"]; !(i.Low <= rising.RiseTime && rising.RiseTime <= i.High) {
		t.Errorf("rise time %g outside %v", rising.RiseTime, i)
	}
	y := make([]float64, len(steps))
	for i, step := range steps {
		y[i] = 3 - math.Expm1(-step/9000) + .01*math.Sin(float64(i*i))
	}
	saturating, err := Fit("emergence", Points{T: steps, Y: y}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := saturating.Intervals["t_peak"]; ok != !math.IsNaN(saturating.TPeak) {
		t.Errorf("t_peak %g, interval there: %v", saturating.TPeak, ok)
	}
	if i := saturating.Intervals["rise_time"]; !near(saturating.RiseTime, 9000*math.Log(9), .05) ||
		!(i.Low < 9000*math.Log(9) && 9000*math.Log(9) < i.High) {
		t.Errorf("rise time %g within %v, want %g", saturating.RiseTime, i, 9000*math.Log(9)) // 10 to 90 % of an exponential
	}
}

// If a curve's parameters trade off, the fit names them, and still finds the curve itself.
func TestUndetermined(t *testing.T) {
	steps := pythiaSteps()
	y := make([]float64, len(steps))
	for i, step := range steps { // a critically damped response: the limit of the family as t0/gamma grows
		x := step / 8000
		y[i] = 5 + 20*(1-math.Exp(-x)*(1+x))
	}
	r, err := Fit("emergence", Points{T: steps, Y: with(y, func(y []float64) {
		for i := range y {
			y[i] += .2 * math.Sin(float64(i*i))
		}
	})}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"A", "lambda", "gamma"} {
		if !r.Intervals[name].Open() {
			t.Errorf("%s: %v, want an open end", name, r.Intervals[name])
		}
	}
	if i := r.Intervals["K"]; i.Open() || i.Low > 25 || i.High < 25 || !(r.R2 > .99) {
		t.Errorf("K within %v, R² %g", i, r.R2)
	}
	// The critically damped response decays by exp(-t/8000), whatever lambda and gamma are.
	if i := r.Intervals["beta"]; i.Open() || i.Low > 1./8000 || i.High < 1./8000 {
		t.Errorf("beta within %v, want about %g", i, 1./8000)
	}
	// 10 to 90 % of the response: the roots of exp(-x)(1+x) = .9 and .1 are .5318 and 3.8897.
	if want := 8000 * (3.8897 - .5318); !near(r.RiseTime/want, 1, .05) {
		t.Errorf("rise time %g, want about %g", r.RiseTime, want)
	}
}
