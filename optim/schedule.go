package optim

import (
	"math"

	"github.com/outcrop-lab/outcrop/variant"
)

var schedules = variant.Registry[Shape]{
	"constant":    {New: func() Shape { return &Constant{} }},
	"cosine":      {New: func() Shape { return &Cosine{Floor: .1} }},
	"trapezoidal": {New: func() Shape { return &Trapezoidal{Decay: .2} }},
}

// DefaultSchedule is constant without a warm-up.
func DefaultSchedule() ScheduleConfig {
	return ScheduleConfig{Slot: variant.New("schedule", schedules, "constant")}
}

// Validate checks the common key and the shape's own.
func (s ScheduleConfig) Validate() error {
	if s.Warmup < 0 {
		return variant.Errorf("warmup", "must not be negative, is %d", s.Warmup)
	}
	return s.Value.Validate()
}

// Rate is the learning rate of the update that leads from step to step+1: peak (step+1)/warmup during the warm-up, so
// that no update is lost on a rate of 0, and peak times the shape's factor after it.
func (s ScheduleConfig) Rate(peak float64, step, steps int) float64 {
	if step < s.Warmup {
		return peak * float64(step+1) / float64(s.Warmup)
	}
	return peak * s.Value.Factor(step, s.Warmup, steps)
}

// Constant stays at the peak.
type Constant struct{}

// Validate implements Shape.
func (*Constant) Validate() error { return nil }

// Factor implements Shape.
func (*Constant) Factor(int, int, int) float64 { return 1 }

// Cosine falls from the peak to Floor times it at the end, by half a cosine.
type Cosine struct {
	Floor float64 `json:"floor"`
}

// Validate implements Shape.
func (c *Cosine) Validate() error { return share("floor", c.Floor) }

// Factor implements Shape.
func (c *Cosine) Factor(step, warmup, steps int) float64 {
	done := float64(step-warmup) / math.Max(1, float64(steps-warmup))
	return c.Floor + (1-c.Floor)*(1+math.Cos(math.Pi*math.Min(1, done)))/2
}

// Trapezoidal stays at the peak and falls linearly to 0 over the last Decay of all steps (arXiv 2506.19697).
type Trapezoidal struct {
	Decay float64 `json:"decay"`
}

// Validate implements Shape.
func (t *Trapezoidal) Validate() error { return share("decay", t.Decay) }

// Factor implements Shape.
func (t *Trapezoidal) Factor(step, _, steps int) float64 {
	if t.Decay == 0 {
		return 1
	}
	left := float64(steps-step) / (t.Decay * float64(steps))
	return math.Max(0, math.Min(1, left))
}

func share(key string, v float64) error {
	if !(v >= 0 && v <= 1) {
		return variant.Errorf(key, "must be in [0, 1], is %v", v)
	}
	return nil
}
