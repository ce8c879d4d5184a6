package experiments

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// machine is what the workers of a coordinator share: cores, and bytes of memory.
type machine struct {
	cores  int
	memory int64
}

// spared is the share of the free memory that is left to others.
const spared = 0.1

// thisMachine counts the cores that this process may use, and the memory that is free now, its control group's limit minded.
func thisMachine() machine {
	free := min(available("/proc/meminfo"), groupRoom("/sys/fs/cgroup", "/proc/self/cgroup"))
	return machine{cores: runtime.GOMAXPROCS(0), memory: int64(float64(free) * (1 - spared))}
}

// share tells whether the machine holds one job more beside those at work, with how many threads, and what memory it is
// taken to want. pending counts the jobs that wait, this one included. One job is always held. Runs beside each other come
// before threads of one: two runs of two threads in turn took 4 % more processor time than side by side with one each.
func (c *coordinator) share(j job, pending int) (threads int, memory int64, ok bool) {
	cores, room := c.machine.cores, c.machine.memory
	for _, r := range c.active {
		cores -= r.threads
		room -= r.memory
	}
	places := min(pending, cores)
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
	memory = memoryOf(j.Planned)
	ok = len(c.active) == 0 || c.Jobs > 0 || threads <= cores && memory <= room
	return threads, memory, ok
}

// memoryOf is the resident memory that a run's worker is taken to want at most, bytes. In floats of four bytes: its
// parameters with gradients a slice and two moments; the buffers of a graph, per token of its batch some 40 widths and
// 6 hidden widths a layer and 4 logits when it is trained, a half of that when it is only measured; and per probe
// sequence, layer and head a pattern of context². A test holds it against real workers.
func memoryOf(p Planned) int64 {
	const process = 96 << 20 // Go, SQLite, the kernels' scratch and the arenas' last regions
	a, t := p.Config.Arch, p.Config.Train
	vocab := float64(p.Vocab)
	width, hidden := float64(a.Width), 4*float64(a.Width)
	perToken := float64(a.Layers)*(40*width+6*hidden) + 4*vocab + 8*width
	context := float64(a.Context + a.Registers + 1)
	batch, probe := float64(t.Batch)*context, float64(p.Config.Probe.Sequences)*context
	floats := float64(p.Params)*float64(3+t.Slices) + 1.5*batch*perToken + probe*perToken/2 +
		probe*context*float64(a.Layers*a.Heads) + 3*float64(p.Config.Probe.HeldOut)*context
	return process + int64(4*floats)
}

// available is what the system could give without swapping, bytes; everything where it does not say.
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

// groupRoom is what the process's control group (version 2) and those above it have left, bytes; everything where there is
// no limit. membership is the process's line `0::/path`.
func groupRoom(root, membership string) int64 {
	room := int64(math.MaxInt64)
	for _, dir := range groups(root, membership) {
		limit, there := number(filepath.Join(dir, "memory.max"))
		used, known := number(filepath.Join(dir, "memory.current"))
		cache, _ := entry(filepath.Join(dir, "memory.stat"), "inactive_file") // given back when memory is wanted
		if there && known {
			room = min(room, max(0, limit-used+cache))
		}
	}
	return room
}

// outOfMemoryKills is how many processes of this control group the kernel has killed for their memory.
func outOfMemoryKills() int64 {
	dirs := groups("/sys/fs/cgroup", "/proc/self/cgroup")
	if len(dirs) == 0 {
		return 0
	}
	n, _ := entry(filepath.Join(dirs[0], "memory.events"), "oom_kill")
	return n
}

// groups are the folders of the process's control group and those above it.
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

// entry is the number after a name in a file of lines `name number`.
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
