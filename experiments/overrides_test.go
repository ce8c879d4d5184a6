package experiments

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/store"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Pasted as the base of a sweep, the overrides of every arm of the reference and of every preset give the same
// configuration.
func TestOverridesAreABase(t *testing.T) {
	configurations := map[string]trainer.Config{"defaults": trainer.Default()}
	s, err := LoadBytes("cli.md", documented(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range s.Arms {
		configurations[a.Name] = a.Config
	}
	for _, name := range configs.Presets() {
		s, err := LoadBytes("x.yaml", []byte("name: x\nextends: ["+name+"]\n"))
		if err != nil {
			t.Fatal(err)
		}
		configurations["preset "+name] = s.Base
	}
	for name, c := range configurations {
		text, err := Overrides(c)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var indented strings.Builder
		for line := range strings.Lines(string(text)) {
			indented.WriteString("  " + line)
		}
		s, err := LoadBytes("again.yaml", []byte("name: again\nbase:\n"+indented.String()))
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		if !reflect.DeepEqual(Settings(s.Base), Settings(c)) {
			t.Errorf("%s: comes back otherwise in %v\n%s", name, differs(settingsOf(c), Settings(s.Base)), text)
		}
	}
}

// A folder tells of every process that worked in it, with the command line that the coordinator was started with; of a
// damaged file nothing is kept.
func TestProvenance(t *testing.T) {
	t.Setenv(CommandVariable, "outcrop run x.yaml")
	dir := t.TempDir()
	run := store.Run{ID: "r", Commit: "c", GoVersion: "go1", KernelPath: "avx2", CPU: "some"}
	p := Planned{ID: "r", Config: trainer.Default()}
	for n := 1; n <= 2; n++ {
		if err := introduce(dir, p, run, 2); err != nil {
			t.Fatal(err)
		}
		got, err := ReadProvenance(dir)
		if err != nil || got.Run != "r" || len(got.Sessions) != n {
			t.Fatalf("%+v, %v, want %d sessions", got, err, n)
		}
		last := got.Sessions[n-1]
		if last.Command != "outcrop run x.yaml" || last.KernelPath != "avx2" || last.Threads != 2 || last.Cores < 1 || last.Started.IsZero() || last.TrainerVersion != trainer.Version {
			t.Errorf("%+v", last)
		}
	}
	path := filepath.Join(dir, provenanceFile)
	if err := os.WriteFile(path, []byte(`{"run": "r", "sess`), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadProvenance(dir); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a damaged file: %v", err)
	}
	if err := introduce(dir, p, run, 1); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadProvenance(dir); err != nil || len(got.Sessions) != 1 {
		t.Errorf("%+v, %v, want one session", got, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.partial")); len(left) > 0 {
		t.Errorf("half-written: %v", left)
	}
}
