package fit

import (
	"fmt"
	"math"
	"slices"

	"github.com/outcrop-lab/outcrop/count"
)

// series holds the finite points, raw and normalised: u = t/scale in [0,1], v = (y-low)/span in [0,1]. w holds the
// square roots of the points' weights; the weights have a mean of 1.
type series struct {
	t, y, u, v, w []float64
	scale         float64 // the largest t
	low, span     float64 // y = low + span v
	first, last   float64 // smallest and largest t
	firstStep     float64 // smallest positive u, at least leastStep
	gap           float64 // smallest distance between two different u, at least leastStep
	constant      bool    // span is no more than rounding
}

const extreme = 1e100

// newSeries drops points that are not finite, checks the rest and normalises it. need is the least number of points and
// of distinct t. It also returns remarks for Result.Message.
func newSeries(p Points, o Options, need int) (series, []string, error) {
	if len(p.T) != len(p.Y) {
		return series{}, nil, fmt.Errorf("%w: %s of t, %d of y", ErrPoints, count.Of(len(p.T), "value"), len(p.Y))
	}
	if len(p.Sigma) > 0 && len(p.Sigma) != len(p.Y) {
		return series{}, nil, fmt.Errorf("%w: %s of y, %d of sigma", ErrPoints, count.Of(len(p.Y), "value"), len(p.Sigma))
	}
	var s series
	var sigma []float64
	dropped, where := 0, 0
	for i, t := range p.T {
		y := p.Y[i]
		if bad(t) || bad(y) {
			if dropped == 0 {
				where = i
			}
			dropped++
			continue
		}
		if t < 0 {
			return series{}, nil, fmt.Errorf("%w: t is negative at point %d: %g", ErrPoints, i, t)
		}
		if t > extreme || math.Abs(y) > extreme {
			return series{}, nil, fmt.Errorf("%w: point %d exceeds 1e100: (%g, %g)", ErrPoints, i, t, y)
		}
		if len(p.Sigma) > 0 {
			if !(p.Sigma[i] >= 0) || p.Sigma[i] > extreme {
				return series{}, nil, fmt.Errorf("%w: sigma of point %d is %g", ErrPoints, i, p.Sigma[i])
			}
			sigma = append(sigma, p.Sigma[i])
		}
		s.t = append(s.t, t)
		s.y = append(s.y, y)
	}
	if len(s.t) < need {
		return series{}, nil, fmt.Errorf("%w: %s of %d, needs %d", ErrPoints,
			count.Of(len(s.t), "finite point"), len(p.T), need)
	}
	if n := distinct(s.t); n < need {
		return series{}, nil, fmt.Errorf("%w: %d distinct t, needs %d", ErrPoints, n, need)
	}
	s.normalise()
	s.weigh(sigma)
	if largest := max(math.Abs(s.low), math.Abs(s.low+s.span)); largest > 0 && largest < 1/extreme {
		return series{}, nil, fmt.Errorf("%w: the largest |y| is %g, whose square is too small a number: use another unit",
			ErrPoints, largest)
	}
	if s.last-s.first < 1/extreme {
		return series{}, nil, fmt.Errorf("%w: t goes from %g to %g, too short a span for a number: use another unit",
			ErrPoints, s.first, s.last)
	}
	return s, s.remarks(o, len(p.T), dropped, where), nil
}

func (s *series) remarks(o Options, points, dropped, where int) []string {
	var messages []string
	if dropped > 0 {
		messages = append(messages, fmt.Sprintf("%d of %s not finite and dropped, the first at index %d", dropped,
			count.Of(points, "point"), where))
	}
	if len(s.t) < 8 {
		messages = append(messages, fmt.Sprintf("only %s, fewer than 8: the curve is hardly tested",
			count.Of(len(s.t), "point")))
	}
	switch {
	case s.low < 0 && o.Least >= 0:
		messages = append(messages, fmt.Sprintf("negative values (down to %g), which a ratio of magnitudes cannot have: "+
			"fitted as they are", s.low))
	case s.low < o.Least:
		messages = append(messages, fmt.Sprintf("values below %g (down to %g), which this quantity cannot have: fitted as "+
			"they are", o.Least, s.low))
	}
	if s.constant {
		messages = append(messages, "constant series: only the level is determined")
	}
	return messages
}

func (s *series) normalise() {
	s.first, s.last = s.t[0], s.t[0]
	high, low := s.y[0], s.y[0]
	for i := range s.t {
		s.first, s.last = min(s.first, s.t[i]), max(s.last, s.t[i])
		low, high = min(low, s.y[i]), max(high, s.y[i])
	}
	s.low, s.span = low, high-low
	s.constant = s.span <= 1e-13*max(math.Abs(low), math.Abs(high))
	s.v = make([]float64, len(s.t))
	for i := range s.t {
		if s.span > 0 {
			s.v[i] = (s.y[i] - s.low) / s.span
		}
	}
	s.normaliseTime()
}

// normaliseTime sets all that depends on t alone, from t, first and last.
func (s *series) normaliseTime() {
	s.scale = s.last
	s.u = make([]float64, len(s.t))
	s.firstStep = 1
	for i := range s.t {
		s.u[i] = s.t[i] / s.scale
		if s.u[i] > 0 {
			s.firstStep = max(leastStep, min(s.firstStep, s.u[i]))
		}
	}
	s.gap = 1
	sorted := slices.Sorted(slices.Values(s.u))
	for i := 1; i < len(sorted); i++ {
		if d := sorted[i] - sorted[i-1]; d > 0 {
			s.gap = max(leastStep, min(s.gap, d))
		}
	}
}

// since returns the series with its times counted from start, which is not after the first of them.
func (s series) since(start float64) series {
	if start == 0 {
		return s
	}
	t := make([]float64, len(s.t))
	for i := range t {
		t[i] = s.t[i] - start
	}
	s.t, s.first, s.last = t, s.first-start, s.last-start
	s.normaliseTime()
	return s
}

// leastStep is the least distance in time that the search's bounds follow, as a share of the last t. No training has a
// trillion steps, and a search over more decades would miss the ones that matter.
const leastStep = 1e-12

// leastSigma is the share of the median sigma below which a sigma is not trusted: a spread over a few sequences may be
// small by chance, and the point would outweigh all others.
const leastSigma = 0.25

// weigh sets the weights to 1/sigma², or to 1 if there are no sigmas or their median is 0.
func (s *series) weigh(sigma []float64) {
	s.w = make([]float64, len(s.t))
	var middle float64
	if len(sigma) > 0 {
		common := scatter(s.t, s.y, sigma)
		for i := range sigma {
			sigma[i] = math.Sqrt(sigma[i]*sigma[i] + common)
		}
		middle = medianOf(sigma)
	}
	var sum float64
	for i := range s.w {
		s.w[i] = 1
		if middle > 0 {
			s.w[i] = middle / max(sigma[i], leastSigma*middle)
		}
		sum += s.w[i] * s.w[i]
	}
	scale := math.Sqrt(float64(len(s.w)) / sum)
	for i := range s.w {
		s.w[i] *= scale
	}
}

// mean returns the weighted mean of y.
func (s *series) mean() float64 {
	var sum, weight float64
	for i, v := range s.v {
		w := s.w[i] * s.w[i]
		sum += w * v
		weight += w
	}
	return s.low + s.span*sum/weight
}

func bad(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

func distinct(t []float64) int {
	seen := make(map[float64]struct{}, len(t))
	for _, x := range t {
		seen[x] = struct{}{}
	}
	return len(seen)
}
