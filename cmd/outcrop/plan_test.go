package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A run that this machine cannot hold is planned, with a warning, and refused before anything starts or is written.
// What no machine can hold is refused by both.
func TestTooLargeForThisMachine(t *testing.T) {
	for _, c := range []struct {
		sizes, want string
		planned     int // exit code
	}{
		{"width: 262144, heads: 2", ":3:17: base.arch.width: 262144 makes a run of at least 26.4 TB of memory, more than ",
			exitDone},
		{"width: 1048576, heads: 2", ":3:17: base.arch.width: 1048576 makes a run of at least 422.3 TB of memory, more " +
			"than the 140.7 TB that a process can address: lower it", exitInput},
		{"width: 1000000000, heads: 2", ":3:17: base.arch.width: must be at most 1048576, is 1000000000", exitInput},
	} {
		text := strings.Replace(strings.ReplaceAll(tiny, "STEPS", "10"), "width: 16, heads: 2", c.sizes, 1)
		file, results := sweepFile(t, text), filepath.Join(t.TempDir(), "results")
		code, _, stderr := outcrop(t.Context(), "plan", file, "--results", results)
		if code != c.planned || !strings.Contains(stderr, c.want) {
			t.Errorf("plan of %s: exit %d, %q, want %d and %q", c.sizes, code, stderr, c.planned, c.want)
		}
		if code == exitDone && !strings.Contains(stderr, "`outcrop run` refuses it here") {
			t.Errorf("plan of %s: %q does not say that it cannot be run", c.sizes, stderr)
		}
		code, _, stderr = outcrop(t.Context(), "run", file, "--results", results)
		if code != exitInput || !strings.Contains(stderr, c.want) {
			t.Errorf("run of %s: exit %d, %q, want 2 and %q", c.sizes, code, stderr, c.want)
		}
		if _, err := os.Stat(results); err == nil {
			t.Errorf("%s: something was written", c.sizes)
		}
	}
}

// A sweep of more steps than anybody can list is planned at once.
func TestPlanOfEndlessSteps(t *testing.T) {
	for _, schedule := range []string{"pythia", "{name: log, per_decade: 20}", "{name: steps, n: 2}"} {
		text := strings.Replace(strings.ReplaceAll(tiny, "STEPS", "1000000000000000"), "heldout: 16",
			"heldout: 16, every: "+schedule, 1)
		code, out, stderr := outcrop(t.Context(), "plan", sweepFile(t, text), "--results", t.TempDir())
		if code != exitDone || !strings.Contains(out, "2 of 2 runs to do: 2.56e+17 tokens") {
			t.Errorf("%s: exit %d, %s%s", schedule, code, out, stderr)
		}
	}
}
