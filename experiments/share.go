package experiments

import (
	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/plan"
)

// shared is what the workers of a coordinator share: cores and bytes of memory.
type shared struct {
	cores  int
	memory float64
}

// spared is the fraction of the free memory that is left to other programs.
const spared = 0.1

func sharedOf(m machine.Machine) shared { return shared{m.Cores, m.Free * (1 - spared)} }

// share reports whether one more job fits beside the running ones, and its threads and memory. pending counts the
// waiting jobs, this one included. A job always fits on an idle machine. Cores go to jobs side by side before they go
// to the threads of one job; bench/cores measures both. If the number of jobs is not a multiple of the cores, the
// remainder runs first, with the spare cores as extra threads.
func (c *coordinator) share(j job, pending int) (threads int, memory float64, ok bool) {
	cores, room := c.machine.cores, c.machine.memory
	for _, r := range c.active {
		cores -= r.threads
		room -= r.memory
	}
	places := min(pending, cores)
	if odd := pending % max(1, cores); odd > 0 && len(c.active) == 0 {
		places = odd
	}
	if c.Jobs > 0 {
		places = min(pending, c.Jobs-len(c.active))
		if places < 1 {
			return 0, 0, false
		}
	}
	threads = c.Threads
	if threads == 0 {
		threads = max(1, cores/max(1, places))
	}
	threads = min(threads, j.Config.Train.Slices)
	memory = plan.Memory(j.Planned)
	ok = len(c.active) == 0 || c.Jobs > 0 || threads <= cores && memory <= room
	return threads, memory, ok
}
