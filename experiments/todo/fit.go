package todo

import (
	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/plan"
)

// much is by what factor what is left must exceed the whole file system of the results to be refused. What exceeds it
// by less waits until there is room, since file systems can be enlarged.
const much = 10

// Fit returns a *settings.InputError if a run that is left to do surely takes more memory than a machine has, or if one
// or all of them surely take far more disk space than the whole file system of the results: the error says which
// setting makes a run so large. It counts all of the machine's memory and of the file system, whatever else uses it
// now.
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

// fit returns the error of check for the runs that are left to do. It looks for what is left only if all do not fit.
func fit(results string, planned []plan.Planned, check func([]plan.Planned) error) error {
	if check(planned) == nil {
		return nil
	}
	tasks, err := Tasks(results, planned)
	if err != nil {
		return err
	}
	var left []plan.Planned
	for i, p := range planned {
		if !tasks[i].Left().Nothing {
			left = append(left, p)
		}
	}
	return check(left)
}
