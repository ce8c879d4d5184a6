package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/todo"
)

// A run, named by the beginning of its id, is measured again from its two checkpoints with a statistic that it lacked;
// a second time adds nothing. A sweep that wants the statistic at every step trains the run again, and plan says so.
//
//nolint:funlen // one function, because each part continues with the rows of the part before
func TestProbe(t *testing.T) {
	text := strings.ReplaceAll(tiny, "STEPS", "40")
	text = strings.Replace(text, "arms: {a: {}, b: {arch: {norm: ssnorm}}}", "  checkpoint: {every: 16}\n", 1)
	file, results := sweepFile(t, text), t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", file, "--results", results); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	var document todo.Document
	var plan []todo.Row
	planned := func(file string) string {
		code, out, stderr := outcrop(t.Context(), "plan", file, "--results", results, "--json")
		err := json.Unmarshal([]byte(out), &document)
		if plan = document.Runs; code != exitDone || err != nil || len(plan) != 1 {
			t.Fatalf("exit %d: %s %v", code, stderr, err)
		}
		return plan[0].Task
	}
	if got := planned(file); got != "done" {
		t.Errorf("state %q, want done", got)
	}
	run := plan[0].Run
	probe := func(args ...string) (rows int) {
		code, out, stderr := outcrop(t.Context(), append([]string{"probe", "--results", results, "--json"}, args...)...)
		var done struct {
			Run                          string
			Steps                        []int
			Rows, Conflicts, Differences int
		}
		if err := json.Unmarshal([]byte(out), &done); code != exitDone || err != nil {
			t.Fatalf("exit %d: %s %v", code, stderr, err)
		}
		if done.Run != run || len(done.Steps) != 2 || done.Steps[0] != 32 || done.Steps[1] != 40 ||
			done.Conflicts+done.Differences != 0 {
			t.Errorf("%+v, want run %s, steps 32 and 40", done, run)
		}
		return done.Rows
	}
	// Two steps, two layers.
	if got := probe(run[:8], "--statistics", "effective_rank"); got != 4 {
		t.Errorf("%d new rows, want 4", got)
	}
	if got := probe(run, "--statistics", "effective_rank"); got != 0 {
		t.Errorf("%d new rows the second time", got)
	}
	if got := planned(file); got != "done" {
		t.Errorf("state %q after probing, want done", got)
	}
	wanting := sweepFile(t, strings.Replace(text, "probe: {", "probe: {statistics: [effective_rank], ", 1))
	if got := planned(wanting); !strings.HasPrefix(got, "train again to measure ") || plan[0].Run != run {
		t.Errorf("state %q of run %s, want the same run trained again", got, plan[0].Run)
	}
	few := sweepFile(t, strings.Replace(text, "probe: {",
		"probe: {every: {name: steps, n: 32}, statistics: [anisotropy, effective_rank], ", 1))
	if got := planned(few); got != "measure 3 steps from checkpoints" { // 32 and 40 from checkpoints, and 0 from the seed
		t.Errorf("state %q, want 0, 32 and 40 measured", got)
	}
	for _, c := range []struct {
		want string
		args []string
	}{
		{`did you mean "matrix_entropy"`, []string{run, "--statistics", "matrix_entrpy"}},
		{`--sites: unknown site "resid_pots"`, []string{run, "--sites", "resid_pots"}},
		{"the only run in ", []string{"zzz"}},
	} {
		if code, _, stderr := outcrop(t.Context(), append([]string{"probe", "--results", results},
			c.args...)...); code != exitInput || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %s, want 2 and %s", c.args, code, stderr, c.want)
		}
	}
}

// A sweep that does not measure what a figure shows is still done: the figure is left out, with a message.
func TestRunWithoutTheFiguresStatistics(t *testing.T) {
	text := strings.ReplaceAll(tiny, "STEPS", "10")
	file := sweepFile(t, strings.Replace(text, "probe: {", "probe: {statistics: [effective_rank], ", 1))
	results := t.TempDir()
	code, out, stderr := outcrop(t.Context(), "run", file, "--results", results)
	if code != exitDone || !strings.Contains(out, "report.html") ||
		!strings.Contains(stderr, "has a value of ratio_mean") {
		t.Errorf("exit %d: %s %s", code, out, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "plot", "emergence", "--results", results); code != exitFailed ||
		!strings.Contains(stderr, "nothing to draw yet") {
		t.Errorf("a figure asked for by name: exit %d, %s", code, stderr)
	}
}
