package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/experiments/results"

	"github.com/outcrop-lab/outcrop/derive"
)

// If a run lacks rows, derive names the command that measures them from its checkpoints; after that command it derives.
//
//nolint:funlen // one function, because each part continues with the rows of the part before
func TestDerive(t *testing.T) {
	text := strings.ReplaceAll(tiny, "STEPS", "20")
	text = strings.Replace(text, "arms: {a: {}, b: {arch: {norm: ssnorm}}}", "  checkpoint: {every: 10}\n", 1)
	dir := t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", sweepFile(t, text), "--results", dir); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	derived := func(args ...string) (code int, tables map[string][]map[string]any, stderr string) {
		code, out, stderr := outcrop(t.Context(), append(append([]string{"derive"}, args...), "--json", "--results", dir)...)
		var document struct {
			Quantities []struct {
				Quantity string
				Rows     []map[string]any
			}
			Lacking []results.LackingRow
		}
		if code == exitDone {
			if err := json.Unmarshal([]byte(out), &document); err != nil {
				t.Fatal(err)
			}
		}
		tables = map[string][]map[string]any{}
		for _, q := range document.Quantities {
			tables[q.Quantity] = q.Rows
		}
		for _, l := range document.Lacking {
			stderr += l.Message + "\n"
		}
		return code, tables, stderr
	}
	code, tables, lacking := derived("tiny")
	if rows := tables["m_act"]; code != exitDone || len(rows) != 1 || rows[0]["step"] != 20. ||
		rows[0]["seed"] != 0. || !(rows[0]["m_act"].(float64) > 0) {
		t.Errorf("exit %d, m_act %v, want one row of step 20", code, rows)
	}
	if _, ok := tables["super_weights"]; ok ||
		!strings.Contains(lacking, "super_weights needs super_weight_row at mlp.out") {
		t.Errorf("super weights without their rows: %v, %s", tables["super_weights"], lacking)
	}
	if _, every, _ := derived("tiny", "m_act", "--every-step"); len(every["m_act"]) != 17 { // 0 to 11, 13, 14, 16, 18, 20
		t.Errorf("%d rows with --every-step, want 17", len(every["m_act"]))
	}
	if code, _, stderr := derived("tiny", "super_weights"); code != exitInput ||
		!strings.Contains(stderr, "`outcrop probe") {
		t.Errorf("exit %d, %s, want 2 and the command that helps", code, stderr)
	}
	run := ""
	for message := range strings.Lines(lacking) {
		_, rest, _ := strings.Cut(message, "`outcrop ")
		command, _, _ := strings.Cut(rest, "`")
		if code, _, stderr := outcrop(t.Context(), append(strings.Fields(command), "--results", dir)...); code != exitDone {
			t.Fatalf("%q of %s: exit %d: %s", command, message, code, stderr)
		}
		run = strings.Fields(command)[1]
	}
	if _, tables, lacking := derived("tiny"); len(tables) != len(derive.Names()) || lacking != "" {
		t.Errorf("after those commands %d of %d quantities can be derived: %s", len(tables), len(derive.Names()), lacking)
	}
	if code, tables, stderr := derived(run, "phases"); code != exitDone || len(tables["phases"]) != 2 ||
		tables["phases"][0]["phase"] != "mix" {
		t.Errorf("exit %d, %v %s, want two layers of step 20", code, tables, stderr)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"tiny", "phase"}, `unknown quantity "phase", did you mean "phases"?`},
		{[]string{"tny"}, `did you mean "tiny"?`},
		{nil, "outcrop derive --help"},
	} {
		if code, _, stderr := outcrop(t.Context(), append([]string{"derive", "--results", dir},
			c.args...)...); code != exitInput || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q, want 2 and %q", c.args, code, stderr, c.want)
		}
	}
	if code, out, stderr := outcrop(t.Context(), "derive", run, "--results", dir); code != exitDone ||
		!strings.Contains(out, "first_crossing: ") {
		t.Errorf("exit %d: %s %s", code, out, stderr)
	}
}
