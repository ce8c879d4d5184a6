package fit

import "math"

// quantity is a number that the curve itself determines. of computes it for a normalised curve, a time as its logarithm
// and a height in units of the series' range. It returns NaN if the curve does not have the quantity.
type quantity struct {
	name  string
	of    func(p natural) float64
	value float64 // of the estimate, in the units of t and y
	time  bool
}

// quantities returns the quantities that the estimate has.
func (s series) quantities(r *Result) []quantity {
	peak := func(p natural) float64 {
		u, ok := p.peak()
		if !ok {
			return math.NaN()
		}
		return math.Log(u)
	}
	height := func(p natural) float64 {
		u, ok := p.peak()
		if !ok {
			return math.NaN()
		}
		return p.at(u)
	}
	rising := func(p natural, points int) float64 {
		end := s.last / s.scale
		if u, ok := p.peak(); ok {
			end = min(end, u)
		}
		return rise(p.at, s.first/s.scale, end, s.firstStep, points)
	}
	const points = 60
	rise := func(p natural) float64 { return math.Log(rising(p, points)) }
	var all []quantity
	for _, q := range []quantity{{"t_peak", peak, r.TPeak, true}, {"f_peak", height, r.FPeak, false},
		{"rise_time", rise, s.scale * rising(named(r.Params).normalised(s), 400), true}} {
		if !bad(q.value) && (q.value > 0 || !q.time) {
			all = append(all, q)
		}
	}
	return all
}

// reach returns how far from the estimate an end is searched: a factor of ten in time, twice the series' range in
// height.
func (q quantity) reach() float64 {
	if q.time {
		return math.Ln10
	}
	return 2
}

// around converts an interval about the estimate into one in the units of t and y.
func (q quantity) around(i Interval, span float64) Interval {
	k := 4
	if q.time {
		k = 1
	}
	return i.around(q.value, k, q.reach(), span)
}

// variance returns the quantity's variance for a noise of 1, from the covariance of ln |A|, ln lambda, ln gamma, ln t0
// and K.
func (q quantity) variance(p natural, cov [5][5]float64) float64 {
	slope := slopes(q.of, p)
	slope[0] *= p[0]
	var sum float64
	for i := range slope {
		for j := range slope {
			sum += slope[i] * cov[i][j] * slope[j]
		}
	}
	return sum
}

// slopes returns the difference quotients of a function of the curve by A, ln lambda, ln gamma, ln t0 and K.
func slopes(of func(p natural) float64, p natural) (slope [5]float64) {
	const h = 1e-6
	value := of(p)
	for k := range slope {
		q, by := p, h
		switch k {
		case 0:
			by = h * max(math.Abs(p[0]), math.SmallestNonzeroFloat64)
			q[0] += by
		case 4:
			q[4] += by
		default:
			q[k] *= math.Exp(by)
		}
		slope[k] = (of(q) - value) / by
	}
	return slope
}

// pin adds the squared distance of a quantity from a target to a polisher's sum of squares, so that the descent ends
// near the target.
type pin struct {
	of             func(p natural) float64
	target, weight float64
}

func (p *pin) residual(at natural) float64 { return p.weight * (p.target - p.of(at)) }

// firmness is the cost, in multiples of the interval's threshold, for a pinned quantity that is a half width away from
// its target.
const firmness = 1000

// pinned is along for a quantity of the curve. size is about half the interval's width.
func (w profile) pinned(q quantity, size, sign float64) func(d float64) float64 {
	l := newPinned(w.l.s, &pin{of: q.of, weight: math.Sqrt(firmness*w.threshold) / size})
	from, start := w.best, q.of(w.best)
	return func(d float64) float64 {
		l.pin.target = start + sign*d
		p, sse := l.descend(from, free, 1e-5)
		if sse < w.sse+2*w.threshold {
			from = p
		}
		return sse
	}
}

// quantityInterval returns the quantity's profile interval about the estimate.
func (w profile) quantityInterval(q quantity) Interval {
	variance := q.variance(w.best, w.cov)
	size := min(w.se*math.Sqrt(variance), q.reach())
	if bad(size) || size <= 0 {
		size, variance = q.reach(), math.Inf(1)
	}
	return Interval{-w.end(q.reach(), variance, w.pinned(q, size, -1)),
		w.end(q.reach(), variance, w.pinned(q, size, 1))}
}
