package machine

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

// inside is the mount of all groups at one place, as on a machine of version 2.
const inside = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"

// of1 are the mounts of version 1 in a container whose group is `group`, beside an empty hierarchy of version 2.
func of1(group string) string {
	return "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n" +
		"32 31 0:29 " + group + " /sys/fs/cgroup/cpu,cpuacct rw master:9 - cgroup cgroup rw,cpu,cpuacct\n" +
		"35 31 0:32 " + group + " /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n" +
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
}

const (
	none1 = "9223372036854771712\n" // what version 1 says without a limit
	ram   = "MemTotal:       100 kB\nMemFree: 1 kB\nMemAvailable:    60 kB\n"
	kib   = 1024
)

// systems are the files of systems, and what limits a process there that could use 8 cores.
var systems = []struct {
	name  string
	files map[string]string
	want  Machine
}{
	{"no group", map[string]string{"proc/meminfo": ram},
		Machine{Cores: 8, Memory: 100 * kib, MemoryBy: "/proc/meminfo", Free: 60 * kib}},
	{"a system that does not say", nil,
		Machine{Cores: 8, Memory: math.Inf(1), MemoryBy: "/proc/meminfo", Free: math.Inf(1)}},
	{"version 2, nested", map[string]string{"proc/meminfo": ram, "proc/self/mountinfo": inside,
		"proc/self/cgroup":           "1:cpu:/x\n0::/a/b\n", // the first line's controller is mounted nowhere
		"sys/fs/cgroup/a/memory.max": "1000\n", "sys/fs/cgroup/a/memory.current": "700\n",
		"sys/fs/cgroup/a/memory.stat":   "anon 5\ninactive_file 100\n",
		"sys/fs/cgroup/a/b/memory.max":  "max\n",
		"sys/fs/cgroup/a/b/cpu.max":     "max 100000\n",
		"sys/fs/cgroup/a/cpu.max":       "250000 100000\n",
		"sys/fs/cgroup/memory.current":  "7000\n",
		"sys/fs/cgroup/a/b/memory.stat": "inactive_file 3\n", "sys/fs/cgroup/a/b/memory.current": "10\n"},
		Machine{Cores: 3, CoresBy: "/sys/fs/cgroup/a/cpu.max", Memory: 1000, MemoryBy: "/sys/fs/cgroup/a/memory.max",
			Free: 400}}, // 1000 - 700, and the cache of 100
	{"version 1, nested", map[string]string{"proc/meminfo": ram, "proc/self/mountinfo": of1("/"),
		"proc/self/cgroup":                                     "12:memory:/job/7\n4:cpu,cpuacct:/job/7\n0::/\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":           none1,
		"sys/fs/cgroup/memory/job/memory.limit_in_bytes":       "5000\n",
		"sys/fs/cgroup/memory/job/memory.usage_in_bytes":       "4000\n",
		"sys/fs/cgroup/memory/job/memory.stat":                 "inactive_file 1\ntotal_inactive_file 500\n",
		"sys/fs/cgroup/memory/job/7/memory.limit_in_bytes":     none1,
		"sys/fs/cgroup/memory/job/7/memory.usage_in_bytes":     "3000\n",
		"sys/fs/cgroup/cpu,cpuacct/job/7/cpu.cfs_quota_us":     "-1\n",
		"sys/fs/cgroup/cpu,cpuacct/job/7/cpu.cfs_period_us":    "100000\n",
		"sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us":       "50000\n",
		"sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us":      "100000\n",
		"sys/fs/cgroup/unified/memory.max":                     "1\n", // memory belongs to version 1 here
		"sys/fs/cgroup/memory/elsewhere/memory.limit_in_bytes": "2\n"},
		Machine{Cores: 1, CoresBy: "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", Memory: 5000,
			MemoryBy: "/sys/fs/cgroup/memory/job/memory.limit_in_bytes", Free: 1500}},
	{"version 1, a container that sees its own group as the root", map[string]string{"proc/meminfo": ram,
		"proc/self/mountinfo":                        of1("/docker/4f"),
		"proc/self/cgroup":                           "12:memory:/docker/4f\n4:cpu,cpuacct:/docker/4f\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes": "3000\n",
		"sys/fs/cgroup/memory/memory.usage_in_bytes": "1000\n"},
		Machine{Cores: 8, Memory: 3000, MemoryBy: "/sys/fs/cgroup/memory/memory.limit_in_bytes", Free: 2000}},
	{"version 1, a group within the container", map[string]string{"proc/meminfo": ram,
		"proc/self/mountinfo": of1("/docker/4f"), "proc/self/cgroup": "12:memory:/docker/4f/in\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":    "3000\n",
		"sys/fs/cgroup/memory/in/memory.limit_in_bytes": "2000\n"},
		Machine{Cores: 8, Memory: 2000, MemoryBy: "/sys/fs/cgroup/memory/in/memory.limit_in_bytes", Free: 60 * kib}},
	{"version 1, a group outside the namespace", map[string]string{"proc/meminfo": ram,
		"proc/self/mountinfo": of1("/"), "proc/self/cgroup": "12:memory:/../../job\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes": "4000\n"},
		Machine{Cores: 8, Memory: 4000, MemoryBy: "/sys/fs/cgroup/memory/memory.limit_in_bytes", Free: 60 * kib}},
	{"version 1, a limit above what can be seen", map[string]string{"proc/meminfo": ram,
		"proc/self/mountinfo": of1("/docker/4f"), "proc/self/cgroup": "12:memory:/docker/4f\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes": none1,
		"sys/fs/cgroup/memory/memory.usage_in_bytes": "1000\n",
		"sys/fs/cgroup/memory/memory.stat":           "cache 1\nhierarchical_memory_limit 6000\ntotal_inactive_file 50\n"},
		Machine{Cores: 8, Memory: 6000, MemoryBy: "/sys/fs/cgroup/memory/memory.stat", Free: 5050}},
	{"version 1 without a limit", map[string]string{"proc/meminfo": ram, "proc/self/mountinfo": of1("/"),
		"proc/self/cgroup": "12:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": none1,
		"sys/fs/cgroup/memory/memory.usage_in_bytes": "1000\n"},
		Machine{Cores: 8, Memory: 100 * kib, MemoryBy: "/proc/meminfo", Free: 60 * kib}},
	{"a mount point with a space", map[string]string{"proc/meminfo": ram,
		"proc/self/mountinfo":        "30 23 0:26 / /my\\040groups rw - cgroup2 none rw\n",
		"proc/self/cgroup":           "0::/a\n",
		"my groups/a/memory.max":     "70000\n",
		"my groups/a/memory.current": "90000\n", // above a limit that was lowered
		"my groups/a/cpu.max":        "100000 0\n",
		"my groups/cpu.max":          "junk"},
		Machine{Cores: 8, Memory: 70000, MemoryBy: "/my groups/a/memory.max", Free: 0}},
}

// What limits this process is the least of the machine and of the control groups from its own to the outermost that it
// can see, in both versions, whatever is mounted.
func TestLimits(t *testing.T) {
	for _, c := range systems {
		if got := written(t, c.files).machine(8); got != c.want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", c.name, got, c.want)
		}
	}
	if m := Here(); m.Cores < 1 || m.Memory < 1<<20 || m.Free > m.Memory || m.MemoryBy == "" {
		t.Errorf("this machine has %+v", m)
	}
}

func TestOutOfMemoryKills(t *testing.T) {
	for _, files := range []map[string]string{
		{"proc/self/mountinfo": inside, "proc/self/cgroup": "0::/a\n",
			"sys/fs/cgroup/a/memory.events": "oom 5\noom_kill 3\n"},
		{"proc/self/mountinfo": of1("/"), "proc/self/cgroup": "12:memory:/a\n",
			"sys/fs/cgroup/memory/a/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"},
	} {
		if got := written(t, files).outOfMemoryKills(); got != 3 {
			t.Errorf("%d kills, want 3, of %v", got, files)
		}
	}
	if got := written(t, nil).outOfMemoryKills(); got != 0 {
		t.Errorf("%d kills without a group", got)
	}
}

// written returns a system of the files given by their paths.
func written(t *testing.T, files map[string]string) system {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return system{root}
}
