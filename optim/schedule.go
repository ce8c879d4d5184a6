package optim

import (
	"math"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/variant"
)

// ScheduleConfig is the `schedule` section of the sweep file.
type ScheduleConfig struct {
	variant.Slot[Shape]
	Warmup       int `json:"warmup" max:"2^53" doc:"steps over which the rate rises linearly from 0"`
	WarmupTokens int `json:"warmup_tokens" max:"2^53" doc:"the same in tokens, rounded up to whole steps; in place of warmup"`
}

// Shape is the form of a schedule after its warm-up.
type Shape interface {
	Validate() error
	// Factor returns the factor on the peak rate, in [0, 1], for a step in [warmup, steps).
	Factor(step, warmup, steps int) float64
}

var schedules = variant.Registry[Shape]{
	"constant": {New: func() Shape { return &Constant{} }, Formula: "1", Source: "the usual"},
	"cosine": {
		New:     func() Shape { return &Cosine{Floor: .1} },
		Formula: "floor + (1 - floor) (1 + cos(pi x))/2, x from 0 after the warm-up to 1 at the end", Source: "1608.03983",
	},
	"linear": {
		New:     func() Shape { return &Linear{} },
		Formula: "1 - (1 - floor) x, x from 0 after the warm-up to 1 at the end", Source: "1810.04805",
	},
	"trapezoidal": {
		New:     trapezoidal,
		Formula: "1, then linearly to floor over the last `decay` of all steps", Source: "2506.19697",
	},
	"wsd": {New: trapezoidal, Alias: "trapezoidal"}, // warm-up, stable, decay
}

func trapezoidal() Shape { return &Trapezoidal{Decay: .2} }

// DefaultSchedule returns a constant schedule without a warm-up.
func DefaultSchedule() ScheduleConfig {
	return ScheduleConfig{Slot: variant.New("schedule", schedules, "constant")}
}

// Validate checks the common keys and those of the shape.
func (s ScheduleConfig) Validate() error {
	switch {
	case s.Warmup < 0:
		return variant.Errorf("warmup", "must not be negative, is %d", s.Warmup)
	case s.WarmupTokens < 0:
		return variant.Errorf("warmup_tokens", "must not be negative, is %d", s.WarmupTokens)
	case s.Warmup > 0 && s.WarmupTokens > 0:
		return variant.Errorf("warmup_tokens", "is given beside warmup (%s): omit one, or set it to 0",
			count.Of(s.Warmup, "step"))
	}
	return s.Value.Validate()
}

// InSteps returns the same schedule with its warm-up in steps, rounded up. The argument tokens is the number of tokens
// per step.
func (s ScheduleConfig) InSteps(tokens int) ScheduleConfig {
	if s.WarmupTokens > 0 {
		s.Warmup, s.WarmupTokens = (s.WarmupTokens+tokens-1)/tokens, 0
	}
	return s
}

// Rate returns the learning rate of one update in a run of the given number of steps. The argument step is the update's
// number, counted from 0. During the warm-up it is peak (step+1)/warmup, so that no update is wasted on a rate of 0.
// After the warm-up it is peak times the factor of the shape. The warm-up must be in steps (see InSteps).
func (s ScheduleConfig) Rate(peak float64, step, steps int) float64 {
	if step < s.Warmup {
		return peak * float64(step+1) / float64(s.Warmup)
	}
	return peak * s.Value.Factor(step, s.Warmup, steps)
}

// Remark returns a *variant.Error at the key of what is allowed in a run of that many steps but seldom meant: a warm-up
// that the run does not outlast, and a decay that begins during the warm-up. Otherwise it returns nil. The warm-up must
// be in steps (see InSteps).
func (s ScheduleConfig) Remark(steps int) error {
	if s.Warmup == 0 || steps == 0 {
		return nil
	}
	if s.Warmup >= steps {
		return variant.Errorf("warmup", "of %s does not end within the run's %d: the rate only rises, to %.3g of its "+
			"peak", count.Of(s.Warmup, "step"), steps, s.Rate(1, steps-1, steps))
	}
	if t, ok := s.Value.(*Trapezoidal); ok && float64(s.Warmup)+t.Decay*float64(steps) > float64(steps) {
		return variant.Errorf("warmup", "of %s and the decay over the last %.4g of %d overlap: after the warm-up the "+
			"rate is %.3g of its peak at most", count.Of(s.Warmup, "step"), t.Decay*float64(steps), steps,
			s.Rate(1, s.Warmup, steps))
	}
	return nil
}

// Constant keeps the learning rate at its peak.
type Constant struct{}

// Validate implements Shape.
func (*Constant) Validate() error { return nil }

// Factor implements Shape.
func (*Constant) Factor(int, int, int) float64 { return 1 }

// Cosine lowers the learning rate along half a cosine, from the peak after the warm-up to Floor times the peak at the
// end.
type Cosine struct {
	Floor float64 `json:"floor" doc:"share of the peak at the end"`
}

// Validate implements Shape.
func (c *Cosine) Validate() error { return share("floor", c.Floor) }

// Factor implements Shape.
func (c *Cosine) Factor(step, warmup, steps int) float64 {
	return c.Floor + (1-c.Floor)*(1+math.Cos(math.Pi*done(step, warmup, steps)))/2
}

// Linear lowers the learning rate in a straight line, from the peak after the warm-up to Floor times the peak at the
// end.
type Linear struct {
	Floor float64 `json:"floor" doc:"share of the peak at the end"`
}

// Validate implements Shape.
func (l *Linear) Validate() error { return share("floor", l.Floor) }

// Factor implements Shape.
func (l *Linear) Factor(step, warmup, steps int) float64 {
	return 1 - (1-l.Floor)*done(step, warmup, steps)
}

// done returns the share, in [0, 1], of the steps after the warm-up that are done.
func done(step, warmup, steps int) float64 {
	return math.Min(1, float64(step-warmup)/math.Max(1, float64(steps-warmup)))
}

// Trapezoidal keeps the learning rate at its peak, then lowers it linearly to Floor times the peak over the last part
// of the run. Decay is that part's share of all steps (arXiv 2506.19697, whose floor is 0).
type Trapezoidal struct {
	Decay float64 `json:"decay" doc:"share of all steps over which the rate falls"`
	Floor float64 `json:"floor" doc:"share of the peak at which the fall ends"`
}

// Validate implements Shape.
func (t *Trapezoidal) Validate() error {
	if err := share("decay", t.Decay); err != nil {
		return err
	}
	return share("floor", t.Floor)
}

// Factor implements Shape.
func (t *Trapezoidal) Factor(step, _, steps int) float64 {
	if t.Decay == 0 {
		return 1
	}
	left := math.Max(0, math.Min(1, float64(steps-step)/(t.Decay*float64(steps))))
	return t.Floor + (1-t.Floor)*left
}

func share(key string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return variant.Errorf(key, "must be in [0, 1], is %v", v)
	}
	return nil
}
