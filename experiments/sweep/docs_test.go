package sweep

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/trainer"
)

// documented is the sweep file of docs/cli.md.
func documented(t *testing.T) []byte {
	t.Helper()
	page, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(page), "```yaml\n")
	block, _, closed := strings.Cut(block, "```\n")
	if !found || !closed {
		t.Fatal("docs/cli.md has no YAML block")
	}
	return []byte(block)
}

// The reference shows every key and every variant, and its base equals the defaults.
func TestReferenceShowsEveryKey(t *testing.T) {
	src := documented(t)
	s, err := LoadBytes("cli.md", src)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(settings.Of(&s.Base), settings.Of(defaults())) {
		t.Errorf("the base differs from the defaults in %v",
			settings.Diff(settingsOf(trainer.Default()), settings.Of(&s.Base)))
	}
	root, err := parse("cli.md", src)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	mentioned(shown, document.Find(root, "base"), "")
	arms := document.Find(root, "arms")
	for i := 1; i < len(arms.Content); i += 2 {
		mentioned(shown, arms.Content[i], "")
	}
	c := trainer.Default()
	for _, key := range everyKey(reflect.ValueOf(&c).Elem(), "") {
		if key != "seed" && !shown[key] {
			t.Errorf("docs/cli.md does not show %s", key)
		}
	}
	for _, key := range topKeys {
		if document.Find(root, key) == nil && key != "only" {
			t.Errorf("docs/cli.md does not show %s", key)
		}
	}
}

// mentioned notes the dotted keys of a map, and "key: name" for a name, because it may choose a variant.
func mentioned(shown map[string]bool, n *yaml.Node, key string) {
	shown[key] = true
	switch n.Kind {
	case yaml.ScalarNode:
		shown[key+": "+n.Value] = true
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if name == "name" {
				shown[key+": "+n.Content[i+1].Value] = true
				continue
			}
			mentioned(shown, n.Content[i+1], settings.Join(key, name))
		}
	}
}

// everyKey lists the keys of a configuration under every choice of its slots, and each choice as "key: name".
func everyKey(v reflect.Value, key string) []string {
	if settings.IsValue(v) {
		return []string{key}
	}
	var keys []string
	names := []string{""}
	if settings.IsSlot(v) {
		names = settings.Slot(v).Names()
	}
	for _, name := range names {
		if name != "" {
			if err := settings.Slot(v).Choose(name); err != nil {
				panic(err) // it is one of Names
			}
			keys = append(keys, key+": "+name)
		}
		for _, f := range settings.Fields(v) {
			keys = append(keys, everyKey(f.Value, settings.Join(key, f.Name))...)
		}
	}
	return keys
}
