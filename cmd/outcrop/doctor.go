package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"

	"github.com/outcrop-lab/outcrop/compute"
)

// check is one line of the doctor's table.
type check struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func doctorCommand(s *settings) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{Use: "doctor", Short: "Say what this machine has, and what is missing", Args: arguments(cobra.NoArgs), RunE: func(cmd *cobra.Command, _ []string) error {
		checks := examine(s)
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(checks)
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
		for _, c := range checks {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", c.Name, c.Value)
		}
		return w.Flush()
	}}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func examine(s *settings) []check {
	gpu := "none"
	if _, err := os.Stat("/dev/nvidia0"); err == nil {
		gpu = "NVIDIA, not used: there is no GPU device yet"
	}
	compiler := "none: install one, for example with `apt-get install gcc`; the binary runs without"
	if path, err := exec.LookPath("cc"); err == nil {
		compiler = path
	}
	results := s.Results
	if _, err := os.Stat(results); err != nil {
		results += " (made by the first run)"
	}
	checks := []check{
		{"system", runtime.GOOS + "/" + runtime.GOARCH},
		{"processor", cpuid.CPU.BrandName},
		{"cores", fmt.Sprint(runtime.NumCPU())},
		{"kernels", strings.Join(compute.Paths(), ", ") + " (best first)"},
		{"gpu", gpu},
		{"go", runtime.Version()},
		{"c compiler", compiler},
		{"results", results},
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
