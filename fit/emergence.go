package fit

import (
	"fmt"
	"math"
)

// emergence is the curve of massive activations over training (arXiv 2508.03616, Eq. 9)
//
//	f(t) = A exp(-lambda x) ln(x) + K,  x = gamma t + t0,  with lambda, gamma, t0 > 0 and A of either sign.
//
// It is fitted in the form of their Eq. 14, f = exp(-beta t) (A1 ln(t + tau0) + A2) + K with beta = lambda gamma and
// tau0 = t0/gamma: a search over (ln beta, ln tau0) of a linear least squares for (A1, A2, K), from many starts, then
// a bounded Levenberg-Marquardt on all five natural parameters. The paper starts a trust region once, from one guess.
var emergence = family{
	params:   []string{"A", "lambda", "gamma", "t0", "K"},
	fit:      fitEmergence,
	eval:     evalEmergence,
	describe: describeEmergence,
}

func evalEmergence(p map[string]float64, t float64) float64 {
	return natural{p["A"], p["lambda"], p["gamma"], p["t0"], p["K"]}.at(t)
}

// natural holds A, lambda, gamma, t0, K.
type natural [5]float64

func (p natural) at(t float64) float64 {
	if p[0] == 0 {
		return p[4]
	}
	x := p[2]*t + p[3]
	return p[0]*math.Exp(-p[1]*x)*math.Log(x) + p[4]
}

// gradient is the derivative of f at t by A, ln lambda, ln gamma, ln t0 and K. The logarithms keep the three positive.
func (p natural) gradient(t float64) [5]float64 {
	x := p[2]*t + p[3]
	decay, log := math.Exp(-p[1]*x), math.Log(x)
	byX := p[0] * decay * (1/x - p[1]*log)
	return [5]float64{decay * log, -p[0] * p[1] * x * decay * log, byX * p[2] * t, byX * p[3], 1}
}

func fitEmergence(s series) (map[string]float64, []string, error) {
	if s.constant {
		return natural{0, 1, 1 / s.scale, 1, s.low + s.span*meanOf(s.v)}.named(), nil, nil
	}
	search := newProjection(s)
	best := search.solutions()
	p := polish(s, best.natural())
	var remarks []string
	if best.bound != "" {
		remarks = append(remarks, "the fit ends at a bound: "+best.bound)
	}
	p[0] *= s.span
	p[2] /= s.scale
	p[4] = s.low + s.span*p[4]
	return p.named(), remarks, nil
}

func (p natural) named() map[string]float64 {
	return map[string]float64{"A": p[0], "lambda": p[1], "gamma": p[2], "t0": p[3], "K": p[4]}
}

// describeEmergence fills TPeak, FPeak, PeakSeen, Regime and Condition by the rules that Result states.
func describeEmergence(s series, r *Result) []string {
	p := natural{r.Params["A"], r.Params["lambda"], r.Params["gamma"], r.Params["t0"], r.Params["K"]}
	if p[0] == 0 {
		r.Regime = RegimeFlat
		return nil
	}
	var remarks []string
	if t, ok := p.peak(); ok {
		r.TPeak, r.FPeak = t, p.at(t)
		r.PeakSeen = t <= s.last
		if !r.PeakSeen {
			remarks = append(remarks, fmt.Sprintf("still rising: t_peak %.4g lies beyond the last t %.4g and is an extrapolation", t, s.last))
		}
	}
	start, end := p.at(s.first), p.at(s.last)
	low, high := start, start
	for _, t := range s.t {
		f := p.at(t)
		low, high = min(low, f), max(high, f)
	}
	peak := high
	if r.PeakSeen {
		peak = r.FPeak
	}
	high = max(high, peak)
	switch {
	case high-low < 2*r.RMSE || high-low < 0.05*max(math.Abs(high), math.Abs(low)):
		r.Regime = RegimeFlat
	case r.PeakSeen && r.TPeak >= s.first && peak-end >= 0.1*(peak-start):
		r.Regime = RegimeEarlyPeak
	case end > start:
		r.Regime = RegimeLogarithmicIncrease
	default:
		remarks = append(remarks, "the curve falls: none of the regimes")
	}
	condition, names := p.condition(s)
	r.Condition = condition
	if !(condition <= identifiable) {
		remarks = append(remarks, tradeOff(condition, names))
	}
	return remarks
}

// peak is the t > 0 at which f is largest, (exp(W0(1/lambda)) - t0)/gamma; exp(W(z)) = z/W(z).
func (p natural) peak() (float64, bool) {
	z := 1 / p[1]
	t := (z/LambertW0(z) - p[3]) / p[2]
	if p[0] <= 0 || !(t > 0) || math.IsInf(t, 0) {
		return 0, false
	}
	return t, true
}
