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

// What a schedule counts is what it lists, for each schedule of the registry, by default and with other settings.
func TestUntilCountsWhatAtLists(t *testing.T) {
	tried := map[string][]Steps{
		"log":    {&Log{PerDecade: 1}, &Log{PerDecade: 3}, &Log{PerDecade: 97}, &Log{PerDecade: 1 << 10}},
		"pythia": {&Pythia{Then: 1}, &Pythia{Then: 7}, &Pythia{Then: 512}, &Pythia{Then: 513}},
		"steps":  {&Every{N: 1}, &Every{N: 2}, &Every{N: 1 << 53}},
	}
	for name, entry := range steps {
		if tried[name] == nil {
			t.Errorf("%s: the test has no settings for it", name)
		}
		for _, s := range append(tried[name], entry.New()) {
			n := 0
			for step := range 10000 {
				if s.At(step) {
					n++
				}
				if step > 2000 && step%97 != 0 && !s.At(step) {
					continue
				}
				if got := s.Until(step); got != n {
					t.Errorf("%s %+v: %d steps until %d, the list has %d", name, s, got, step, n)
					break
				}
			}
		}
	}
}

// The steps of runs that nobody could list are counted too: by hand, 10^15 is 15 decades of 8 and both ends.
func TestUntilOfManySteps(t *testing.T) {
	const most = 1 << 53
	for _, c := range []struct {
		of         Steps
		step, want int
	}{
		{&Every{N: 1}, most, most + 1},
		{&Every{N: most}, most, 2},
		{&Pythia{Then: 1000}, 1e15, 11 + 1e12},
		{&Log{PerDecade: 1}, 1e15, 17},
		{&Log{PerDecade: 8}, 1e15, (&Log{PerDecade: 8}).Until(1e6) + 9*8},
		{&Log{PerDecade: 1 << 10}, 1e15, (&Log{PerDecade: 1 << 10}).Until(1e6) + 9<<10},
	} {
		if got := c.of.Until(c.step); got != c.want {
			t.Errorf("%+v: %d steps until %d, want %d", c.of, got, c.step, c.want)
		}
	}
}
