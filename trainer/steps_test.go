package trainer

import (
	"slices"
	"testing"
)

// The Pythia checkpoints are 0, 1, 2, 4 … 512, then every 1,000 (arXiv 2304.01373); 154 up to step 143,000.
func TestPythiaSteps(t *testing.T) {
	p := &Pythia{Then: 1000}
	var at []int
	for step := range 143001 {
		if p.At(step) {
			at = append(at, step)
		}
	}
	if len(at) != 154 {
		t.Errorf("%d steps, want 154", len(at))
	}
	if want := []int{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000, 2000}; !slices.Equal(at[:13], want) {
		t.Errorf("%v, want %v", at[:13], want)
	}
}

// Every schedule in the registry measures step 0, and its defaults are valid.
func TestSchedulesMeasureTheStart(t *testing.T) {
	for name, entry := range steps {
		s := entry.New()
		if err := s.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !s.At(0) {
			t.Errorf("%s: does not measure step 0", name)
		}
	}
}

// Four per decade: 10^(i/4) is 1, 1.78, 3.16, 5.62, 10, 17.8, 31.6, 56.2, 100, rounded. Sixty per decade include every
// step at first.
func TestLogSteps(t *testing.T) {
	at := func(perDecade, most int) (steps []int) {
		l := &Log{PerDecade: perDecade}
		for step := range most + 1 {
			if l.At(step) {
				steps = append(steps, step)
			}
		}
		return steps
	}
	if got, want := at(4, 100), []int{0, 1, 2, 3, 6, 10, 18, 32, 56, 100}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := at(60, 10); len(got) != 11 {
		t.Errorf("%v, want 0 to 10", got)
	}
}
