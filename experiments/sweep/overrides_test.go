package sweep

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
)

// The overrides of every arm of the reference and of every preset give the same configuration when pasted as the base
// of a sweep.
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
		for _, f := range settings.Files(&c) {
			f.Path.Written = f.Path.At // the base may lie in another folder
		}
		s, err := LoadBytes(filepath.Join(t.TempDir(), "again.yaml"), []byte("name: again\nbase:\n"+indented.String()))
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		if !reflect.DeepEqual(settings.Of(&s.Base), settings.Of(&c)) {
			t.Errorf("%s: read back, it differs in %v\n%s", name, settings.Diff(settingsOf(c), settings.Of(&s.Base)), text)
		}
	}
}
