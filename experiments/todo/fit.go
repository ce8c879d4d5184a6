package todo

import (
	"slices"

	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/plan"
)

// much is how often a run's disk space must hold the whole file system of the results to be refused. What is too large
// by less waits until there is room, since file systems can be enlarged.
const much = 10

// Fit returns a *settings.InputError if a run that is left to do surely takes more memory than a machine has, or far
// more disk space than the whole file system of the results: the error says which setting makes the run so large. It
// counts all of the machine's memory and of the file system, whatever else uses it now.
func Fit(results string, planned []plan.Planned, m machine.Machine) error {
	memory := plan.Room{Bytes: m.Memory, Name: "this machine has (" + m.MemoryBy + ")"}
	if err := fit(results, planned, memory.Fit); err != nil {
		return err
	}
	size, _, err := machine.Disk(results)
	if err != nil {
		return nil //nolint:nilerr // what cannot be written is reported where it is to be written
	}
	return fit(results, planned, plan.Room{Bytes: much * size,
		Name: "are ten times what the file system of the results holds"}.FitDisk)
}

// fit returns the error of check for the runs that are left to do.
func fit(results string, planned []plan.Planned, check func([]plan.Planned) error) error {
	large := slices.DeleteFunc(slices.Clone(planned), func(p plan.Planned) bool {
		return check([]plan.Planned{p}) == nil
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
	return check(left)
}
