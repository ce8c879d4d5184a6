package plan

import (
	"errors"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/settings"
)

// A run that is too large for the disk is named at its steps, and a sweep whose runs are too large together by its
// file.
func TestFitDisk(t *testing.T) {
	all := planOf(t, "name: x\nbase: {arch: {width: 16, heads: 2, context: 16}, train: {steps: 40, batch: 8}}\nseeds: 3\n")
	one := all[0].leastDisk()
	if whole := CostOf(all[0]).Disk; !(one > whole/10 && one < whole) {
		t.Errorf("at the least %v bytes, in all some %v", one, whole)
	}
	for _, c := range []struct {
		runs, bytes float64 // of Room, in leastDisk
		key, want   string
	}{
		{3, 3.1, "", ""},
		{3, 2.9, "", "the 3 runs left to do take at least"},
		{1, 1.1, "", ""},
		{1, .9, "base.train.steps", "40 steps make a run of at least"},
	} {
		err := Room{c.bytes * one, "there are"}.FitDisk(all[:int(c.runs)])
		var input *settings.InputError
		switch {
		case c.want == "" && err != nil, c.want != "" && !errors.As(err, &input):
			t.Errorf("%v runs in the room of %v: %v", c.runs, c.bytes, err)
		case input != nil && (input.Faults[0].Key != c.key || !strings.Contains(input.Faults[0].Message, c.want)):
			t.Errorf("%v runs in the room of %v: %+v", c.runs, c.bytes, input.Faults[0])
		}
	}
}

// Whatever the machine's speed, a run takes the time in which a process starts and its rows are merged.
func TestEachRunStartsAProcess(t *testing.T) {
	p := planOf(t, "name: x\nbase: {arch: {width: 16, heads: 2, context: 16}, train: {steps: 1, batch: 8}}\n")[0]
	speed := Speed{Step: make([]float64, stepParts), Measure: make([]float64, measureParts),
		Start: make([]float64, startParts), Beside: 1}
	if took := speed.Of(p, Left{}, 1).Seconds - p.Data.Seconds; took < .01 || took > .5 {
		t.Errorf("%v s, want what a process takes", took)
	}
	if took := speed.Of(p, Left{Nothing: true}, 1).Seconds; took != 0 {
		t.Errorf("%v s for nothing", took)
	}
}
