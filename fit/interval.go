package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/outcrop-lab/outcrop/rng"
)

// Interval is a 95 % interval; an end that the data leave open is infinite.
type Interval struct{ Low, High float64 }

// Open says whether an end is open.
func (i Interval) Open() bool { return math.IsInf(i.Low, 0) || math.IsInf(i.High, 0) }

const confidence = 0.95

// intervals fills Cov and Intervals of an emergence curve, whose normalised form is p, and returns the parameters whose
// interval is open.
func intervals(s series, o Options, p natural, r *Result) (open []string) {
	cov := p.sensitivity(s).covariance()
	sse := squares(s, p)
	n := float64(len(s.u))
	variance := sse / (n - 5)
	unit := [5]float64{s.span, p[1], p[2] / s.scale, p[3], s.span} // of the parameters by the Jacobian's coordinates
	r.Cov = make([][]float64, 5)
	for i := range r.Cov {
		r.Cov[i] = make([]float64, 5)
		for j := range r.Cov[i] {
			r.Cov[i][j] = variance * cov[i][j] * unit[i] * unit[j]
		}
	}
	for i := range cov { // from here on by ln |A|
		cov[0][i] /= p[0]
		cov[i][0] /= p[0]
	}
	quantile := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 5}.Quantile((1 + confidence) / 2)
	var ends [5]Interval                                                           // of the coordinates, about the estimate
	rates := [2]Interval{{math.Inf(-1), math.Inf(1)}, {math.Inf(-1), math.Inf(1)}} // of ln beta and ln tau0
	quantities := s.quantities(r)
	said := make([]Interval, len(quantities)) // of the quantities, about the estimate
	rateCov := [2]float64{cov[1][1] + cov[2][2] + 2*cov[1][2], cov[3][3] + cov[2][2] - 2*cov[2][3]}
	switch {
	case o.Interval == IntervalNone:
		return nil
	case sse <= n*roundingRMSE*roundingRMSE:
		// A perfect fit: profiles would be made of rounding.
		for k := range ends {
			d := quantile * math.Sqrt(variance*cov[k][k])
			ends[k] = Interval{-d, d}
		}
		for k := range rates {
			d := quantile * math.Sqrt(variance*rateCov[k])
			rates[k] = Interval{-d, d}
		}
		for k, q := range quantities {
			d := quantile * math.Sqrt(variance*q.variance(p, cov))
			said[k] = Interval{-d, d}
		}
	case o.Interval == IntervalBootstrap:
		ends, rates, said = bootstrap(s, o, p, quantities)
	default:
		threshold := quantile * quantile * variance
		w := profile{l: newPolisher(s), best: p, sse: sse, cov: cov, threshold: threshold,
			se: math.Sqrt(variance) * quantile}
		for k := range 4 {
			ends[k] = Interval{-w.end(p.reach(k), cov[k][k], w.along(k, -1)), w.end(p.reach(k), cov[k][k], w.along(k, 1))}
		}
		ends[4] = Interval{-w.end(p.reach(4), cov[4][4], w.level(-1)), w.end(p.reach(4), cov[4][4], w.level(1))}
		for k := range rates {
			rates[k] = Interval{-w.end(math.Ln10, rateCov[k], w.rate(k, -1)), w.end(math.Ln10, rateCov[k], w.rate(k, 1))}
		}
		for k, q := range quantities {
			said[k] = w.quantityInterval(q)
		}
		if r.Condition > traced {
			p.widen(&ends, newProjection(s).trace(p, sse+threshold))
		}
	}
	r.Intervals = map[string]Interval{}
	for k, name := range emergenceNames {
		i := ends[k].around(r.Params[name], k, p.reach(k), s.span)
		if r.Intervals[name] = i; i.Open() {
			open = append(open, name)
		}
	}
	beta, tau := r.Params["lambda"]*r.Params["gamma"], r.Params["t0"]/r.Params["gamma"]
	r.Intervals["beta"] = rates[0].around(beta, 1, math.Ln10, s.span)
	r.Intervals["tau0"] = rates[1].around(tau, 1, math.Ln10, s.span)
	for k, q := range quantities {
		r.Intervals[q.name] = q.around(said[k], s.span)
	}
	return open
}

// traced is the condition number above which a valley is looked for beyond what the profiles reach from the estimate.
const traced = 1e2

// widen makes the intervals reach every one of the curves.
func (p natural) widen(ends *[5]Interval, curves []natural) {
	for _, q := range curves {
		for k := range ends {
			d := q[k] - p[k]
			if k < 4 {
				if d = math.Log(q[k] / p[k]); math.IsNaN(d) { // A of the other sign
					d = math.Inf(-1)
				}
			}
			ends[k] = Interval{min(ends[k].Low, d), max(ends[k].High, d)}
		}
	}
}

// trace follows the valley from the curve p in both directions of ln beta and of ln tau, the other one minimised, and
// returns the curves whose sum of squares is at most limit.
func (p *projection) trace(from natural, limit float64) (curves []natural) {
	const step = 0.5
	start := [2]float64{math.Log(from[1] * from[2]), math.Log(from[3] / from[2])}
	for held := range 2 {
		for _, sign := range [2]float64{-1, 1} {
			here := start
			for {
				here[held] += sign * step
				if here[held] < p.low[held] || here[held] > p.high[held] || !p.allowed(here) {
					break
				}
				there := p.descend(spot{at: here}, held, 20)
				if !(there.sse <= limit) {
					break
				}
				here = there.at
				curves = append(curves, there.natural())
			}
		}
	}
	return curves
}

// roundingRMSE is a root mean square residual, over the range, that is rounding.
const roundingRMSE = 1e-9

// reach is how far from the estimate an end is looked for: a factor of ten for A, lambda, gamma and t0, twice the
// series' range for K.
func (p natural) reach(k int) float64 {
	if k == 4 {
		return 2
	}
	return math.Ln10
}

// around turns an interval of the k-th coordinate into one of the parameter. An end at the reach is open.
func (i Interval) around(value float64, k int, reach, span float64) Interval {
	low, high := value+span*i.Low, value+span*i.High
	if k < 4 {
		low, high = value*math.Exp(i.Low), value*math.Exp(i.High)
	}
	if value < 0 && k == 0 {
		if !(i.High < reach) {
			high = math.Inf(-1)
		}
		if !(i.Low > -reach) {
			low = math.Inf(1)
		}
		return Interval{high, low}
	}
	if !(i.Low > -reach) {
		low = math.Inf(-1)
	}
	if !(i.High < reach) {
		high = math.Inf(1)
	}
	return Interval{low, high}
}

// profile finds where the sum of squares, minimised over the other four, has grown by the threshold: the profile
// likelihood's interval (Bates and Watts 1988), whose open ends show a parameter that the data do not determine (Raue
// et al. 2009). Its coordinates are ln |A|, ln lambda, ln gamma, ln t0 and K of the normalised curve.
type profile struct {
	l         *polisher
	best      natural
	sse       float64
	cov       [5][5]float64
	threshold float64
	se        float64 // the interval's half width for a coordinate of unit covariance
}

// along is the sum of squares at a distance from the estimate in the k-th coordinate, the other four minimised from where
// they were last.
func (w profile) along(k int, sign float64) func(d float64) float64 {
	from, at := w.best, 0.0
	return func(d float64) float64 {
		start := from
		for j := range 5 {
			start = start.shift(j, sign*(d-at)*w.slope(j, k))
		}
		start[k] = w.best[k]
		p, sse := w.l.descend(start.shift(k, sign*d).bounded(k), k, 1e-5)
		if sse < w.sse+2*w.threshold { // go on from a point of the profile, not from where a long step was lost
			from, at = p, d
		}
		return sse
	}
}

// level is along for K, by variable projection, which does not mind how the other four trade off.
func (w profile) level(sign float64) func(d float64) float64 {
	p := newProjection(w.l.s)
	p.levelHeld = true
	from := [2]float64{math.Log(w.best[1] * w.best[2]), math.Log(w.best[3] / w.best[2])}
	return func(d float64) float64 {
		p.level = w.best[4] + sign*d
		there := p.descend(spot{at: from}, free, longDescent)
		if there.sse < w.sse+2*w.threshold {
			from = there.at
		}
		return there.sse
	}
}

// rate is along for ln beta (k = 0) or ln tau0 (k = 1), by variable projection.
func (w profile) rate(k int, sign float64) func(d float64) float64 {
	p := newProjection(w.l.s)
	start := [2]float64{math.Log(w.best[1] * w.best[2]), math.Log(w.best[3] / w.best[2])}
	from := start
	return func(d float64) float64 {
		at := from
		at[k] = start[k] + sign*d
		there := p.descend(spot{at: at}, k, longDescent)
		if there.sse < w.sse+2*w.threshold {
			from = there.at
		}
		return there.sse
	}
}

// end is the distance of one end from the estimate, or +Inf where that is beyond the limit; squares is the profile, and
// variance the coordinate's for a noise of 1.
func (w profile) end(limit, variance float64, squares func(d float64) float64) float64 {
	const evaluations, precise = 16, 0.005
	step := w.se * math.Sqrt(variance)
	if !(step < limit) {
		step = limit
	}
	// root is about linear in the distance: it is 0 at the estimate and 1 at the end.
	root := func(d float64) float64 { return math.Sqrt(max(squares(d)-w.sse, 0) / w.threshold) }
	low, below, high, above := 0.0, 0.0, math.Inf(1), math.Inf(1)
	d := step
	for range evaluations {
		z := root(d)
		if z < 1 {
			low, below = d, z
			if d >= limit {
				return math.Inf(1)
			}
		} else {
			high, above = d, z
		}
		if math.Abs(z-1) < precise || high-low < precise*high {
			break
		}
		switch {
		case math.IsInf(high, 1):
			d = min(max(1.3*d, min(d/max(z, 1e-3)*1.05, 4*d)), limit)
		case math.IsInf(above, 1) || above > 10:
			d = (low + high) / 2
		default:
			d = low + (1-below)/(above-below)*(high-low)
			d = min(max(d, low+0.02*(high-low)), high-0.02*(high-low))
		}
	}
	return d
}

// slope is how the j-th coordinate moves with the k-th along the profile of a linear problem.
func (w profile) slope(j, k int) float64 {
	if v := w.cov[j][k] / w.cov[k][k]; j != k && !bad(v) {
		return v
	}
	return 0
}

// shift moves the k-th coordinate, a logarithm by at most a factor of ten.
func (p natural) shift(k int, by float64) natural {
	if k == 4 {
		p[k] += by
	} else {
		p[k] *= math.Exp(min(max(by, -math.Ln10), math.Ln10))
	}
	return p
}

// replicates of a bootstrap.
const replicates = 400

// bootstrap is the percentile interval of the residual bootstrap: the curve plus its own residuals, drawn with
// replacement and divided by their points' weights, fitted again from the estimate.
func bootstrap(s series, o Options, p natural, quantities []quantity) (ends [5]Interval, rates [2]Interval, said []Interval) {
	random := rng.New(o.Seed, "fit.bootstrap").Rand()
	curve, res := make([]float64, len(s.u)), make([]float64, len(s.u))
	for r, u := range s.u {
		curve[r] = p.at(u)
		res[r] = s.w[r] * (s.v[r] - curve[r])
	}
	again := s
	again.v = make([]float64, len(s.u))
	l := newPolisher(again)
	draws := make([][]float64, 7+len(quantities)) // the five, ln beta, ln tau0, the quantities
	for range replicates {
		for r := range curve {
			again.v[r] = curve[r] + res[random.IntN(len(res))]/s.w[r]
		}
		q, _ := l.descend(p, free, 1e-8)
		draws[5] = append(draws[5], math.Log(q[1]*q[2]/(p[1]*p[2])))
		draws[6] = append(draws[6], math.Log(q[3]/q[2]/(p[3]/p[2])))
		for k, quantity := range quantities {
			d := quantity.of(q) - quantity.of(p)
			if math.IsNaN(d) { // a curve without it: it may lie anywhere beyond
				d = math.Inf(1)
			}
			draws[7+k] = append(draws[7+k], d)
		}
		for k := range ends {
			d := q[k] - p[k]
			if k < 4 {
				d = math.Log(q[k] / p[k])
			}
			if math.IsNaN(d) { // A changed its sign: it may be 0
				d = math.Inf(-1)
			}
			draws[k] = append(draws[k], d)
		}
	}
	tail := int(math.Round((1 - confidence) / 2 * replicates))
	percentiles := func(k int) Interval {
		slices.Sort(draws[k])
		return Interval{draws[k][tail-1], draws[k][replicates-tail]}
	}
	for k := range ends {
		ends[k] = percentiles(k)
	}
	for k := range quantities {
		said = append(said, percentiles(7+k))
	}
	return ends, [2]Interval{percentiles(5), percentiles(6)}, said
}

// The ways to an interval.
const (
	IntervalProfile   = "profile"
	IntervalBootstrap = "bootstrap"
	IntervalNone      = "none"
)

// Intervals lists the ways to an interval.
func Intervals() []string { return []string{IntervalBootstrap, IntervalNone, IntervalProfile} }
