// Package fit fits curves to series of measurements over training: numbers in, numbers out.
//
// The curve of interest is the five-parameter emergence curve of massive activations (arXiv 2508.03616, Eq. 9); step
// responses, a logistic, a power law and a constant stand beside it as rivals. Every fit is deterministic: the same
// points give the same bits.
//
// # What a fit determines
//
// Five parameters are many for a curve that only rises. Where the data look like a bend and a plateau, whole families of
// (A, lambda, gamma, t0, K) draw the same curve: as t0/gamma grows the logarithm becomes a line, A grows without end and
// lambda with it, and the sum of squares falls a little all the way. The search is bounded only where numbers would leave
// the floating point range (|ln gamma| of normalised time below 30, lambda t0 below 50, 1/(lambda gamma) from 1e-5 to
// 1e5 of the last t), and holds no prior: the best curve is the best curve, however odd its parameters. What the data say
// of each parameter is then asked by its profile likelihood: if the sum of squares, minimised over the other four, stays
// below the 95 % threshold out to a factor of ten from the estimate (for K, out to twice the series' range), that end is
// open, and the parameter is not determined (Raue et al. 2009, doi 10.1093/bioinformatics/btp358).
// The same is said of the parameters that trade off where the Jacobian's condition number exceeds 1e6. Result.Undetermined
// names them; a table shows a dash for them, and what the curve itself says (its values, peak, rise time) stays.
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

// The regimes of arXiv 2508.03616, by the rule of Result.Regime.
const (
	RegimeEarlyPeak           = "early peak"
	RegimeLogarithmicIncrease = "logarithmic increase"
	RegimeFlat                = "flat"
)

// Result is a fitted curve and how good it is. With N points of weights w (mean 1), p parameters, SSE the weighted sum of
// squared residuals, SST that of the deviations from the weighted mean and k = p+1 (the noise variance is estimated too):
//
//	RMSE  = sqrt(SSE/N)
//	R2    = 1 - SSE/SST; 0 where the series is constant; negative where the mean is the better curve
//	AdjR2 = 1 - (1-R2) (N-1)/(N-p)
//	AIC   = N ln(SSE/N) + 2k
//	AICc  = AIC + 2k(k+1)/(N-k-1); NaN where N <= k+1
//	BIC   = N ln(SSE/N) + k ln N
//
// Inside the logarithms SSE is at least N (2^-52 max|y|)^2, rounding's share, so that a perfect fit stays finite. Under
// LossHuber SSE, RMSE, R2 and AdjR2 are the same sums over all points; the deviance N ln(SSE/N) in the three criteria is
// 2N ln s + 2 sum rho(r/s) - N, s the fitted scale, which is the same number where no residual is bounded.
type Result struct {
	Family string
	// Params in the units of t and y, by the names that Params lists; each family's file has its formula. Always finite.
	Params map[string]float64
	N      int // finite points, the ones that were fitted

	R2, AdjR2, AIC, AICc, BIC, RMSE, SSE float64

	// Weight is the Akaike weight among the families that All fitted; 0 from Fit.
	Weight float64

	// RiseTime is the time from 10 % to 90 % of the curve's rise, from its value at the first t to that at the peak, or at
	// the last t where no peak is seen; NaN where the curve does not rise. Steady is the curve's limit for large t, NaN
	// where it has none: for the emergence curve K, which may lie far beyond the data.
	RiseTime, Steady float64

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

	// Condition is the condition number of the emergence curve's weighted Jacobian with unit columns (it is the same for
	// natural and logarithmic scales of each parameter). 0 for other families and for a constant series.
	Condition float64

	// Intervals are the emergence parameters' 95 % intervals, infinite at an open end, and those of the reparametrised
	// curve's beta = lambda gamma and tau0 = t0/gamma (Eq. 14), which may be determined where the five are not; and, where they
	// are numbers, t_peak, f_peak and rise_time of TPeak, FPeak and RiseTime. Cov is the five's covariance
	// SSE/(N-p) (J'J)^-1, a line and a column per parameter, which where Condition is large says little. Undetermined are
	// the parameters that the data do not determine (see the package's comment), with or without an interval.
	Intervals    map[string]Interval
	Cov          [][]float64
	Undetermined []string
}

// Points is a series: y[i] measured at t[i], the training step (any unit, not negative, any order).
type Points struct {
	T, Y []float64
	// Sigma is the standard error of each y, or empty where all are alike. Only ratios matter: the points' weights are
	// 1/sigma² with a mean of 1, and the noise's size is estimated from the residuals. Where the series scatters from point
	// to point by more than its sigmas say, one variance is added to all of them; a sigma below a quarter of the median one
	// is taken as that.
	Sigma []float64
}

// The losses.
const (
	LossSquares = "squares"
	LossHuber   = "huber"
)

// Losses lists the losses.
func Losses() []string { return []string{LossHuber, LossSquares} }

// Options say how to fit. The zero value is least squares with profile intervals.
type Options struct {
	// Loss is LossSquares, or LossHuber: maximum likelihood under Huber's least informative distribution, in which a
	// residual beyond 1.345 scales counts by its size and no longer by its square (Huber 1964). The scale is fitted.
	Loss string
	// Interval is IntervalProfile, IntervalBootstrap or IntervalNone.
	Interval string
	Seed     uint64  // of the bootstrap
	Least    float64 // the least value that the quantity can have; smaller ones are remarked on
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

// family is one curve. fit returns the parameters by name in natural units and remarks for Result.Message; steady, if
// any, is the value as t grows; describe, if any, fills what only this family knows.
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

// ErrPoints is wrapped by errors about series that no curve of the family can be fitted to.
var ErrPoints = errors.New("series cannot be fitted")

// Families lists the known families, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// Params lists a family's parameters in the order of Result.Cov; none for an unknown family.
func Params(name string) []string { return families[name].params }

// Fit fits a family to a series. Points that are not finite are dropped, and Result.Message says so. It fails, wrapping
// ErrPoints, when the lengths differ, when fewer finite points or distinct t are left than parameters plus one, when a t
// or a sigma is negative, or when values exceed 1e100, or all |y| but 0 lie below 1e-100.
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

// All fits every family that the series has enough points for, sorted by AICc, best first, with their Akaike weights;
// results without an AICc come last, and equal ones in the order of their names. It fails if no family can be fitted.
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
			results[i].remark(fmt.Sprintf("the wrong family for this series: the AICc of %s is smaller by %.3g", results[0].Family, excess))
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

// weigh sets the Akaike weights of results sorted by AICc.
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

// Each is All for many series, on all processors. The result does not depend on how many there are.
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

// Eval is the fitted curve at t, in the units of y; NaN for an unknown family.
func Eval(r Result, t float64) float64 {
	fam, ok := families[r.Family]
	if !ok {
		return math.NaN()
	}
	return fam.eval(r.Params, t)
}
