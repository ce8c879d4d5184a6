package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/machine"
	"github.com/outcrop-lab/outcrop/experiments/plan"
	"github.com/outcrop-lab/outcrop/store"
)

// check is one line of doctor's table.
type check struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func doctorCommand(s *preferences) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{Use: "doctor", Short: "Show what this machine offers and what is missing"}
	cmd.Args = arguments(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		checks := examine(s)
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(checks)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, c := range checks {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", c.Name, c.Value)
		}
		return w.Flush()
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func examine(s *preferences) []check {
	gpu := "none"
	if _, err := os.Stat("/dev/nvidia0"); err == nil {
		gpu = "NVIDIA, not used: Outcrop has no GPU device yet"
	}
	compiler := "none: install one, for example with `apt-get install gcc`; this binary runs without it"
	if path, err := exec.LookPath("cc"); err == nil {
		compiler = path
	}
	here := machine.Here()
	checks := []check{
		{"system", runtime.GOOS + "/" + runtime.GOARCH},
		{"processor", cpuid.CPU.BrandName},
		{"cores", cores(here)},
		{"memory", memory(here)},
		{"jobs", jobs(s)},
		{"kernels", kernels()},
		{"bf16", bf16()},
		{"gpu", gpu},
		{"results", folderOf(s.Results)},
		{"c compiler", compiler},
		{"go", runtime.Version()},
		{"sqlite", store.SQLite()},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			switch m.Path {
			case "gorgonia.org/gorgonia", "gorgonia.org/tensor", "github.com/mattn/go-sqlite3", "gonum.org/v1/plot":
				checks = append(checks, check{m.Path, m.Version})
			}
		}
	}
	return checks
}

// cores says how many cores can be used, and what limits them.
func cores(m machine.Machine) string {
	if m.CoresBy == "" {
		return fmt.Sprint(m.Cores)
	}
	return fmt.Sprintf("%d of %d (%s)", m.Cores, runtime.NumCPU(), m.CoresBy)
}

// memory says how much memory runs can take, and what limits it.
func memory(m machine.Machine) string {
	if math.IsInf(m.Memory, 1) {
		return "unknown: the system does not say"
	}
	return fmt.Sprintf("%s (%s), %s free now", plan.Bytes(m.Memory), m.MemoryBy, plan.Bytes(m.Free))
}

func jobs(s *preferences) string {
	at, each := "as many at once as cores and memory allow", "one thread each, or more if cores would be idle"
	if s.Jobs > 0 {
		at = fmt.Sprintf("%d at once", s.Jobs)
	}
	switch {
	case s.Threads == 1:
		each = "one thread each"
	case s.Threads > 1:
		each = fmt.Sprintf("%s each", count.Of(s.Threads, "thread"))
	}
	return at + ", " + each
}

// kernels lists the instruction sets that this machine can use, the best first, and says how many floats a vector of
// the best one holds.
func kernels() string {
	width := map[string]string{
		"amx": "512-bit vectors, 16 floats, and AMX's tiles", "avx512": "512-bit vectors, 16 floats",
		"avx2": "256-bit vectors, 8 floats", "portable": "128-bit vectors, 4 floats",
	}
	paths := compute.Paths()
	text := fmt.Sprintf("%s (%s)", paths[0], width[paths[0]])
	if len(paths) > 1 {
		text += "; also " + strings.Join(paths[1:], ", ")
	}
	return text
}

// bf16 says whether this machine can train with train.precision set to bf16, and which instruction it uses for that.
func bf16() string {
	if err := compute.Can("", compute.BF16); err != nil {
		return "none: " + err.Error()
	}
	return "by " + compute.Instruction("")
}

// folderOf says whether results can be written to a folder, and how much space is free.
func folderOf(path string) string {
	present, text := path, path
	if _, err := os.Stat(path); err != nil {
		present, text = nearest(path), path+" (the first run creates it)"
	}
	if err := unix.Access(present, unix.W_OK); err != nil {
		return fmt.Sprintf("%s: missing: %s cannot be written to: %v", text, present, err)
	}
	var room unix.Statfs_t
	if err := unix.Statfs(present, &room); err != nil {
		return fmt.Sprintf("%s: %v", text, err)
	}
	return fmt.Sprintf("%s, %.1f GB free", text, float64(room.Bavail)*float64(room.Bsize)/1e9)
}

// nearest returns the deepest existing folder above path.
func nearest(path string) string {
	for {
		above := filepath.Dir(path)
		if _, err := os.Stat(above); err == nil || above == path {
			return above
		}
		path = above
	}
}
