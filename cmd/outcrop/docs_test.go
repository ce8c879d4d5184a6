package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/derive"
	"github.com/outcrop-lab/outcrop/plots"
)

// docs/cli.md lists every verb and derived quantity, and the help of plot every figure.
func TestReferenceShowsEveryVerb(t *testing.T) {
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range commands {
		c := command(&preferences{})
		if name, _, _ := strings.Cut(c.Use, " "); !c.Hidden && !strings.Contains(string(page), "| `"+name) {
			t.Errorf("docs/cli.md does not show the verb %s", name)
		}
	}
	_, help, _ := outcrop(t.Context(), "plot", "--help")
	for _, figure := range plots.Names() {
		if !strings.Contains(help, figure) {
			t.Errorf("the help of plot does not show the figure %s", figure)
		}
	}
	for _, q := range derive.All() {
		if !strings.Contains(string(page), "| `"+q.Name+"` | "+strings.ReplaceAll(q.Formula, "|", `\|`)+" |") {
			t.Errorf("docs/cli.md does not show the quantity %s: %s", q.Name, q.Formula)
		}
	}
	if code, out, _ := outcrop(context.Background(), "completion", "bash"); code != exitDone ||
		!strings.Contains(out, "__start_outcrop") {
		t.Errorf("completion: exit %d", code)
	}
}

// The commands that a report gives for doing its work again are commands of the program.
func TestReportSaysWhatToRun(t *testing.T) {
	file := sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "20"))
	t.Chdir(filepath.Dir(file)) // where tiny.yaml lies
	if code, _, stderr := outcrop(t.Context(), "run", "tiny.yaml"); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	_, section, _ := strings.Cut(string(read(t, filepath.Join("results", "sweeps", "tiny", "report.html"))), `id="again"`)
	_, list, _ := strings.Cut(section, "<pre>")
	list, _, _ = strings.Cut(list, "</pre>")
	said := 0
	for words := range strings.Lines(strings.TrimSpace(list)) {
		args := strings.Fields(words)
		if len(args) < 2 || args[0] != "outcrop" {
			t.Errorf("%q is not a command of outcrop", words)
			continue
		}
		said++
		if code, _, stderr := outcrop(t.Context(), args[1:]...); code != exitDone {
			t.Errorf("%q: exit %d: %s", words, code, stderr)
		}
	}
	if said != 3 {
		t.Errorf("the report gives %d commands, want 3: %q", said, list)
	}
}

func TestUnknownFigureAndSweep(t *testing.T) {
	results := t.TempDir()
	if code, _, stderr := outcrop(t.Context(), "run", sweepFile(t, strings.ReplaceAll(tiny, "STEPS", "20")), "--results",
		results); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"plot", "emergense"}, `did you mean "emergence"?`},
		{[]string{"plot", "--sweep", "tny"}, `--sweep: unknown sweep "tny", did you mean "tiny"?`},
		{[]string{"report", "--sweep", "tny"}, `--sweep: unknown sweep "tny", did you mean "tiny"?`},
	} {
		if code, _, stderr := outcrop(t.Context(), append(c.args, "--results", results)...); code != exitInput ||
			!strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q, want 2 and %q", c.args, code, stderr, c.want)
		}
	}
}
