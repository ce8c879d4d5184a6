// Package fit fits curves to series of measurements over training. It takes numbers and returns numbers.
//
// The main curve is the five-parameter emergence curve of massive activations (arXiv 2508.03616, Eq. 9). The other
// families are step responses, a logistic, a power law and a constant. Every fit is deterministic: the same points
// give bit-identical results.
//
// The rivals are searched in boxes that follow the spacing and the span of t. A constant, a logistic, a power law and
// a first-order response with offset may be moved along t: the fits of t and of t + c are the same curve. The emergence
// curve, the first-order response without offset and the second-order ones begin at t = 0. Result.Message says which
// parameters lie at an end of their search.
//
// # What a fit determines
//
// If the data only rise, they often do not determine all five parameters. If the data bend once and then level off,
// many combinations of (A, lambda, gamma, t0, K) give almost the same curve. As t0/gamma grows, the logarithm
// approaches a straight line, A and lambda grow without limit, and the sum of squares keeps falling slightly.
//
// The search has bounds only to keep all numbers finite and the curve distinct from its limiting forms. With t in
// units of the last t, |ln gamma| is at most 30, and 1/(lambda gamma) is at most 1e5. It is at least 1e-5 of the span
// of t and, if the series begins late, at least 1/300 of the first t: of a faster decay, too little is left at the
// first t for A to be a number. In addition, lambda t0 is at most 50. Until the final refinement, t0/gamma is also
// between 0.001 times the first positive t and 1000 times the last t. No prior favours plausible parameters: Fit
// returns the curve with the smallest loss that it finds, even if its parameters are implausible.
//
// The profile likelihood then shows which parameters the data determine. To find an end of a parameter's 95 %
// interval, the parameter is moved away from its estimate, and the sum of squares is minimised over the other four
// parameters. The interval ends where this minimum reaches the 95 % threshold. If it stays below the threshold even at
// ten times (or a tenth of) the estimate, the interval is open at that end, and the parameter is not determined (Raue
// et al. 2009, doi 10.1093/bioinformatics/btp358). K may be negative, so it is moved by up to twice the range of the
// series instead.
//
// If the Jacobian's condition number exceeds 1e6, the parameters that trade off against each other are not determined
// either. Result.Undetermined names all undetermined parameters, and tables show a dash in place of their values. The
// fitted values of the curve, its peak and its rise time remain meaningful.
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

// The regimes of arXiv 2508.03616. Result.Regime states the rule that assigns them.
const (
	RegimeEarlyPeak           = "early peak"
	RegimeLogarithmicIncrease = "logarithmic increase"
	RegimeFlat                = "flat"
)

// Result is a fitted curve with its goodness of fit. Let N be the number of points, w their weights (with a mean of 1)
// and p the number of parameters. SSE is the weighted sum of squared residuals, and SST is the weighted sum of squared
// deviations from the weighted mean. The number k = p+1 also counts the noise variance, which is estimated too. Then
//
//	RMSE  = sqrt(SSE/N)
//	R2    = 1 - SSE/SST; 0 if the series is constant; negative if the mean fits better than the curve
//	AdjR2 = 1 - (1-R2) (N-1)/(N-p)
//	AIC   = N ln(SSE/N) + 2k
//	AICc  = AIC + 2k(k+1)/(N-k-1); NaN if N <= k+1
//	BIC   = N ln(SSE/N) + k ln N
//
// Inside the logarithms, SSE is replaced by N (2^-52 max|y|)^2 if SSE is the smaller of the two. The replacement is the
// size of rounding errors, and it keeps the criteria of a perfect fit finite.
//
// Under LossHuber, SSE, RMSE, R2 and AdjR2 are computed by the same formulas, from the squared residuals of all
// points. In AIC, AICc and BIC, the term N ln(SSE/N) becomes 2N ln s + 2 sum rho(r/s) - N. Here s is the fitted scale,
// r is a residual times sqrt(w), and rho(z) is z^2/2 for |z| <= 1.345 and 1.345 |z| - 1.345^2/2 beyond. If no |r/s|
// exceeds 1.345, the new term equals N ln(SSE/N).
type Result struct {
	Family string
	// Params maps the names that the function Params lists to the values of the parameters, in the units of t and y. The
	// values are always finite. The formula of each family is in the family's source file. A curve that cannot be written
	// from t = 0 has one entry more, start: its formula holds with t - start in place of t. This happens where the series
	// begins late, to the families whose curves may be moved along t: a decay that is over in a thousandth of the steps
	// before the first point would have begun at a height that no number holds.
	Params map[string]float64
	N      int // number of finite points, all of which are fitted

	R2, AdjR2, AIC, AICc, BIC, RMSE, SSE float64

	// Weight is the Akaike weight among the families that All fitted. Fit leaves Weight at 0.
	Weight float64

	// RiseTime is how long the curve takes to go from 10 % to 90 % of its rise. The rise is from the curve's value at
	// the first t to its value at TPeak, or at the last t if PeakSeen is false. RiseTime is NaN if the curve does not
	// rise. Steady is the curve's limit for large t, or NaN if the curve has no limit. For the emergence curve, Steady
	// is K, which the curve may approach only far beyond the data.
	RiseTime, Steady float64

	// TPeak is the t > 0 at which the emergence curve has its maximum, and FPeak is the maximum. Both are NaN if A <= 0,
	// if the curve has no maximum at t > 0, and for other families. TPeak may lie beyond the data. PeakSeen reports
	// whether the curve has a TPeak that is not after the last t.
	TPeak, FPeak float64
	PeakSeen     bool

	// Regime describes the emergence curve f between the first and the last t of the data:
	//   - "flat" if the range of f is below twice the RMSE, or below 5 % of the largest |f|;
	//   - else "early peak" if PeakSeen is true, TPeak is not before the first t, and from TPeak to the last t the curve
	//     falls by at least a tenth of its rise from the first t to TPeak;
	//   - else "logarithmic increase" if f(last) > f(first);
	//   - else "": the curve falls.
	// The constant family is always "flat". The other families have no regime: Regime is "".
	Regime string

	// Message holds remarks for the reader about this fit, separated by "; ". It is empty if there are none.
	Message string

	// Condition is the condition number of the emergence curve's weighted Jacobian, with each column scaled to unit
	// length. It is therefore the same whether a parameter is on a linear or a logarithmic scale. Condition is 0 for
	// other families and for a constant series.
	Condition float64

	// Intervals holds the 95 % intervals of the emergence curve's five parameters, by name. It also holds those of beta
	// = lambda gamma and tau0 = t0/gamma, the parameters of the curve's other form (Eq. 14), which may be determined
	// even if the five are not. If TPeak, FPeak or RiseTime is a number, its interval is in Intervals as t_peak, f_peak
	// or rise_time. An open end is infinite. Intervals is nil under IntervalNone, for other families and for a constant
	// series.
	//
	// Cov is the covariance matrix of the five parameters, SSE/(N-p) (J'J)^-1, in the order of Params. It means little
	// if Condition is large.
	//
	// Undetermined names the parameters that the data do not determine (see the package comment), even those that have
	// an interval.
	Intervals    map[string]Interval
	Cov          [][]float64
	Undetermined []string
}

// Points is a series: Y[i] was measured at T[i]. T holds training steps. They must not be negative, but may be in any
// unit and any order.
type Points struct {
	T, Y []float64
	// Sigma holds the standard error of each Y[i]. If Sigma is empty or its median is 0, all points have the same
	// weight. Otherwise the weight of a point is 1/sigma², scaled so that the mean weight is 1. Multiplying all sigmas
	// by one factor changes nothing, because the size of the noise is estimated from the residuals. There is one
	// exception: if neighbouring points clearly differ by more than their sigmas explain, a common extra variance is
	// added to every sigma². Finally, in every case, a sigma smaller than a quarter of the median sigma is replaced by
	// a quarter of the median.
	Sigma []float64
}

// The losses.
const (
	LossSquares = "squares"
	LossHuber   = "huber"
)

// Losses returns the names of the losses, sorted.
func Losses() []string { return []string{LossHuber, LossSquares} }

// Options selects how to fit. The zero value selects least squares with profile intervals.
type Options struct {
	// Loss is LossSquares or LossHuber. LossHuber is maximum likelihood under Huber's least informative distribution
	// (Huber 1964). The loss grows with the square of a residual up to 1.345 scales, and linearly beyond that. The scale
	// is fitted along with the curve.
	Loss string
	// Interval is IntervalProfile, IntervalBootstrap or IntervalNone.
	Interval string
	Seed     uint64  // seed of the bootstrap
	Least    float64 // the least possible value of the quantity; Result.Message mentions any smaller values
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
//
// later, if not nil, returns the parameters of the curve that comes later by the given time, or nil if there are none.
// Its family may be moved along t: it is fitted to times since the first, so that the fits of t and of t + c are the
// same curve. The other families begin at t = 0, as their papers define them.
type family struct {
	params   []string
	fit      func(s series) (map[string]float64, []string)
	eval     func(p map[string]float64, t float64) float64
	steady   func(p map[string]float64) float64
	later    func(p map[string]float64, by float64) map[string]float64
	describe func(s series, o Options, r *Result) []string
}

// start is the entry of Result.Params from which t is counted. It is 0 if it is missing.
const start = "start"

// at returns the curve's value.
func (f family) at(p map[string]float64, t float64) float64 { return f.eval(p, t-p[start]) }

// fitted returns what fit returns, with a family that may be moved along t fitted to the times since the first.
func (f family) fitted(s series) (map[string]float64, []string) {
	if f.later == nil || s.first == 0 {
		return f.fit(s)
	}
	p, remarks := f.fit(s.since(s.first))
	if q := f.later(p, s.first); q != nil && f.same(s, p, q) {
		return q, remarks
	}
	p[start] = s.first
	return p, remarks
}

// same reports whether the curve q is the curve p counted from the first t, but for rounding.
func (f family) same(s series, p, q map[string]float64) bool {
	const rounding = 1e-10 // of the range of y
	for _, t := range s.t {
		if !(math.Abs(f.eval(q, t)-f.eval(p, t-s.first)) <= rounding*s.span) {
			return false
		}
	}
	return true
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

// ErrPoints means that no curve of the family can be fitted to the series. Errors with this cause wrap it.
var ErrPoints = errors.New("series cannot be fitted")

// Families returns the names of the families, sorted.
func Families() []string { return slices.Sorted(maps.Keys(families)) }

// Params returns the names of a family's parameters in the order of Result.Cov, or nil for an unknown family.
func Params(name string) []string { return families[name].params }

// Fit fits the named family to a series. It drops points that are not finite and says so in Result.Message. It returns
// an error that wraps ErrPoints in these cases: the lengths differ; the number of finite points, or of distinct t
// among them, does not exceed the number of parameters; a t or a sigma is negative; a t, |y| or sigma exceeds 1e100;
// the largest t or |y| is below 1e-100 but not 0; or a fitted parameter leaves the floating-point range.
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
	params, remarks := fam.fitted(s)
	r := Result{Family: name, Params: params, N: len(s.t), TPeak: math.NaN(), FPeak: math.NaN(), Steady: math.NaN()}
	var bounded series
	if o.Loss == LossHuber && !s.constant {
		bounded, remarks = huber(s, fam, &r, remarks)
	} else {
		bounded = s
		r.scoreSquares(s, fam)
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
// sorted by AICc from best to worst. Results whose AICc is NaN come last; ties are ordered by family name. All returns
// an error if no family can be fitted.
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

// Fitted holds what All returns for one series.
type Fitted struct {
	Results []Result
	Err     error
}

// Each calls All for every series, in parallel on all processors. The result does not depend on the number of
// processors.
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
	return fam.at(r.Params, t)
}
