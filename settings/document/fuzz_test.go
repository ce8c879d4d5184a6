package document

import (
	"errors"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
)

// Whatever a file holds, it is either refused with a place, or it is a map whose keys are distinct words and whose
// values are maps, lists and scalars.
func FuzzRead(f *testing.F) {
	for _, src := range []string{"a: 1\nb: {c: [x, 'y']}\n", "a: &x 1\nb: *x\n", "a:\n\tb: 1\n", "a: 1\n---\nb: 2\n",
		"a: \x00\n", "\xff\xfe", "? [a]\n: !x |\n  y\n", "{<<: {a: 1}, a: 2, a: 3}", "a: @\n", "%YAML 1.2\n---\na: 1\n"} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		root, err := Read("f", src)
		if err != nil {
			at := new(settings.InputError)
			if !errors.As(err, &at) {
				t.Fatalf("%T %v", err, err)
			}
			for _, fault := range at.Faults {
				if fault.File != "f" || fault.Message == "" || fault.Line > 0 && fault.Column < 1 {
					t.Fatalf("a fault without its place: %+v", fault)
				}
			}
			return
		}
		if root != nil {
			sound(t, root)
		}
	})
}

func sound(t *testing.T, n *yaml.Node) {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		seen := map[string]bool{}
		for i := 0; i < len(n.Content); i += 2 {
			k := n.Content[i]
			if k.Kind != yaml.ScalarNode || seen[k.Value] {
				t.Fatalf("the key %q at %d:%d", k.Value, k.Line, k.Column)
			}
			seen[k.Value] = true
			sound(t, n.Content[i+1])
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			sound(t, item)
		}
	case yaml.ScalarNode:
	default:
		t.Fatalf("a node of kind %d at %d:%d", n.Kind, n.Line, n.Column)
	}
}
