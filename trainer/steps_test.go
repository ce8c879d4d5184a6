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

// Every schedule of the registry measures the start, and its defaults are valid.
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
