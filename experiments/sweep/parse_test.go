package sweep

import (
	"fmt"
	"strings"
	"testing"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// A stored configuration is read without the registries to the same keys and values as with them: every preset, and
// every variant of every slot.
func TestStoredConfigurationsAreRead(t *testing.T) {
	var sources []string
	for _, name := range configs.Presets() {
		sources = append(sources, "extends: "+name+"\n")
	}
	for _, v := range variant.List(defaults()) {
		keys := strings.Split(v.Slot, ".")
		sources = append(sources, "base: {"+strings.Join(keys, ": {")+": "+v.Name+strings.Repeat("}", len(keys))+"\n")
	}
	if len(sources) < 50 {
		t.Fatalf("only %d configurations", len(sources))
	}
	for _, src := range sources {
		s, err := LoadBytes("s.yaml", []byte("name: x\n"+src))
		if err != nil {
			continue // a variant that wants others beside it: the presets have them
		}
		same(t, src, s.Base)
	}
}

func same(t *testing.T, src string, c trainer.Config) {
	t.Helper()
	text, err := settings.Stored(&c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := settings.Parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", src, err)
	}
	values := map[string]settings.Setting{}
	for _, s := range got {
		values[s.Key] = s
	}
	want := settings.Of(&c)
	if len(values) != len(want) || len(got) != len(want) {
		t.Errorf("%s: %d settings are read, want %d", src, len(got), len(want))
	}
	for _, s := range want {
		if got := values[s.Key]; fmt.Sprint(got.Value) != fmt.Sprint(s.Value) || got.Choice != s.Choice {
			t.Errorf("%s: %s is read as %v, want %v", src, s.Key, got.Value, s.Value)
		}
	}
}
