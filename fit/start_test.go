package fit

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/optimize"
)

// spacings are the ways to lay points between 0 and 1.
var spacings = map[string]func(n int) []float64{
	"even": func(n int) []float64 {
		u := make([]float64, n)
		for i := range u {
			u[i] = float64(i) / float64(n-1)
		}
		return u
	},
	"logarithmic": func(n int) []float64 { // from 1e-4 on, after 0
		u := make([]float64, n)
		for i := range n - 1 {
			u[i+1] = math.Pow(10, -4*float64(n-2-i)/float64(n-2))
		}
		return u
	},
}

// begins are the first t of series. The span of t is from a tenth of it to a thousand of it, or anything if it is 0.
var begins = []float64{0, 1, 30, 1e3, 1e5, 1e6, 1e9}

// spans returns the spans of t with which a series that begins at first is tested.
func spans(first float64) []float64 {
	if first == 0 {
		return []float64{40, 1.5e4, 2.6e9}
	}
	return []float64{first / 28, 3 * first, 1000 * first}
}

// eachTime calls do with the times of every spacing, begin and span.
func eachTime(do func(name string, times []float64)) {
	for _, spacing := range []string{"even", "logarithmic"} {
		for _, first := range begins {
			for _, span := range spans(first) {
				times := spacings[spacing](60)
				for i := range times {
					times[i] = first + span*times[i]
				}
				do(fmt.Sprintf("%s from %g for %g", spacing, first, span), times)
			}
		}
	}
}

// shapes plant curves of each family but the constant in a window of t from 0 to 1. random is a source of numbers.
var shapes = map[string]func(random *rand.Rand, gap float64) map[string]float64{
	"first_order": func(r *rand.Rand, gap float64) map[string]float64 {
		return map[string]float64{"K": 2, "tau": logUniform(r, gap, 1)}
	},
	"first_order_offset": func(r *rand.Rand, gap float64) map[string]float64 {
		return map[string]float64{"C": 5, "K": -3, "tau": logUniform(r, gap, 1)}
	},
	"logistic": func(r *rand.Rand, gap float64) map[string]float64 {
		middle := logUniform(r, 5*gap, .8)
		return map[string]float64{"C": 1, "K": 4, "middle": middle, "width": logUniform(r, .5*max(gap, middle/20), middle/2)}
	},
	"power_law": func(r *rand.Rand, gap float64) map[string]float64 {
		return map[string]float64{"C": 2, "K": 3, "tau": logUniform(r, gap, .3), "b": -logUniform(r, .3, 2)}
	},
}

// logUniform draws a number whose logarithm is uniform.
func logUniform(r *rand.Rand, low, high float64) float64 {
	return low * math.Pow(high/low, r.Float64())
}

// Wherever t begins and whatever its unit, a family that may be moved along t is fitted to its own noisy curves at
// least as well as they fit themselves.
func TestLateStart(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, name := range Families() {
		fam := families[name]
		if fam.later == nil || name == "constant" {
			continue
		}
		if shapes[name] == nil {
			t.Errorf("%s: no planted shape", name)
			continue
		}
		eachTime(func(where string, times []float64) {
			first, span := times[0], times[len(times)-1]-times[0]
			for range 10 {
				truth := shapes[name](random, (times[1]-first)/span)
				y, noise := make([]float64, len(times)), 0.
				for i := range y {
					e := .01 * random.NormFloat64()
					y[i] = fam.eval(truth, (times[i]-first)/span) + e
					noise += e * e
				}
				r, err := Fit(name, Points{T: times, Y: y}, Options{})
				if err != nil {
					t.Errorf("%s %s: %v", name, where, err)
				} else if !(r.SSE <= noise*(1+1e-6)) {
					t.Errorf("%s %s: SSE %g, of %v %g; %v %s", name, where, r.SSE, truth, noise, r.Params, r.Message)
				}
			}
		})
	}
}

// The fits of t and of t + c are the same curve.
func TestMovedAlongTime(t *testing.T) {
	steps := pythiaSteps()
	random := rand.New(rand.NewPCG(7, 8))
	for _, name := range Families() {
		fam := families[name]
		if fam.later == nil {
			continue
		}
		for k := range 8 {
			y := make([]float64, len(steps))
			for i, step := range steps {
				y[i] = .02 * random.NormFloat64()
				if k < 4 && name != "constant" {
					y[i] += fam.eval(shapes[name](rand.New(rand.NewPCG(uint64(k), 1)), 1e-4), step/143000)
				} else {
					y[i] += fixture.at(step)
				}
			}
			if k%2 == 1 { // evenly spaced
				y = y[len(y)-143:]
			}
			from := steps[len(steps)-len(y):]
			here, err := Fit(name, Points{T: from, Y: y}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range []float64{1, 30, 1e3, 1e5, 1e6, 1e9} {
				later := slices.Clone(from)
				for i := range later {
					later[i] += c
				}
				there, err := Fit(name, Points{T: later, Y: y}, Options{})
				if err != nil {
					t.Fatal(err)
				}
				if !near(there.SSE/here.SSE, 1, 1e-9) || there.Message != here.Message {
					t.Errorf("%s, series %d, later by %g: SSE %.12g, before %.12g; %v, before %v; %q, before %q", name, k, c,
						there.SSE, here.SSE, there.Params, here.Params, there.Message, here.Message)
				}
				for i, at := range from {
					if !near(Eval(there, later[i]), Eval(here, at), 1e-7) {
						t.Errorf("%s, series %d, later by %g: %g at %g, before %g", name, k, c, Eval(there, later[i]), at,
							Eval(here, at))
						break
					}
				}
				if !math.IsNaN(here.RiseTime+there.RiseTime) && !near(there.RiseTime/here.RiseTime, 1, 1e-5) {
					t.Errorf("%s, series %d, later by %g: rise time %g, before %g", name, k, c, there.RiseTime, here.RiseTime)
				}
			}
		}
	}
}

// plantedAt returns an emergence curve with noise at the given times, of range 1. Its decay is over within the span of
// t or takes ten of it, and not more has decayed before the first t than the search's bounds allow.
func plantedAt(r *rand.Rand, times []float64) []float64 {
	first, last := times[0], times[len(times)-1]
	span := last - first
	beta := min(logUniform(r, .1, 100)/span, .9*maxDecay/max(first, 1e-9*span))
	tau := logUniform(r, 1e-3*span, 10*last)
	tau = min(tau, .9*maxLambdaT0/beta)
	ratio := math.Log(1/last) + 8*(r.Float64()-.5)
	y := make([]float64, len(times))
	for i, at := range times {
		y[i] = math.Exp(-beta*(at-first)) * (math.Log(at+tau) + ratio)
	}
	low, high := slices.Min(y), slices.Max(y)
	for i := range y {
		y[i] = (y[i]-low)/(high-low) + .01*r.NormFloat64()
	}
	return y
}

// multistart returns the smallest sum of squares that Nelder and Mead's method finds from many random places in the
// bounds that the package comment states.
func multistart(p Points, starts int, r *rand.Rand) float64 {
	s, _, err := newSeries(p, Options{}, 6)
	if err != nil {
		panic(err)
	}
	search := newProjection(s)
	squares := func(x []float64) float64 {
		at := [2]float64{x[0], x[1]}
		for k := range at {
			if at[k] < search.low[k] || at[k] > search.high[k] {
				return math.Inf(1)
			}
		}
		if !search.allowed(at) {
			return math.Inf(1)
		}
		return search.at(at).sse
	}
	best := math.Inf(1)
	for range starts {
		x := make([]float64, 2)
		for k := range x {
			x[k] = search.low[k] + (search.high[k]-search.low[k])*r.Float64()
		}
		if math.IsInf(squares(x), 1) {
			continue
		}
		got, err := optimize.Minimize(optimize.Problem{Func: squares}, x, &optimize.Settings{FuncEvaluations: 400},
			&optimize.NelderMead{})
		if got != nil {
			best = min(best, got.F)
		} else if err != nil {
			panic(err)
		}
	}
	return best * s.span * s.span
}

// Wherever t begins and whatever its unit, the emergence fit is as good as the best of many searches.
func TestEmergenceIsAsGoodAsAMultistart(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 10))
	eachTime(func(where string, times []float64) {
		p := Points{T: times, Y: plantedAt(random, times)}
		r, err := Fit("emergence", p, Options{Interval: IntervalNone})
		if err != nil {
			t.Errorf("%s: %v", where, err)
			return
		}
		if best := multistart(p, 60, random); !(r.SSE <= best*(1+1e-4)) {
			t.Errorf("%s: SSE %.9g, multistart %.9g (%.2g); %v %s", where, r.SSE, best, r.SSE/best-1, r.Params, r.Message)
		}
	})
}

// A series that does not begin at 0 is fitted as well as one that does. The series have planted widths and time
// constants, and noise. A multistart on the same family reaches R² .99942, .99975 and .99985.
func TestPlantedLateSeries(t *testing.T) {
	for _, c := range []struct {
		file, family, name string
		r2, value          float64
	}{
		{"late_start_logistic", "logistic", "width", .9994, 180},
		{"resumed_exponential", "first_order_offset", "tau", .9997, 600},
		{"from_30_logistic", "logistic", "width", .9998, 2.1},
	} {
		results, err := All(table(t, c.file), Options{Interval: IntervalNone})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(results, func(r Result) bool { return r.Family == c.family })
		if r := results[i]; !(r.R2 >= c.r2) || !near(r.Params[c.name]/c.value, 1, .02) || results[0].AICc < r.AICc-noSupport {
			t.Errorf("%s: %s has R² %.6f and %v, want %g and %s %g; best is %s", c.file, c.family, r.R2, r.Params, c.r2, c.name,
				c.value, results[0].Family)
		}
	}
}

// table reads the two columns of a table in testdata.
func table(t *testing.T, name string) (p Points) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		at, atErr := strconv.ParseFloat(row[0], 64)
		y, err := strconv.ParseFloat(row[1], 64)
		if err := errors.Join(atErr, err); err != nil {
			t.Fatal(err)
		}
		p.T, p.Y = append(p.T, at), append(p.Y, y)
	}
	return p
}

// A parameter at either end of its search is remarked on, in every family that has such an end.
func TestEdges(t *testing.T) {
	at := spacings["even"](60)
	curve := func(f func(u float64) float64) []float64 {
		y := make([]float64, len(at))
		for i, u := range at {
			y[i] = f(u) + 1e-4*math.Sin(float64(i*i))
		}
		return y
	}
	step := curve(func(u float64) float64 { return math.Floor(min(1, u+.5)) })
	line := curve(func(u float64) float64 { return u })
	jump := curve(func(u float64) float64 { return min(1, math.Ceil(u)) }) // after the first point
	exponential := curve(func(u float64) float64 { return math.Exp(-8 * u) })
	saturating := make([]float64, len(at))
	for i, u := range at {
		saturating[i] = -math.Expm1(-3 * u)
	}
	for _, c := range []struct {
		family, message string
		y               []float64
	}{
		{"first_order", "tau is at its least", jump},
		{"first_order", "tau is at its bound", line},
		{"first_order_offset", "tau is at its least", jump},
		{"first_order_offset", "tau is at its bound", line},
		{"second_order", "zeta is at its least", curve(func(u float64) float64 { return 1 - math.Cos(9*u) })},
		{"second_order_offset", "the response is nearly of first order", saturating},
		{"logistic", "width is at its least", step},
		{"logistic", "width is at its bound", line},
		{"logistic", "middle is at its least", exponential},
		{"logistic", "middle is at its largest", curve(func(u float64) float64 { return math.Exp(8 * u) })},
		{"power_law", "tau is at its least", jump},
		{"power_law", "b is at its largest", exponential},
		{"power_law", "b is at its least", curve(func(u float64) float64 { return math.Log(u + .1) })},
		{"power_law", "tau is at its largest", curve(func(u float64) float64 { return math.Exp(-.5 * u) })},
		{"emergence", "t0/gamma at its largest", step},
	} {
		for _, start := range []float64{0, 3e5} {
			if start > 0 && families[c.family].later == nil {
				continue
			}
			times := make([]float64, len(at))
			for i := range at {
				times[i] = start + 1e4*at[i]
			}
			r, err := Fit(c.family, Points{T: times, Y: c.y}, Options{Interval: IntervalNone})
			if err != nil || !strings.Contains(r.Message, c.message) {
				t.Errorf("%s from %g: %q, %v, %v, want %q", c.family, start, r.Message, r.Params, err, c.message)
			}
		}
	}
}
