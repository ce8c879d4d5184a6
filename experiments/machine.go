package experiments

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/experiments/plan"
)

// machine is what the workers of a coordinator share: cores and bytes of memory.
type machine struct {
	cores  int
	memory int64
}

// spared is the fraction of the free memory that is left to other programs.
const spared = 0.1

// thisMachine returns the cores that this process may use and the memory that is free now within the limits of its
// control group, less what is spared.
func thisMachine() machine {
	free := min(available("/proc/meminfo"), groupRoom("/sys/fs/cgroup", "/proc/self/cgroup"))
	return machine{cores: runtime.GOMAXPROCS(0), memory: int64(float64(free) * (1 - spared))}
}

// share reports whether one more job fits beside the running ones, and its threads and memory. pending counts the
// waiting jobs, this one included. A job always fits on an idle machine. Cores go to jobs side by side before they go
// to the threads of one job; bench/cores measures both. If the number of jobs is not a multiple of the cores, the
// remainder runs first, with the spare cores as extra threads.
func (c *coordinator) share(j job, pending int) (threads int, memory int64, ok bool) {
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

// available returns how many bytes the system can give without swapping; MaxInt64 if it does not say.
func available(meminfo string) int64 {
	f, err := os.Open(meminfo)
	if err != nil {
		return math.MaxInt64
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[0] == "MemAvailable:" {
			if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return math.MaxInt64
}

// groupRoom returns how many bytes are left within the limits of the process's control group (version 2) and of those
// above it; MaxInt64 if there is no limit. membership is the file with the process's line `0::/path`.
func groupRoom(root, membership string) int64 {
	room := int64(math.MaxInt64)
	for _, dir := range groups(root, membership) {
		limit, there := number(filepath.Join(dir, "memory.max"))
		used, known := number(filepath.Join(dir, "memory.current"))
		cache, _ := entry(filepath.Join(dir, "memory.stat"), "inactive_file") // reclaimed when memory is needed
		if there && known {
			room = min(room, max(0, limit-used+cache))
		}
	}
	return room
}

// outOfMemoryKills returns how many processes of this control group the kernel has killed because memory ran out.
func outOfMemoryKills() int64 {
	dirs := groups("/sys/fs/cgroup", "/proc/self/cgroup")
	if len(dirs) == 0 {
		return 0
	}
	n, _ := entry(filepath.Join(dirs[0], "memory.events"), "oom_kill")
	return n
}

// groups lists the folders of the process's control group and of those above it, innermost first.
func groups(root, membership string) (dirs []string) {
	text, err := os.ReadFile(membership)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		for ; ; path = filepath.Dir(path) {
			dirs = append(dirs, filepath.Join(root, path))
			if path == "/" || path == "." {
				return dirs
			}
		}
	}
	return nil
}

func number(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

// entry returns the number after a name in a file of lines `name number`.
func entry(path, name string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
