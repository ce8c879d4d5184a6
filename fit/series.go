package fit

import (
	"fmt"
	"math"
)

// series holds the finite points, raw and normalised: u = t/span of t in [0,1], v = (y-low)/span in [0,1].
type series struct {
	t, y, u, v  []float64
	scale       float64 // the largest t
	low, span   float64 // y = low + span v
	first, last float64 // smallest and largest t
	firstStep   float64 // smallest positive u
	constant    bool    // span is rounding
}

const extreme = 1e100

// newSeries drops points that are not finite, checks what is left and normalises it. need is the least number of points
// and of distinct t.
func newSeries(t, y []float64, need int) (series, []string, error) {
	if len(t) != len(y) {
		return series{}, nil, fmt.Errorf("%w: %d values of t, %d of y", ErrPoints, len(t), len(y))
	}
	var s series
	dropped, where := 0, 0
	for i := range t {
		if bad(t[i]) || bad(y[i]) {
			if dropped == 0 {
				where = i
			}
			dropped++
			continue
		}
		if t[i] < 0 {
			return series{}, nil, fmt.Errorf("%w: t is negative at point %d: %g", ErrPoints, i, t[i])
		}
		if t[i] > extreme || math.Abs(y[i]) > extreme {
			return series{}, nil, fmt.Errorf("%w: point %d exceeds 1e100: (%g, %g)", ErrPoints, i, t[i], y[i])
		}
		s.t = append(s.t, t[i])
		s.y = append(s.y, y[i])
	}
	if len(s.t) < need {
		return series{}, nil, fmt.Errorf("%w: %d finite points of %d, needs %d", ErrPoints, len(s.t), len(t), need)
	}
	if n := distinct(s.t); n < need {
		return series{}, nil, fmt.Errorf("%w: %d distinct t, needs %d", ErrPoints, n, need)
	}
	s.normalise()
	if s.scale < 1/extreme {
		return series{}, nil, fmt.Errorf("%w: the largest t is %g", ErrPoints, s.scale)
	}
	return s, s.remarks(len(t), dropped, where), nil
}

func (s *series) remarks(points, dropped, where int) []string {
	var messages []string
	if dropped > 0 {
		messages = append(messages, fmt.Sprintf("%d of %d points not finite and dropped, the first at index %d", dropped, points, where))
	}
	if len(s.t) < 8 {
		messages = append(messages, fmt.Sprintf("only %d points, fewer than 8: the curve is hardly tested", len(s.t)))
	}
	if s.low < 0 {
		messages = append(messages, fmt.Sprintf("negative values (down to %g), which a ratio of magnitudes has not: fitted as they are", s.low))
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
	s.scale, s.low, s.span = s.last, low, high-low
	s.constant = s.span <= 1e-13*max(math.Abs(low), math.Abs(high)) || s.span < 1e-290
	s.u, s.v = make([]float64, len(s.t)), make([]float64, len(s.t))
	s.firstStep = 1
	for i := range s.t {
		s.u[i] = s.t[i] / s.scale
		if s.u[i] > 0 {
			s.firstStep = min(s.firstStep, s.u[i])
		}
		if s.span > 0 {
			s.v[i] = (s.y[i] - s.low) / s.span
		}
	}
}

func bad(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }

func distinct(t []float64) int {
	seen := make(map[float64]struct{}, len(t))
	for _, x := range t {
		seen[x] = struct{}{}
	}
	return len(seen)
}
