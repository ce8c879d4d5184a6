package experiments

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/trainer"
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
// before threads of one, which bench/cores measures. Where the jobs do not come out even with the cores, the odd ones begin: they
// have the idle machine to themselves and take more threads, as they could not at the end, beside what is not ready yet.
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
	memory = memoryOf(j.Planned)
	ok = len(c.active) == 0 || c.Jobs > 0 || threads <= cores && memory <= room
	return threads, memory, ok
}

// memoryOf is the resident memory that a run's worker is taken to want at most, bytes. A test holds it against real workers.
func memoryOf(p Planned) int64 {
	const process = 64 << 20 // Go, SQLite, and the arenas' last regions
	return process + int64(foretold(p).Total())
}

// foretold is what a run is taken to hold at most, by part. Of a token of its batch the slices keep, in every block, what its
// matrices read and write, and beside it some 14 widths in the most demanding of variants; what passes between ops, and the
// logits, stand there once. The held-out graphs keep a norm's statistics a block, the probe's may be asked for all, here for
// half, and for a pattern of context² a sequence, layer and head.
func foretold(p Planned) trainer.Memory {
	a, c := p.Config.Arch, p.Config
	layers, width, vocab := float64(a.Layers), float64(a.Width), float64(p.Vocab)
	context := float64(a.Context + a.Registers + 1)
	batch, probe := float64(c.Train.Batch)*context, float64(c.Probe.Sequences)*context
	kept, passed := p.shape.widths+14*layers*width, 16*width+2*vocab
	slices := c.Train.Slices
	once := p.shape.once
	bytes := func(floats float64) int { return int(4 * floats) }
	return trainer.Memory{
		Params:      4 * p.Params,
		Gradients:   bytes(once*float64((slices+1)/2) + (float64(p.Params)-once)*float64(slices)),
		Optimizer:   bytes(p.moments()),
		Activations: bytes(batch * (kept + passed)),
		Measuring: bytes(batch*2*layers*width + probe*(kept/2+passed) + probe*context*layers*float64(a.Heads) +
			3*float64(c.Probe.HeldOut)*context),
		Scratch: (1 + 2*slices) * (2 << 20),
	}
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
