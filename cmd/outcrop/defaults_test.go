package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/todo"
)

// A stored run lacks only what its sweep names: neither statistics nor steps that the defaults of a newer program ask
// for, nor the rows of log_every. This holds for ended runs and for those that go on.
func TestDefaultsTrainNothingAgain(t *testing.T) {
	text := strings.ReplaceAll(tiny, "STEPS", "40")
	text = strings.Replace(text, "arms: {a: {}, b: {arch: {norm: ssnorm}}}", "  checkpoint: {every: 16}\n", 1)
	with := func(probe string) string {
		return sweepFile(t, strings.Replace(text, "probe: {", "probe: {"+probe, 1))
	}
	older := with("every: {name: pythia, then: 3}, statistics: [top1, median], log_every: 0, ")
	results := t.TempDir()
	task := func(file string, wants string) {
		t.Helper()
		code, out, stderr := outcrop(t.Context(), "plan", file, "--results", results, "--json")
		var document todo.Document
		if err := json.Unmarshal([]byte(out), &document); code != exitDone || err != nil || len(document.Runs) != 1 {
			t.Fatalf("exit %d: %s %v", code, stderr, err)
		}
		if got := document.Runs[0].Task; !strings.HasPrefix(got, wants) {
			t.Errorf("task %q, want %q", got, wants)
		}
	}
	stopping := text + "stopping: {metric: loss, after: 20, above: 1e-9}\n"
	stopped := sweepFile(t, strings.Replace(stopping, "probe: {",
		"probe: {every: {name: pythia, then: 3}, statistics: [top1, median], ", 1))
	says(t, exitDone, "", "run", stopped, "--results", results)
	task(with(""), "stopped, goes on from step ")
	says(t, exitDone, "1 done", "run", older, "--results", results)
	for probe, want := range map[string]string{
		"":                                          "done",
		"log_every: 1, ":                            "done",
		"every: log, ":                              "done", // per_decade is left to the default
		"statistics: [median], ":                    "done",
		"statistics: [kurtosis], ":                  "train again to measure ",
		"every: {name: log, per_decade: 20}, ":      "train again to measure ",
		"every: {name: steps, n: 10}, ":             "train again to measure ",
		"sites: [v], ":                              "train again to measure ",
		"every: {name: steps, n: 40}, ":             "done",
		"every: {name: steps, n: 40}, sites: [v], ": "measure 2 steps from checkpoints",
	} {
		task(with(probe), want)
	}
	says(t, exitDone, "1 done (1 of them before)", "run", with(""), "--results", results)
}
