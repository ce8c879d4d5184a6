// Package fit fits curves to series of measurements over training: numbers in, numbers out.
//
// The curve of interest is the five-parameter emergence curve of massive activations (arXiv 2508.03616, Eq. 9); step
// responses and a constant stand beside it as rivals. Every fit is deterministic: the same points give the same bits.
package fit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// The regimes of arXiv 2508.03616, by the rule of Result.Regime.
const (
	RegimeEarlyPeak           = "early peak"
	RegimeLogarithmicIncrease = "logarithmic increase"
	RegimeFlat                = "flat"
)

// Result is a fitted curve and how good it is. With N points, p parameters, SSE the sum of squared residuals, SST that
// of the deviations from the mean and k = p+1 (the noise variance is estimated too):
//
//	RMSE  = sqrt(SSE/N)
//	R2    = 1 - SSE/SST; 0 where the series is constant; negative where the mean is the better curve
//	AdjR2 = 1 - (1-R2) (N-1)/(N-p)
//	AIC   = N ln(SSE/N) + 2k
//	AICc  = AIC + 2k(k+1)/(N-k-1); NaN where N <= k+1
//	BIC   = N ln(SSE/N) + k ln N
//
// Inside the logarithms SSE is at least N (2^-52 max|y|)^2, rounding's share, so that a perfect fit stays finite.
type Result struct {
	Family string
	// Params in the units of t and y. emergence: A, lambda, gamma, t0, K. first_order: K, tau. second_order: K, omega,
	// zeta. constant: K. Always finite.
	Params map[string]float64
	N      int // finite points, the ones that were fitted

	R2, AdjR2, AIC, AICc, BIC, RMSE, SSE float64

	// TPeak and FPeak are the emergence curve's maximum at t >= 0, NaN where it has none or for other families. They
	// may lie beyond the data: PeakSeen says that A > 0, that the maximum lies after t = 0 and that TPeak <= the last t.
	TPeak, FPeak float64
	PeakSeen     bool

	// Regime of an emergence curve f over the data's first to last t:
	//   - "flat" if the range of f there is below twice the RMSE, or below 5 % of the largest |f|;
	//   - else "early peak" if PeakSeen and by the last t the curve lost at least a tenth of its rise from first t to peak;
	//   - else "logarithmic increase" if f(last) > f(first);
	//   - else "", a curve that falls.
	// A constant is flat; the step responses have no regime.
	Regime string

	// Message says what a reader of the numbers must know; parts are joined by "; ". Empty if there is nothing.
	Message string

	// Condition is the condition number of the emergence Jacobian with unit columns, at the fitted parameters (it is the
	// same for natural and reparametrised scales of each parameter). Above 1e6 parameters trade off and Message says
	// which. 0 for other families and for a constant series.
	Condition float64
}

// family is one curve. fit returns the parameters by name in natural units and remarks for Result.Message; describe,
// if any, fills what only this family knows.
type family struct {
	params   []string
	fit      func(s series) (map[string]float64, []string, error)
	eval     func(p map[string]float64, t float64) float64
	describe func(s series, r *Result) []string
}

var families = map[string]family{
	"constant":     constant,
	"emergence":    emergence,
	"first_order":  firstOrder,
	"second_order": secondOrder,
}

// ErrPoints is wrapped by errors about series that no curve of the family can be fitted to.
var ErrPoints = errors.New("series cannot be fitted")

// Families lists the known families, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// Fit fits a family to the points (t[i], y[i]); t is the training step (any unit, not negative, any order), y any
// quantity. Points that are not finite are dropped, and Result.Message says so. It fails, wrapping ErrPoints, when the
// lengths differ, when fewer finite points or distinct t are left than parameters plus one, when a t is negative, or
// when values exceed 1e100.
func Fit(name string, t, y []float64) (Result, error) {
	fam, ok := families[name]
	if !ok {
		return Result{}, fmt.Errorf("fit: unknown family %q (%s)", name, strings.Join(Families(), ", "))
	}
	s, messages, err := newSeries(t, y, len(fam.params)+1)
	if err != nil {
		return Result{}, fmt.Errorf("fit: %s: %w", name, err)
	}
	params, remarks, err := fam.fit(s)
	if err != nil {
		return Result{}, fmt.Errorf("fit: %s: %w", name, err)
	}
	for _, p := range fam.params {
		if v := params[p]; math.IsNaN(v) || math.IsInf(v, 0) {
			return Result{}, fmt.Errorf("fit: %s: %w: parameter %s leaves the floating point range", name, ErrPoints, p)
		}
	}
	r := Result{Family: name, Params: params, N: len(s.t), TPeak: math.NaN(), FPeak: math.NaN()}
	score(&r, s, fam.eval)
	messages = append(messages, remarks...)
	if fam.describe != nil {
		messages = append(messages, fam.describe(s, &r)...)
	}
	r.Message = strings.Join(messages, "; ")
	return r, nil
}

// All fits every family that the series has enough points for, sorted by AICc, best first; results without an AICc
// come last, and equal ones in the order of their names. It fails if no family can be fitted.
func All(t, y []float64) ([]Result, error) {
	var results []Result
	var failed error
	for _, name := range Families() {
		r, err := Fit(name, t, y)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		results = append(results, r)
	}
	if len(results) == 0 {
		return nil, failed
	}
	slices.SortStableFunc(results, func(a, b Result) int {
		if math.IsNaN(a.AICc) || math.IsNaN(b.AICc) {
			return cmp.Compare(rank(a), rank(b))
		}
		return cmp.Compare(a.AICc, b.AICc)
	})
	return results, nil
}

func rank(r Result) int {
	if math.IsNaN(r.AICc) {
		return 1
	}
	return 0
}

// Eval is the fitted curve at t, in the units of y; NaN for an unknown family.
func Eval(r Result, t float64) float64 {
	fam, ok := families[r.Family]
	if !ok {
		return math.NaN()
	}
	return fam.eval(r.Params, t)
}

func score(r *Result, s series, eval func(map[string]float64, float64) float64) {
	n, p := float64(len(s.t)), float64(len(r.Params))
	mean := s.low + s.span*meanOf(s.v)
	var sst, largest float64
	for i, y := range s.y {
		d := y - eval(r.Params, s.t[i])
		r.SSE += d * d
		sst += (y - mean) * (y - mean)
		largest = max(largest, math.Abs(y))
	}
	r.RMSE = math.Sqrt(r.SSE / n)
	if sst > 0 && !s.constant {
		r.R2 = 1 - r.SSE/sst
	}
	r.AdjR2 = 1 - (1-r.R2)*(n-1)/(n-p)
	const eps = 0x1p-52
	floor := max(eps*eps*largest*largest, math.SmallestNonzeroFloat64)
	deviance := n * math.Log(max(r.SSE/n, floor))
	k := p + 1
	r.AIC = deviance + 2*k
	r.BIC = deviance + k*math.Log(n)
	r.AICc = math.NaN()
	if n > k+1 {
		r.AICc = r.AIC + 2*k*(k+1)/(n-k-1)
	}
}

func meanOf(v []float64) float64 {
	var sum float64
	for _, x := range v {
		sum += x
	}
	return sum / float64(len(v))
}
