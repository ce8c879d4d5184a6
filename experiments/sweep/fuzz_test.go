package sweep

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/settings"
)

// placed fails unless an error is an *InputError whose faults each say what is wrong and where.
func placed(t *testing.T, err error) {
	t.Helper()
	at := new(settings.InputError)
	if !errors.As(err, &at) || len(at.Faults) == 0 {
		t.Fatalf("%T %v, want an *InputError with its faults", err, err)
	}
	for _, f := range at.Faults {
		if f.File == "" || f.Message == "" || f.Line < 0 || f.Line > 0 && f.Column < 1 {
			t.Fatalf("a fault without its place: %+v", f)
		}
	}
}

// Whatever a sweep file holds, it is either bad input, reported with its place, or a sweep whose arms are all valid and
// whose resolved configurations are read back unchanged.
func FuzzSweep(f *testing.F) {
	for _, name := range configs.Sweeps() {
		src, ok := configs.Sweep(name)
		if !ok {
			f.Fatal(name)
		}
		f.Add(src)
	}
	every, err := os.ReadFile(filepath.Join("..", "..", "docs", "cli.md"))
	if err != nil {
		f.Fatal(err)
	}
	if _, after, found := strings.Cut(string(every), "```yaml\n"); found {
		text, _, _ := strings.Cut(after, "```")
		f.Add([]byte(text))
	}
	f.Add([]byte("name: a\nextends: [osp]\nbase: {optim: {name: muon, lr: null}}\narms:\n  b: {extends: osp}\n" +
		"seeds: [3, 5]\nonly: [{arm: b}]\n"))
	f.Add([]byte("name: a\nbase: &x {train: {steps: *x}}\n<<: *x\n"))
	f.Add([]byte("\xff\xfe"))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, err := LoadBytes("fuzz.yaml", src)
		if err != nil {
			placed(t, err)
			return
		}
		if s.Name == "" || len(s.Arms) == 0 || len(s.Seeds) == 0 {
			t.Fatalf("a sweep of %d arms and %d seeds called %q", len(s.Arms), len(s.Seeds), s.Name)
		}
		for _, a := range s.Arms {
			if err := a.Config.Validate(); err != nil {
				t.Fatalf("arm %s: %v", a.Name, err)
			}
			text, err := settings.Stored(&a.Config)
			if err != nil {
				t.Fatal(err)
			}
			again, err := DecodeConfig("again", []byte(`{"config":`+string(text)+`}`))
			if err != nil {
				t.Fatalf("arm %s is not read back: %v", a.Name, err)
			}
			if !reflect.DeepEqual(settings.Of(&again), settings.Of(&a.Config)) {
				t.Fatalf("arm %s is read back as\n%v\nnot\n%v", a.Name, settings.Of(&again), settings.Of(&a.Config))
			}
		}
	})
}
