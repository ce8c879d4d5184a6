package sweep

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/trainer"
)

// override is one `--set KEY=VALUE` of the command line.
type override struct {
	key   string
	value *yaml.Node
}

func (o override) place() string { return "--set " + o.key }

// overrides reads the KEY=VALUE of the command line: YAML values under dotted keys of a configuration. It puts the
// values of `seeds` and `name` into parts. The nodes have no line.
func overrides(sets []string, parts map[string]*yaml.Node) (over []override, faults []settings.Fault) {
	seen := map[string]bool{}
	for _, text := range sets {
		key, value, found := strings.Cut(text, "=")
		o := override{key: strings.TrimSpace(key)}
		bad := func(format string, args ...any) {
			at := strings.TrimSpace(o.place())
			faults = append(faults, settings.Fault{File: at, Message: fmt.Sprintf(format, args...)})
		}
		if strings.ContainsAny(text, "\r\n") {
			bad("wants one line")
			continue
		}
		if !found || o.key == "" || strings.TrimSpace(value) == "" {
			bad("wants KEY=VALUE, such as optim.lr=3e-4; KEY=null restores a default")
			continue
		}
		if seen[o.key] {
			bad("appears twice")
			continue
		}
		seen[o.key] = true
		var err error
		if o.value, err = document.Value(value); err != nil {
			bad("%q is not a YAML value: %v", value, err)
			continue
		}
		unplaced(o.value)
		switch first, _, _ := strings.Cut(o.key, "."); first {
		case "name", "seeds":
			parts[o.key] = o.value
		case "extends", "base", "arms", "grid", "zip", "random", "exclude", "only", "stopping":
			bad("belongs in the file: --set takes a key of the configuration, such as optim.lr, or name or seeds")
		case "seed":
			bad("seeds belong to the whole sweep: use `--set seeds=[3]`")
		default:
			over = append(over, o)
		}
	}
	return over, faults
}

// unplaced removes line and column from a node and all below it.
func unplaced(n *yaml.Node) {
	n.Line, n.Column = 0, 0
	for _, below := range n.Content {
		unplaced(below)
	}
}

// override sets a value of the command line. Messages give `--set KEY` as its place.
func (d *decoder) override(c *trainer.Config, o override) {
	outer, before := d.origin, len(d.faults)
	d.origin, d.prefix = origin{file: o.place(), folder: d.here}, ""
	d.assign(c, o.key, o.value, o.value)
	d.origin = outer
	for i := range d.faults[before:] {
		f := &d.faults[before+i]
		f.Key = below(o.key, f.Key)
	}
	for key, at := range d.set {
		if at.file == o.place() {
			at.key = below(o.key, key)
			d.set[key] = at
		}
	}
}

// below returns the rest of the dotted key full after key; "" if full does not lie below key.
func below(key, full string) string {
	rest, ok := strings.CutPrefix(full, key+".")
	if !ok {
		return ""
	}
	return rest
}
