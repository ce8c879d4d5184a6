package todo

import (
	"slices"

	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/plan"
)

// Fit returns a *settings.InputError if a run that is left to do surely takes more memory than a machine has: the
// error says which setting makes the run so large. It counts all of the machine's memory, whatever else uses it now.
func Fit(results string, planned []plan.Planned, m machine.Machine) error {
	room := plan.Room{Bytes: m.Memory, Name: "this machine has (" + m.MemoryBy + ")"}
	large := slices.DeleteFunc(slices.Clone(planned), func(p plan.Planned) bool {
		return room.Fit([]plan.Planned{p}) == nil
	})
	if len(large) == 0 {
		return nil
	}
	tasks, err := Tasks(results, large)
	if err != nil {
		return err
	}
	var left []plan.Planned
	for i, p := range large {
		if !tasks[i].Left().Nothing {
			left = append(left, p)
		}
	}
	return room.Fit(left)
}
