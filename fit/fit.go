// Package fit fits curves to series of measurements over training: numbers in, numbers out.
//
// The main curve is the five-parameter emergence curve of massive activations (arXiv 2508.03616, Eq. 9). Its rivals are
// step responses, a logistic, a power law and a constant. Every fit is deterministic: the same points give the same
// bits.
//
// # What a fit determines
//
// Five parameters are many for a curve that only rises. If the data look like a bend and a plateau, many combinations
// of (A, lambda, gamma, t0, K) draw the same curve: as t0/gamma grows, the logarithm becomes a line, A and lambda grow
// without limit, and the sum of squares keeps falling a little. The search is bounded only to keep numbers in the
// floating point range (|ln gamma| of normalised time below 30, lambda t0 below 50, 1/(lambda gamma) from 1e-5 to 1e5
// of the last t). It has no prior: the best curve counts, however odd its parameters.
//
// The profile likelihood then shows what the data determine. If the sum of squares, minimised over the other four
// parameters, stays below the 95 % threshold out to a factor of ten from the estimate (for K, out to twice the series'
// range), that end of the parameter's interval is open, and the parameter is not determined (Raue et al. 2009,
// doi 10.1093/bioinformatics/btp358). If the Jacobian's condition number exceeds 1e6, the parameters that trade off are
// not determined either. Result.Undetermined names all of these, and a table shows a dash for them. The curve's own
// values, its peak and its rise time remain meaningful.
package fit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/outcrop-lab/outcrop/variant"
)

// The regimes of arXiv 2508.03616. Result.Regime states the rule.
const (
	RegimeEarlyPeak           = "early peak"
	RegimeLogarithmicIncrease = "logarithmic increase"
	RegimeFlat                = "flat"
)

// Result is a fitted curve and the goodness of its fit. Let there be N points with weights w (mean 1) and p parameters.
// SSE is the weighted sum of squared residuals, SST the weighted sum of squared deviations from the weighted mean, and
// k = p+1, because the noise variance is estimated too. Then
//
//	RMSE  = sqrt(SSE/N)
//	R2    = 1 - SSE/SST; 0 if the series is constant; negative if the mean is the better curve
//	AdjR2 = 1 - (1-R2) (N-1)/(N-p)
//	AIC   = N ln(SSE/N) + 2k
//	AICc  = AIC + 2k(k+1)/(N-k-1); NaN if N <= k+1
//	BIC   = N ln(SSE/N) + k ln N
//
// Inside the logarithms, SSE is at least N (2^-52 max|y|)^2, the size of rounding errors, so that a perfect fit stays
// finite. Under LossHuber, SSE, RMSE, R2 and AdjR2 are the same sums over all points. The deviance N ln(SSE/N) in the
// three criteria becomes 2N ln s + 2 sum rho(r/s) - N with the fitted scale s, which is the same number if no residual
// is bounded.
type Result struct {
	Family string
	// Params holds the parameters in the units of t and y, by the names that Params lists. They are always finite. Each
	// family's file states its formula.
	Params map[string]float64
	N      int // points that were fitted, all of them finite

	R2, AdjR2, AIC, AICc, BIC, RMSE, SSE float64

	// Weight is the Akaike weight among the families that All fitted. Fit leaves it 0.
	Weight float64

	// RiseTime is the time in which the curve goes from 10 % to 90 % of its rise. The rise is from the value at the first
	// t to the value at the peak, or at the last t if no peak is seen. RiseTime is NaN if the curve does not rise. Steady
	// is the curve's limit for large t, or NaN if it has none. For the emergence curve it is K, which may lie far beyond
	// the data.
	RiseTime, Steady float64

	// TPeak and FPeak are the emergence curve's maximum at t >= 0. They are NaN if it has none, and for other families.
	// They may lie beyond the data. PeakSeen means that A > 0, that the maximum lies after t = 0, and that TPeak <= the
	// last t.
	TPeak, FPeak float64
	PeakSeen     bool

	// Regime describes an emergence curve f from the first to the last t of the data:
	//   - "flat" if the range of f there is below twice the RMSE, or below 5 % of the largest |f|;
	//   - else "early peak" if PeakSeen and the curve loses at least a tenth of its rise (first t to peak) by the last t;
	//   - else "logarithmic increase" if f(last) > f(first);
	//   - else "", a curve that falls.
	// A constant is flat. The other families have no regime.
	Regime string

	// Message tells a reader what to know about the numbers, in parts joined by "; ". It is empty if there is nothing.
	Message string

	// Condition is the condition number of the emergence curve's weighted Jacobian with unit columns, which is the same
	// for natural and logarithmic scales of each parameter. It is 0 for other families and for a constant series.
	Condition float64

	// Intervals holds 95 % intervals, infinite at an open end, of the emergence curve's five parameters, and of
	// beta = lambda gamma and tau0 = t0/gamma of its other form (Eq. 14), which may be determined if the five are not.
	// If TPeak, FPeak and RiseTime are numbers, it also holds their intervals as t_peak, f_peak and rise_time. Cov is the
	// covariance of the five, SSE/(N-p) (J'J)^-1, with a row and a column for each parameter; it means little if Condition
	// is large. Undetermined names the parameters that the data do not determine (see the package's comment), whether or
	// not they have an interval.
	Intervals    map[string]Interval
	Cov          [][]float64
	Undetermined []string
}

// Points is a series. Y[i] was measured at T[i], the training step, which is not negative and may have any unit and
// order.
type Points struct {
	T, Y []float64
	// Sigma is the standard error of each y, or empty if all are equal. Only ratios matter: the points' weights are
	// 1/sigma² with a mean of 1, and the size of the noise is estimated from the residuals. If the series scatters from
	// point to point by more than its sigmas allow, one variance is added to all of them. A sigma below a quarter of the
	// median sigma counts as that quarter.
	Sigma []float64
}

// The losses.
const (
	LossSquares = "squares"
	LossHuber   = "huber"
)

// Losses returns the names of the losses, sorted.
func Losses() []string { return []string{LossHuber, LossSquares} }

// Options selects how to fit. The zero value means least squares with profile intervals.
type Options struct {
	// Loss is LossSquares or LossHuber. LossHuber is maximum likelihood under Huber's least informative distribution: a
	// residual beyond 1.345 scales counts by its size instead of its square (Huber 1964). The scale is fitted.
	Loss string
	// Interval is IntervalProfile, IntervalBootstrap or IntervalNone.
	Interval string
	Seed     uint64  // of the bootstrap
	Least    float64 // the least possible value of the quantity; Result.Message remarks on smaller ones
}

func (o Options) check() error {
	if o.Loss != "" && !slices.Contains(Losses(), o.Loss) {
		return fmt.Errorf("fit: %w", variant.Unknown("loss", o.Loss, Losses()))
	}
	if o.Interval != "" && !slices.Contains(Intervals(), o.Interval) {
		return fmt.Errorf("fit: %w", variant.Unknown("interval", o.Interval, Intervals()))
	}
	return nil
}

// family is one kind of curve. fit returns the parameters by name in natural units, and remarks for Result.Message.
// steady, if not nil, returns the limit for large t. describe, if not nil, fills the fields that only this family has.
type family struct {
	params   []string
	fit      func(s series) (map[string]float64, []string)
	eval     func(p map[string]float64, t float64) float64
	steady   func(p map[string]float64) float64
	describe func(s series, o Options, r *Result) []string
}

var families = map[string]family{
	"constant":            constant,
	"emergence":           emergence,
	"first_order":         firstOrder,
	"first_order_offset":  firstOrderOffset,
	"logistic":            logistic,
	"power_law":           powerLaw,
	"second_order":        secondOrder,
	"second_order_offset": secondOrderOffset,
}

// ErrPoints is wrapped by the errors for series to which no curve of the family can be fitted.
var ErrPoints = errors.New("series cannot be fitted")

// Families returns the names of the families, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// Params returns the names of a family's parameters in the order of Result.Cov, or nil for an unknown family.
func Params(name string) []string { return families[name].params }

// Fit fits a family to a series. It drops points that are not finite, and Result.Message says so. It returns an error
// that wraps ErrPoints if the lengths differ, if fewer finite points or distinct t are left than the number of
// parameters plus one, if a t or a sigma is negative, if a value exceeds 1e100, or if the largest |y| or t is below
// 1e-100 and not 0.
func Fit(name string, p Points, o Options) (Result, error) {
	fam, ok := families[name]
	if !ok {
		return Result{}, fmt.Errorf("fit: %w", variant.Unknown("family", name, Families()))
	}
	if err := o.check(); err != nil {
		return Result{}, err
	}
	s, messages, err := newSeries(p, o, len(fam.params)+1)
	if err != nil {
		return Result{}, fmt.Errorf("fit: %s: %w", name, err)
	}
	params, remarks := fam.fit(s)
	r := Result{Family: name, Params: params, N: len(s.t), TPeak: math.NaN(), FPeak: math.NaN(), Steady: math.NaN()}
	var bounded series
	if o.Loss == LossHuber && !s.constant {
		bounded, remarks = huber(s, fam, &r, remarks)
	} else {
		bounded = s
		r.scoreSquares(s, fam.eval)
	}
	for _, p := range fam.params {
		if bad(r.Params[p]) {
			return Result{}, fmt.Errorf("fit: %s: %w: parameter %s leaves the floating point range", name, ErrPoints, p)
		}
	}
	messages = append(messages, remarks...)
	if fam.steady != nil {
		r.Steady = fam.steady(r.Params)
	}
	if fam.describe != nil {
		messages = append(messages, fam.describe(bounded, o, &r)...)
	}
	r.RiseTime = riseTime(s, r)
	messages = append(messages, misfits(s, r)...)
	r.Message = strings.Join(messages, "; ")
	return r, nil
}

// All fits every family for which the series has enough points. It returns the results with their Akaike weights,
// sorted by AICc, the best first. Results without an AICc come last, and equal ones in the order of their names. All
// returns an error if no family can be fitted.
func All(p Points, o Options) ([]Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var results []Result
	var failed error
	for _, name := range Families() {
		r, err := Fit(name, p, o)
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
	weigh(results)
	for i := range results {
		if excess := results[i].AICc - results[0].AICc; results[i].Family == "emergence" && excess > noSupport {
			results[i].remark(fmt.Sprintf("the wrong family for this series: the AICc of %s is smaller by %.3g",
				results[0].Family, excess))
		}
	}
	return results, nil
}

// noSupport is the excess of AICc above which a family has essentially no support (Burnham and Anderson 2002, 2.6).
const noSupport = 10

func (r *Result) remark(text string) {
	if r.Message != "" {
		text = r.Message + "; " + text
	}
	r.Message = text
}

func rank(r Result) int {
	if math.IsNaN(r.AICc) {
		return 1
	}
	return 0
}

// weigh sets the Akaike weights of results that are sorted by AICc.
func weigh(results []Result) {
	var sum float64
	for i := range results {
		results[i].Weight = math.Exp(-(results[i].AICc - results[0].AICc) / 2)
		if math.IsNaN(results[i].AICc) {
			results[i].Weight = 0
		}
		sum += results[i].Weight
	}
	for i := range results {
		if sum > 0 {
			results[i].Weight /= sum
		}
	}
}

// Fitted is what All returns for one series.
type Fitted struct {
	Results []Result
	Err     error
}

// Each calls All for many series on all processors. The result does not depend on the number of processors.
func Each(all []Points, o Options) []Fitted {
	fitted := make([]Fitted, len(all))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(all)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				fitted[i].Results, fitted[i].Err = All(all[i], o)
			}
		})
	}
	workers.Wait()
	return fitted
}

// Eval returns the fitted curve at t in the units of y, or NaN for an unknown family.
func Eval(r Result, t float64) float64 {
	fam, ok := families[r.Family]
	if !ok {
		return math.NaN()
	}
	return fam.eval(r.Params, t)
}
