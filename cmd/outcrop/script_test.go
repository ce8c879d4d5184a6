package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

const scripts = "testdata/script"

// prepared is a done sweep of two arms and two seeds, which scripts copy.
const prepared = `name: tiny
base:
  arch: {width: 16, heads: 2, context: 16, embed_proj: true}
  train: {steps: 20, batch: 8}
  probe: {heldout: 16}
arms: {a: {}, b: {arch: {norm: ssnorm}}}
seeds: 2
`

// Each script runs real processes in its own folder. It can use the commands of testscript and
//
//	exits CODE COMMAND…    runs a command that must end with this exit code
//	prepared               puts tiny.yaml and its results, all done, into the folder
func TestScripts(t *testing.T) {
	from := t.TempDir()
	if err := os.WriteFile(filepath.Join(from, "tiny.yaml"), []byte(prepared), 0o666); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := outcrop(t.Context(), "run", filepath.Join(from, "tiny.yaml"), "--results", filepath.Join(from,
		"results")); code != exitDone {
		t.Fatalf("exit %d: %s", code, stderr)
	}
	testscript.Run(t, testscript.Params{Dir: scripts, RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CACHE_HOME", os.Getenv("XDG_CACHE_HOME"))
			return nil
		}, Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"prepared": func(ts *testscript.TestScript, _ bool, args []string) {
				if len(args) > 0 {
					ts.Fatalf("usage: prepared")
				}
				ts.Check(os.CopyFS(ts.MkAbs("."), os.DirFS(from)))
			},
		}})
}

func exits(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Fatalf("%v", err)
		}
		got = ended.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// Every verb has a script with a call that succeeds and a call that is refused as bad input.
func TestEveryVerbHasAScript(t *testing.T) {
	verbs := []string{"completion"} // cobra's own
	for _, command := range commands {
		c := command(&preferences{})
		if c.Hidden {
			continue
		}
		verbs = append(verbs, c.Name())
		for _, sub := range c.Commands() {
			verbs = append(verbs, c.Name()+" "+sub.Name())
		}
	}
	for _, verb := range verbs {
		name, _, _ := strings.Cut(verb, " ")
		path := filepath.Join(scripts, name+".txtar")
		text, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("the verb %s has no script: write %s, with a call that succeeds (exits 0 outcrop %s …, then "+
				"stdout or stderr) and one with bad input (exits 2 outcrop %s …), as in status.txtar",
				verb, path, verb, verb)
			continue
		}
		for _, code := range []int{exitDone, exitInput} {
			if !regexp.MustCompile(fmt.Sprintf(`(?m)^exits %d outcrop %s\b`, code, verb)).Match(text) {
				t.Errorf("%s has no call `exits %d outcrop %s …`", path, code, verb)
			}
		}
	}
}

// The help of the program and of every verb states the exit codes.
func TestHelpSaysExitCodes(t *testing.T) {
	code, out, _ := outcrop(t.Context(), "--help")
	if code != exitDone || !strings.Contains(out, exitCodes) {
		t.Errorf("exit %d: %s", code, out)
	}
	for _, command := range commands {
		c := command(&preferences{})
		if code, out, _ = outcrop(t.Context(), c.Name(), "--help"); code != exitDone || !strings.Contains(out, exitCodes) {
			t.Errorf("%s: exit %d: %s", c.Name(), code, out)
		}
	}
}
