package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/settings"
)

const tiny = `name: tiny
base:
  arch: {width: 16, heads: 2, context: 16}
  train: {steps: STEPS, batch: 8}
  probe: {heldout: 16}
arms: {a: {}, b: {arch: {norm: ssnorm}}}
`

func sweepFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tiny.yaml")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func outcrop(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = Run(ctx, args, &out, &err)
	return code, out.String(), err.String()
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestBadInput(t *testing.T) {
	base := strings.ReplaceAll(tiny, "STEPS", "10")
	shard := filepath.Join(t.TempDir(), "x.bin")
	if err := os.WriteFile(shard, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, text, want string
	}{
		{"unknown key", strings.Replace(base, "batch:", "bach:", 1), `did you mean "batch"`},
		{"misspelt variant", strings.Replace(base, "ssnorm", "rmsnrom", 1),
			`:6:32: arms.b.arch.norm: unknown norm "rmsnrom", did you mean "rmsnorm"?`},
		{"wrong type", strings.Replace(base, "steps: 10", "steps: ten", 1), ":4:18: base.train.steps"},
		{"heads", strings.Replace(base, "heads: 2", "heads: 3", 1), "must divide arch.width (16)"},
		{"empty shard", strings.Replace(base, "  train:", "  data: {name: bin, path: "+shard+"}\n  train:", 1),
			shard + ": is empty"},
		{"missing data", strings.Replace(base, "  train:", "  data: {name: text, path: nowhere.txt}\n  train:", 1),
			"nowhere.txt"},
	} {
		results := filepath.Join(t.TempDir(), "results")
		code, _, stderr := outcrop(t.Context(), "run", sweepFile(t, c.text), "--results", results)
		if code != exitInput || !strings.Contains(stderr, c.want) {
			t.Errorf("%s: exit %d, %q, want 2 and %q", c.name, code, stderr, c.want)
		}
		if _, err := os.Stat(results); err == nil {
			t.Errorf("%s: something was written", c.name)
		}
	}
	results := t.TempDir()
	if err := os.WriteFile(filepath.Join(results, "outcrop.db"), []byte(strings.Repeat("garbage ", 100)),
		0o666); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := outcrop(t.Context(), "plot", "--results", results); code != exitInput ||
		!strings.Contains(stderr, "outcrop.db") {
		t.Errorf("corrupt database: exit %d, %q", code, stderr)
	}
	if code, _, stderr := outcrop(t.Context(), "rum"); code != exitInput || !strings.Contains(stderr, "run") {
		t.Errorf("unknown verb: exit %d, %q", code, stderr)
	}
}

// A sweep in bf16 is planned if the processor has the instruction. Otherwise the verbs refuse it, and say where it is
// set and what to do.
func TestPrecisionIsRefused(t *testing.T) {
	has := compute.Can("", compute.BF16) == nil
	file := sweepFile(t, strings.Replace(strings.ReplaceAll(tiny, "STEPS", "10"), "batch:", "precision: bf16, batch:", 1))
	for _, verb := range []string{"plan", "run"} {
		results := filepath.Join(t.TempDir(), "results")
		code, _, stderr := outcrop(t.Context(), verb, file, "--results", results)
		if has && code != exitDone {
			t.Errorf("%s: exit %d, %q", verb, code, stderr)
		}
		if want := "base.train.precision: bf16 needs the instruction vdpbf16ps (avx512_bf16), which "; !has &&
			(code != exitInput || !strings.Contains(stderr, want)) {
			t.Errorf("%s: exit %d, %q, want 2 and %q", verb, code, stderr, want)
		}
		if _, err := os.Stat(results); !has && err == nil {
			t.Errorf("%s: something was written", verb)
		}
	}
}

// Settings come from outcrop.yaml in the current folder, and from no other file named after the program.
func TestSettingsFile(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write("outcrop", "\x7fELF\x02")
	if code, _, stderr := outcrop(t.Context(), "doctor"); code != exitDone {
		t.Errorf("beside a file outcrop: exit %d, %q", code, stderr)
	}
	write("outcrop.yaml", "results: elsewhere\n")
	if code, out, _ := outcrop(t.Context(), "doctor"); code != exitDone || !strings.Contains(out, "elsewhere") {
		t.Errorf("exit %d, %q lacks the folder of outcrop.yaml", code, out)
	}
	if code, out, _ := outcrop(t.Context(), "doctor", "--results", "flagged"); code != exitDone ||
		!strings.Contains(out, "flagged") {
		t.Errorf("exit %d, %q: a flag comes first", code, out)
	}
	write("outcrop.yaml", "reslts: elsewhere\n")
	if code, _, stderr := outcrop(t.Context(), "doctor"); code != exitInput ||
		!strings.Contains(stderr, `did you mean "results"`) {
		t.Errorf("a misspelt setting: exit %d, %q", code, stderr)
	}
}

// A verb that reads says so if there is nothing to read, and creates nothing.
func TestMissingDatabase(t *testing.T) {
	for _, verb := range [][]string{{"fit"}, {"plot"}, {"report"}, {"probe", "x"}, {"absorb", "x", "--out", "y"},
		{"query", "SELECT 1"},
		{"export", "--format", "csv", "--out", filepath.Join(t.TempDir(), "out")}, {"db", "check"}, {"db", "vacuum"}, {"db",
			"backup", "y"}} {
		results := t.TempDir()
		code, _, stderr := outcrop(t.Context(), append(verb, "--results", results)...)
		if code != exitInput || !strings.Contains(stderr, filepath.Join(results,
			"outcrop.db")+": file does not exist; there are no results there yet") {
			t.Errorf("%v: exit %d, %q", verb, code, stderr)
		}
		if left, err := os.ReadDir(results); err != nil || len(left) > 0 {
			t.Errorf("%v left %v, %v", verb, left, err)
		}
	}
}

// A joined error prints as one message, wrapped or not. Several mistakes in a file keep a line each.
func TestJoinedErrorIsOneMessage(t *testing.T) {
	faults := settings.Refuse(settings.Fault{File: "a", Message: "x"}, settings.Fault{File: "b", Message: "y"})
	joined := errors.Join(errors.New("first"), errors.New("second"))
	for want, err := range map[string]error{
		"first":                  errors.New("first"),
		"first; second":          joined,
		"reading: first; second": fmt.Errorf("reading: %w", joined),
		"first; second; third":   errors.Join(joined, errors.New("third")),
		"a: x\nb: y":             faults,
	} {
		if got := message(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
