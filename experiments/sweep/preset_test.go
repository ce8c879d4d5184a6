package sweep

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/variant"
)

// Laying a preset or a file over a sweep's base gives what an arm that extends it would be, and leaves the base
// unchanged.
func TestOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, []byte("extends: gated\narch: {layers: 3, norm: {eps: 1e-4}}\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	s, err := LoadBytes("s.yaml",
		[]byte("name: s\nbase: {arch: {width: 32, norm: {name: rmsnorm, eps: 1e-5}}}\narms: {a: {extends: "+file+"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	base := settings.Of(&s.Base)
	for range 2 {
		text, err := s.Over(file)
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Arch struct {
				Layers, Width int
				Norm          struct{ Eps float64 }
				Gate          struct{ Name, Granularity string }
			}
			Seed int
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if a := got.Arch; a.Layers != 3 || a.Width != 32 || a.Norm.Eps != 1e-4 || a.Gate.Name != "g1" ||
			a.Gate.Granularity != "elementwise" {
			t.Errorf("%+v", got)
		}
		want, err := settings.Stored(&s.Arms[0].Config)
		if err != nil || text != string(want) {
			t.Errorf("%s, the arm is %s (%v)", text, want, err)
		}
	}
	if !reflect.DeepEqual(settings.Of(&s.Base), base) {
		t.Error("the base has changed")
	}
	var unknown *variant.Error
	if _, err := s.Over("gatd"); !errors.As(err, &unknown) || !strings.Contains(err.Error(), `did you mean "gated"?`) {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(file, []byte("arch:\n  heads: 5\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	var input *settings.InputError
	if _, err := s.Over(file); !errors.As(err, &input) ||
		!strings.Contains(err.Error(), "mine.yaml:2:10: arch.heads: must divide arch.width (32)") {
		t.Errorf("error %v", err)
	}
}
