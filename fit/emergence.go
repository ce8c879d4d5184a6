package fit

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// emergence is the curve of massive activations over training (arXiv 2508.03616, Eq. 9)
//
//	f(t) = A exp(-lambda x) ln(x) + K,  x = gamma t + t0,  with lambda, gamma, t0 > 0 and A of either sign.
//
// It is fitted in the form of the paper's Eq. 14, f = exp(-beta t) (A1 ln(t + tau0) + A2) + K with beta = lambda gamma
// and tau0 = t0/gamma. A search over (ln beta, ln tau0) from many starts solves a linear least squares problem for
// (A1, A2, K) at each point; a bounded Levenberg-Marquardt on all five natural parameters follows. The paper runs one
// trust-region search from a single guess.
var emergence = family{
	params:   []string{"A", "lambda", "gamma", "t0", "K"},
	fit:      fitEmergence,
	eval:     evalEmergence,
	steady:   func(p map[string]float64) float64 { return p["K"] },
	describe: describeEmergence,
}

func evalEmergence(p map[string]float64, t float64) float64 {
	return named(p).at(t)
}

// natural holds A, lambda, gamma, t0 and K.
type natural [5]float64

func (p natural) at(t float64) float64 {
	if p[0] == 0 {
		return p[4]
	}
	x := p[2]*t + p[3]
	return p[0]*math.Exp(-p[1]*x)*math.Log(x) + p[4]
}

// gradient returns f at t and its derivatives by A, ln lambda, ln gamma, ln t0 and K. The logarithms keep lambda, gamma
// and t0 positive.
func (p natural) gradient(t float64) (float64, [5]float64) {
	x := p[2]*t + p[3]
	decay, log := math.Exp(-p[1]*x), math.Log(x)
	byX := p[0] * decay * (1/x - p[1]*log)
	return p[0]*decay*log + p[4], [5]float64{decay * log, -p[0] * p[1] * x * decay * log, byX * p[2] * t, byX * p[3], 1}
}

func fitEmergence(s series) (map[string]float64, []string) {
	if s.constant {
		return natural{0, 1, 1 / s.scale, 1, s.mean()}.named(), nil
	}
	search := newProjection(s)
	best := search.solutions()
	p, _ := newPolisher(s).descend(best.natural(), free, roundingGain)
	var remarks []string
	if best.bound != "" {
		remarks = append(remarks, "the fit ended at a bound: "+best.bound)
	}
	p[0] *= s.span
	p[2] /= s.scale
	p[4] = s.low + s.span*p[4]
	return p.named(), remarks
}

func named(params map[string]float64) natural {
	return natural{params["A"], params["lambda"], params["gamma"], params["t0"], params["K"]}
}

// normalised returns the parameters of the curve v(u) of s.
func (p natural) normalised(s series) natural {
	return natural{p[0] / s.span, p[1], p[2] * s.scale, p[3], (p[4] - s.low) / s.span}
}

func (p natural) named() map[string]float64 {
	return map[string]float64{"A": p[0], "lambda": p[1], "gamma": p[2], "t0": p[3], "K": p[4]}
}

// describeEmergence fills TPeak, FPeak, PeakSeen, Regime, Condition and the intervals by the rules that Result states.
func describeEmergence(s series, o Options, r *Result) []string {
	p := named(r.Params)
	if p[0] == 0 {
		r.Regime = RegimeFlat
		r.Undetermined = []string{"A", "lambda", "gamma", "t0"}
		return nil
	}
	var remarks []string
	if t, ok := p.peak(); ok {
		r.TPeak, r.FPeak = t, p.at(t)
		r.PeakSeen = t <= s.last
		if !r.PeakSeen {
			remarks = append(remarks, fmt.Sprintf("still rising: t_peak %.4g lies beyond the last t %.4g and is an "+
				"extrapolation", t, s.last))
		}
	}
	if p.regime(s, r); r.Regime == "" {
		remarks = append(remarks, "the curve falls, so it has none of the regimes")
	}
	condition, traded := p.normalised(s).sensitivity(s).condition()
	r.Condition = condition
	open := intervals(s, o, p.normalised(s), r)
	if condition <= identifiable {
		traded = nil
	} else {
		remarks = append(remarks, tradeOff(condition, traded))
	}
	if len(open) > 0 {
		remarks = append(remarks, "the 95 % interval is open for "+strings.Join(open, ", "))
	}
	for _, name := range emergenceNames {
		if slices.Contains(traded, name) || slices.Contains(open, name) {
			r.Undetermined = append(r.Undetermined, name)
		}
	}
	return remarks
}

// regime sets Result.Regime by the rule stated there.
func (p natural) regime(s series, r *Result) {
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
	}
}

// peak returns the t > 0 at which f is largest, (exp(W0(1/lambda)) - t0)/gamma, and whether there is one. It uses
// exp(W(z)) = z/W(z).
func (p natural) peak() (float64, bool) {
	z := 1 / p[1]
	t := (z/LambertW0(z) - p[3]) / p[2]
	if p[0] <= 0 || !(t > 0) || math.IsInf(t, 0) {
		return 0, false
	}
	return t, true
}
