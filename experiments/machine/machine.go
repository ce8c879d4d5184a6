// Package machine says how many cores and how much memory this process may use.
package machine

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what the workers of a sweep share. A control group that limits its processes counts as a machine.
type Machine struct {
	// Cores is the number of cores, and CoresBy names what limits them; it is "" if they are all that the system has.
	Cores   int
	CoresBy string
	// Memory is all the memory, in bytes, and MemoryBy names what limits it. It is +Inf if the system does not say.
	Memory   float64
	MemoryBy string
	// Free is the part of Memory that is free now or can be freed at once.
	Free float64
}

// Here returns the machine of this process.
func Here() Machine { return system{"/"}.machine(runtime.GOMAXPROCS(0)) }

// OutOfMemoryKills returns how many processes of this control group the kernel has killed because memory ran out.
func OutOfMemoryKills() int64 { return system{"/"}.outOfMemoryKills() }

// system is a Linux system whose files lie below a folder.
type system struct{ root string }

const meminfo = "/proc/meminfo"

func (s system) machine(cores int) Machine {
	total, free := s.memory()
	m := Machine{Cores: cores, Memory: total, MemoryBy: meminfo, Free: free}
	if quota, by := s.quota(); quota < float64(cores) {
		m.Cores, m.CoresBy = int(max(1, math.Ceil(quota))), by
	}
	limit, room, by := s.groupMemory()
	if limit < m.Memory {
		m.Memory, m.MemoryBy = limit, by
	}
	m.Free = min(m.Free, room)
	return m
}

// memory returns the size of the system's memory, and how many bytes of it the system can give without swapping; +Inf
// if it does not say.
func (s system) memory() (total, free float64) {
	total, free = math.Inf(1), math.Inf(1)
	f, err := os.Open(filepath.Join(s.root, meminfo))
	if err != nil {
		return total, free
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			continue
		}
		kib, err := strconv.ParseFloat(fields[1], 64)
		switch {
		case err != nil:
		case fields[0] == "MemTotal:":
			total = 1024 * kib
		case fields[0] == "MemAvailable:":
			free = 1024 * kib
		}
	}
	return total, free
}
