package optim

import (
	"math"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/variant"
)

// A warm-up that the run does not outlast, and a decay that begins during the warm-up, are remarked on at their key;
// what fits is not.
func TestRemarks(t *testing.T) {
	of := func(name string, warmup int, shape Shape) ScheduleConfig {
		c := ScheduleConfig{Slot: variant.New("schedule", schedules, name), Warmup: warmup}
		if shape != nil {
			c.Value = shape
		}
		return c
	}
	for _, c := range []struct {
		schedule ScheduleConfig
		steps    int
		want     string // "" for no remark
	}{
		{of("constant", 0, nil), 10, ""},
		{of("cosine", 9, nil), 10, ""},
		{of("cosine", 10, nil), 10, "to 1 of its peak"},
		{of("constant", 100, nil), 20, "to 0.2 of its peak"},
		{of("trapezoidal", 8, &Trapezoidal{Decay: .6}), 20, ""},
		{of("trapezoidal", 12, &Trapezoidal{Decay: .6}), 20, "overlap: after the warm-up the rate is 0.667 of its peak"},
		{of("constant", 100, nil), 0, ""}, // nothing is trained
	} {
		err := c.schedule.Remark(c.steps)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v over %d steps: %v, want %q", c.schedule, c.steps, err, c.want)
		}
	}
}

// A decay with a floor ends there, and without one at 0.
func TestTrapezoidalFloor(t *testing.T) {
	for _, floor := range []float64{0, .1} {
		s := ScheduleConfig{Slot: variant.New("schedule", schedules, "trapezoidal")}
		s.Value = &Trapezoidal{Decay: .5, Floor: floor}
		for step, left := range map[int]float64{0: 1, 50: 1, 75: .5, 100: 0} { // of 100 steps, the last 50
			if got, want := s.Rate(2, step, 100), 2*(floor+(1-floor)*left); math.Abs(got-want) > 1e-15 {
				t.Errorf("floor %v, step %d: rate %v, want %v", floor, step, got, want)
			}
		}
	}
}
