package sweep

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Overridden lists the settings of c that differ from their defaults, in the order of the configuration.
func Overridden(c trainer.Config) []settings.Setting {
	d := settings.Defaults[trainer.Config]{Standard: trainer.Default}
	return d.Overridden(settings.Of(&c), c)
}

// Overrides returns the settings of c that differ from their defaults, as YAML that can be pasted into a sweep file as
// its `base`. The seed is written as a comment, because a sweep file sets seeds outside `base`. Of a file, it returns
// the place, if that is known, because the sweep file may lie in another folder.
func Overrides(c trainer.Config) ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	places := map[string]string{}
	for _, f := range settings.Files(&c) {
		places[f.Key] = f.Path.Place()
	}
	for _, s := range Overridden(c) {
		if s.Key == "seed" {
			continue
		}
		if place, ok := places[s.Key]; ok {
			s.Value = place
		}
		value := new(yaml.Node)
		if err := value.Encode(s.Value); err != nil {
			return nil, fmt.Errorf("sweep: %s: %w", s.Key, err)
		}
		if value.Kind == yaml.SequenceNode {
			value.Style = yaml.FlowStyle
		}
		put(root, strings.Split(s.Key, "."), value)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# The settings of this run that differ from the defaults, as the base of a sweep. "+
		"Its seed is %d.\n", c.Seed)
	if len(root.Content) == 0 {
		out.WriteString("{}\n")
		return out.Bytes(), nil
	}
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := e.Encode(root); err != nil {
		return nil, fmt.Errorf("sweep: overrides: %w", err)
	}
	return out.Bytes(), e.Close()
}

// put sets the value at a path of keys. A slot's name is a plain value until a parameter follows it, and then moves
// under `name`.
func put(n *yaml.Node, keys []string, value *yaml.Node) {
	for _, key := range keys {
		below := document.Find(n, key)
		if below == nil {
			below = &yaml.Node{Kind: yaml.MappingNode}
			n.Content = append(n.Content, text(key), below)
		} else if below.Kind == yaml.ScalarNode {
			chosen := *below
			*below = yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text("name"), &chosen}}
		}
		n = below
	}
	*n = *value
}

func text(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
