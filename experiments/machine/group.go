package machine

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// groupMemory returns the least limit, in bytes, of the process's control group and of those above it, how many bytes
// are left within all of their limits, and the file of the least limit; +Inf without a limit.
func (s system) groupMemory() (limit, room float64, by string) {
	limit, room = math.Inf(1), math.Inf(1)
	dirs, v1 := s.groups("memory")
	name, usage, cached := "memory.max", "memory.current", "inactive_file"
	if v1 {
		name, usage, cached = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"
	}
	for _, dir := range dirs {
		file := filepath.Join(dir, name)
		own := s.number(file)
		stat := filepath.Join(dir, "memory.stat")
		if above, known := s.entry(stat, "hierarchical_memory_limit"); known && above < own { // version 1 alone has it
			own, file = above, stat
		}
		if own < limit {
			limit, by = own, file
		}
		cache, _ := s.entry(stat, cached) // reclaimed when memory is needed
		if used := s.number(filepath.Join(dir, usage)); !math.IsInf(own, 1) && !math.IsInf(used, 1) {
			room = min(room, max(0, own-used+cache))
		}
	}
	return limit, room, by
}

// quota returns how many cores the process's control group and those above it may keep busy, and the file that says so;
// +Inf without a limit. Go's own GOMAXPROCS reads the quota of the innermost group alone.
func (s system) quota() (cores float64, by string) {
	cores = math.Inf(1)
	dirs, v1 := s.groups("cpu")
	for _, dir := range dirs {
		file := filepath.Join(dir, "cpu.max")
		words := strings.Fields(s.text(file)) // quota and period, in microseconds
		if v1 {
			file = filepath.Join(dir, "cpu.cfs_quota_us")
			words = strings.Fields(s.text(file) + " " + s.text(filepath.Join(dir, "cpu.cfs_period_us")))
		}
		if len(words) != 2 {
			continue
		}
		quota, err := strconv.ParseFloat(words[0], 64) // "max" in version 2 and -1 in version 1 mean no limit
		period, wrong := strconv.ParseFloat(words[1], 64)
		if err == nil && wrong == nil && quota > 0 && period > 0 && quota/period < cores {
			cores, by = quota/period, file
		}
	}
	return cores, by
}

func (s system) outOfMemoryKills() int64 {
	dirs, v1 := s.groups("memory")
	if len(dirs) == 0 {
		return 0
	}
	file := "memory.events"
	if v1 {
		file = "memory.oom_control"
	}
	n, _ := s.entry(filepath.Join(dirs[0], file), "oom_kill")
	return int64(n)
}

// groups lists the folders of the process's control group for a controller, "cpu" or "memory", and of the groups above
// it, innermost first. It says whether they are of version 1. A system may have both versions, but a controller belongs
// to one of them. Groups above the one that is mounted, as in a container, cannot be seen.
func (s system) groups(controller string) (dirs []string, v1 bool) {
	for _, v1 := range []bool{true, false} {
		path, member := s.group(v1, controller)
		mounted, point, there := s.mount(v1, controller)
		if !member || !there {
			continue
		}
		for below := within(path, mounted); ; below = filepath.Dir(below) {
			dirs = append(dirs, filepath.Join(point, below))
			if below == "/" {
				return dirs, v1
			}
		}
	}
	return nil, false
}

// group returns the path of the process's group for a controller in one of the versions.
func (s system) group(v1 bool, controller string) (path string, member bool) {
	for line := range strings.Lines(s.text("/proc/self/cgroup")) { // ID:CONTROLLERS:PATH
		parts := strings.SplitN(strings.TrimRight(line, "\n"), ":", 3)
		if len(parts) == 3 && (v1 && slices.Contains(strings.Split(parts[1], ","), controller) ||
			!v1 && parts[0] == "0" && parts[1] == "") {
			return parts[2], true
		}
	}
	return "", false
}

// mount returns where the groups of a controller are mounted, and which group is mounted there.
func (s system) mount(v1 bool, controller string) (group, point string, found bool) {
	for line := range strings.Lines(s.text("/proc/self/mountinfo")) { // … GROUP POINT … - TYPE SOURCE OPTIONS
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 5 || len(right) < 3 {
			continue
		}
		if v1 && right[0] == "cgroup" && slices.Contains(strings.Split(right[2], ","), controller) ||
			!v1 && right[0] == "cgroup2" {
			return unescape.Replace(left[3]), unescape.Replace(left[4]), true
		}
	}
	return "", "", false
}

// unescape replaces what mountinfo writes for characters that would end a field.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

// within returns the path of a group below the mounted one; "/" if the group does not lie below it, as that of a
// process that was moved out of its namespace.
func within(path, mounted string) string {
	if slices.Contains(strings.Split(path, "/"), "..") {
		return "/"
	}
	if mounted == "/" {
		return filepath.Join("/", path)
	}
	rest, ok := strings.CutPrefix(path+"/", mounted+"/")
	if !ok {
		return "/"
	}
	return filepath.Join("/", rest)
}

// text returns the content of a file; "" if it cannot be read.
func (s system) text(path string) string {
	text, err := os.ReadFile(filepath.Join(s.root, path))
	if err != nil {
		return ""
	}
	return string(text)
}

// number returns the number in a file, or +Inf if the file holds none, as for "max".
func (s system) number(path string) float64 {
	x, err := strconv.ParseFloat(strings.TrimSpace(s.text(path)), 64)
	if err != nil {
		return math.Inf(1)
	}
	return x
}

// entry returns the number after a name in a file of lines `name number`.
func (s system) entry(path, name string) (float64, bool) {
	for line := range strings.Lines(s.text(path)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			x, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return x, err == nil
		}
	}
	return 0, false
}
