package fit

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/outcrop-lab/outcrop/rng"
)

// Interval is a 95 % interval. An end that the data do not limit is open: it is infinite.
type Interval struct{ Low, High float64 }

// Open reports whether at least one end is open.
func (i Interval) Open() bool { return math.IsInf(i.Low, 0) || math.IsInf(i.High, 0) }

const confidence = 0.95

// intervals sets Cov and Intervals of an emergence curve, whose normalised form is p. It returns the names of the
// parameters whose interval is open.
func intervals(s series, o Options, p natural, r *Result) (open []string) {
	cov := p.sensitivity(s).covariance()
	sse := squares(s, p)
	variance := sse / float64(len(s.u)-5)
	unit := [5]float64{s.span, p[1], p[2] / s.scale, p[3], s.span} // of the parameters by the Jacobian's coordinates
	r.Cov = make([][]float64, 5)
	for i := range r.Cov {
		r.Cov[i] = make([]float64, 5)
		for j := range r.Cov[i] {
			r.Cov[i][j] = variance * cov[i][j] * unit[i] * unit[j]
		}
	}
	if o.Interval == IntervalNone {
		return nil
	}
	for i := range cov { // from here on by ln |A|
		cov[0][i] /= p[0]
		cov[i][0] /= p[0]
	}
	quantities := s.quantities(r)
	ends, rates, said := s.intervalsAbout(o, p, cov, quantities, r.Condition)
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

// intervalsAbout returns the intervals about the estimate p, as distances from it: of the coordinates ln |A|,
// ln lambda, ln gamma, ln t0 and K, of ln beta and ln tau0, and of the quantities. cov is the covariance of the
// coordinates for a noise variance of 1.
func (s series) intervalsAbout(o Options, p natural, cov [5][5]float64, quantities []quantity, condition float64) (
	ends [5]Interval, rates [2]Interval, said []Interval) {
	sse, n := squares(s, p), float64(len(s.u))
	variance := sse / (n - 5)
	quantile := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 5}.Quantile((1 + confidence) / 2)
	said = make([]Interval, len(quantities))
	rateCov := [2]float64{cov[1][1] + cov[2][2] + 2*cov[1][2], cov[3][3] + cov[2][2] - 2*cov[2][3]}
	switch {
	case sse <= n*roundingRMSE*roundingRMSE:
		// The fit is perfect. Profiles would only show rounding errors.
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
		return bootstrap(s, o, p, quantities)
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
		if condition > traced {
			p.widen(&ends, newProjection(s).trace(p, sse+threshold))
		}
	}
	return ends, rates, said
}

// traced is the condition number above which trace looks for a valley that the profiles do not reach from the estimate.
const traced = 1e2

// widen extends the intervals so that they include every one of the curves.
func (p natural) widen(ends *[5]Interval, curves []natural) {
	for _, q := range curves {
		for k := range ends {
			d := q[k] - p[k]
			if k < 4 {
				if d = math.Log(q[k] / p[k]); math.IsNaN(d) { // A has the other sign
					d = math.Inf(-1)
				}
			}
			ends[k] = Interval{min(ends[k].Low, d), max(ends[k].High, d)}
		}
	}
}

// trace follows the valley from a curve in both directions of ln beta and of ln tau, minimising over the other one. It
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

// roundingRMSE is the largest root mean square residual, as a share of the range, that counts as rounding.
const roundingRMSE = 1e-9

// reach returns how far from the estimate an end is searched: a factor of ten for A, lambda, gamma and t0, and twice
// the series' range for K.
func (p natural) reach(k int) float64 {
	if k == 4 {
		return 2
	}
	return math.Ln10
}

// around converts an interval of the k-th coordinate about the estimate into one of the parameter. An end at the reach
// is open.
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

// profile finds the profile likelihood's interval (Bates and Watts 1988): its ends are where the sum of squares,
// minimised over the other four parameters, has grown by the threshold. An open end shows that the data do not
// determine the parameter (Raue et al. 2009). The coordinates are ln |A|, ln lambda, ln gamma, ln t0 and K of the
// normalised curve.
type profile struct {
	l         *polisher
	best      natural
	sse       float64
	cov       [5][5]float64
	threshold float64
	se        float64 // half width of the interval of a coordinate with unit variance
}

// along returns the sum of squares as a function of the distance from the estimate in the k-th coordinate, minimised
// over the other four. Each search starts from the end of the last one.
func (w profile) along(k int, sign float64) func(d float64) float64 {
	from, at := w.best, 0.0
	return func(d float64) float64 {
		start := from
		for j := range 5 {
			start = start.shift(j, sign*(d-at)*w.slope(j, k))
		}
		start[k] = w.best[k]
		p, sse := w.l.descend(start.shift(k, sign*d).bounded(k, w.l.s), k, 1e-5)
		if sse < w.sse+2*w.threshold { // continue only from a point of the profile, not after a step that went astray
			from, at = p, d
		}
		return sse
	}
}

// level is along for K. It uses variable projection, which copes with the way the other four trade off.
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

// rate is along for ln beta (k = 0) or ln tau0 (k = 1). It uses variable projection.
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

// end returns the distance of one end from the estimate, or +Inf if it is beyond the limit. squares is the profile, and
// variance the coordinate's variance for a noise of 1.
func (w profile) end(limit, variance float64, squares func(d float64) float64) float64 {
	const evaluations, precise = 16, 0.005
	step := w.se * math.Sqrt(variance)
	if !(step < limit) {
		step = limit
	}
	// root is roughly linear in the distance: 0 at the estimate, and 1 at the end.
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

// slope returns how much the j-th coordinate moves with the k-th along the profile of a linear problem.
func (w profile) slope(j, k int) float64 {
	if v := w.cov[j][k] / w.cov[k][k]; j != k && !bad(v) {
		return v
	}
	return 0
}

// shift moves the k-th coordinate; a parameter on a logarithmic scale changes by at most a factor of ten.
func (p natural) shift(k int, by float64) natural {
	if k == 4 {
		p[k] += by
	} else {
		p[k] *= math.Exp(min(max(by, -math.Ln10), math.Ln10))
	}
	return p
}

// replicates is the number of replicates of a bootstrap.
const replicates = 400

// bootstrap returns the percentile intervals of the residual bootstrap. Each replicate is the curve plus its weighted
// residuals, drawn with replacement and divided by the square roots of their new points' weights. It is fitted again
// from the estimate.
func bootstrap(s series, o Options, p natural, quantities []quantity) (ends [5]Interval, rates [2]Interval,
	said []Interval) {
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
			if math.IsNaN(d) { // the curve lacks the quantity, which may lie anywhere beyond
				d = math.Inf(1)
			}
			draws[7+k] = append(draws[7+k], d)
		}
		for k := range ends {
			d := q[k] - p[k]
			if k < 4 {
				d = math.Log(q[k] / p[k])
			}
			if math.IsNaN(d) { // A changed its sign, so it may be 0
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

// The methods for computing intervals.
const (
	IntervalProfile   = "profile"
	IntervalBootstrap = "bootstrap"
	IntervalNone      = "none"
)

// Intervals returns the names of the methods for computing intervals, sorted.
func Intervals() []string { return []string{IntervalBootstrap, IntervalNone, IntervalProfile} }
