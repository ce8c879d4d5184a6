package experiments

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// Sweep is a sweep file, decoded and checked.
type Sweep struct {
	Name string
	File string
	// Source is the text of the file.
	Source string
	// Base is the configuration that all arms start from.
	Base  trainer.Config
	Arms  []Arm // in the order of the file
	Seeds []uint64

	runs []run // seed by seed, in each the arms in order, less what exclude and only leave out
}

// Arm is one line of comparison: base, and what the arm says differently.
type Arm struct {
	Name   string
	Config trainer.Config
	// Differs lists the keys that differ from base, resolved, in the order of the configuration.
	Differs []Setting

	node *yaml.Node
	set  map[string]place
}

type run struct {
	arm    *Arm
	config trainer.Config
}

var (
	topKeys  = []string{"name", "extends", "base", "arms", "seeds", "exclude", "only"}
	safeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

// Load reads and checks a sweep file. An error in it is an *InputError.
func Load(path string) (*Sweep, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		message := err.Error()
		if at := new(os.PathError); errors.As(err, &at) {
			message = "reading the sweep: " + at.Err.Error()
		}
		return nil, inputError([]Fault{{File: path, Message: message}})
	}
	return LoadBytes(path, src)
}

// LoadBytes decodes a sweep; file is its name in messages. Each arm is resolved and checked, but no data is opened:
// Plan does that.
func LoadBytes(file string, src []byte) (*Sweep, error) {
	root, err := parse(file, src)
	if err != nil {
		return nil, err
	}
	s := &Sweep{File: file, Source: string(src), Seeds: []uint64{0}}
	d := &decoder{origin: origin{file: file}}
	parts := map[string]*yaml.Node{}
	d.pairs(root, "", func(name string, k, value *yaml.Node) {
		if !slices.Contains(topKeys, name) {
			d.fault(k, "", "%v", variant.Unknown("key", name, topKeys))
			return
		}
		if !isNull(value) {
			parts[name] = value
		}
	})
	s.name(d, root, parts["name"])
	if n := parts["seeds"]; n != nil {
		s.Seeds = seeds(d, n)
	}
	baseSet := map[string]place{}
	d.set = baseSet
	s.Base = base(d, parts)
	if len(d.faults) > 0 {
		return nil, inputError(d.faults) // faults of the arms would only follow from these
	}
	if n := parts["arms"]; n == nil {
		s.arm(d, "baseline", root, nil, parts, baseSet)
	} else if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.prefix = ""
		d.fault(n, "arms", "wants a map from an arm's name to what it changes, got %s", describe(n))
	} else {
		d.prefix = ""
		d.pairs(n, "arms", func(name string, k, value *yaml.Node) { s.arm(d, name, k, value, parts, baseSet) })
	}
	d.prefix, d.set = "", nil
	if len(d.faults) == 0 {
		s.expand(d, parts["exclude"], parts["only"])
	}
	if len(d.faults) > 0 {
		return nil, inputError(d.faults)
	}
	return s, nil
}

func (s *Sweep) name(d *decoder, root, n *yaml.Node) {
	switch {
	case n == nil:
		d.fault(root, "name", "is missing: a sweep needs a name")
	case n.Kind != yaml.ScalarNode || !safeName.MatchString(n.Value):
		d.fault(n, "name", "wants letters, digits, dots, dashes and underscores, got %s", describe(n))
	default:
		s.Name = n.Value
	}
}

// seeds reads a count, which means 0 … n-1, or a list.
func seeds(d *decoder, n *yaml.Node) []uint64 {
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		list := make([]uint64, 0, len(n.Content))
		for _, item := range n.Content {
			var seed uint64
			if err := scalar(item, reflect.ValueOf(&seed).Elem()); err != nil {
				d.fault(item, "seeds", "%v", err)
			} else if slices.Contains(list, seed) {
				d.fault(item, "seeds", "seed %d comes twice", seed)
			}
			list = append(list, seed)
		}
		return list
	}
	var count int
	if err := scalar(n, reflect.ValueOf(&count).Elem()); err != nil || count < 1 || count > 1<<20 {
		d.fault(n, "seeds", "wants how many seeds, at least 1, or a list of seeds, got %s", describe(n))
		return nil
	}
	list := make([]uint64, count)
	for i := range list {
		list[i] = uint64(i)
	}
	return list
}

// base is the configuration that all arms start from: the defaults, then what the sweep extends, then its base.
func base(d *decoder, parts map[string]*yaml.Node) trainer.Config {
	c := trainer.Default()
	d.prefix = ""
	if n := parts["extends"]; n != nil {
		d.extend(n, &c)
	}
	if n := parts["base"]; n != nil {
		if n.Kind == yaml.MappingNode && find(n, "extends") != nil {
			d.fault(find(n, "extends"), "base.extends", "what the base extends stands at the top, beside base")
			return c
		}
		d.onto(&c, "base.", n)
	}
	return c
}

// onto merges a map of a file onto a configuration, after what the map extends. Seeds are the sweep's, so `seed` is refused
// here.
func (d *decoder) onto(c *trainer.Config, prefix string, n *yaml.Node) {
	d.prefix = prefix
	if n == nil || isNull(n) {
		return
	}
	if n.Kind == yaml.MappingNode {
		if seed := find(n, "seed"); seed != nil {
			d.fault(seed, "seed", "seeds belong to the whole sweep: say `seeds: [3]` at the top")
			return
		}
		if others := find(n, "extends"); others != nil {
			d.extend(others, c)
			n = without(n, "extends")
		}
	}
	standard := trainer.Default()
	d.merge(n, c, &standard)
}

// arm resolves and checks one arm. n is nil or null for an arm that changes nothing.
func (s *Sweep) arm(d *decoder, name string, k, n *yaml.Node, parts map[string]*yaml.Node, baseSet map[string]place) {
	d.prefix = ""
	if !safeName.MatchString(name) {
		d.fault(k, "arms", "an arm's name wants letters, digits, dots, dashes and underscores, got %q", name)
		return
	}
	if n != nil && n.Kind != yaml.MappingNode && !isNull(n) {
		d.fault(n, "arms."+name, "wants a map, got %s", describe(n))
		return
	}
	before := len(d.faults)
	a := &Arm{Name: name, node: k, set: map[string]place{}}
	d.set = map[string]place{} // base was read without a fault, once
	a.Config = base(d, parts)
	d.set = a.set
	d.onto(&a.Config, "arms."+name+".", n)
	for key, at := range baseSet {
		if _, own := a.set[key]; !own {
			a.set[key] = at
		}
	}
	if len(d.faults) > before {
		return
	}
	if err := a.Config.Validate(); err != nil {
		d.faults = append(d.faults, a.locate(s.File, err))
		return
	}
	a.Differs = differs(s.Base, a.Config)
	s.Arms = append(s.Arms, *a)
}

// locate turns a fault of a resolved configuration into one at the node that set its key: the arm's, else base's, else that
// of the nearest key around it, else the arm's name.
func (a *Arm) locate(file string, err error) Fault {
	at := new(variant.Error)
	if !errors.As(err, &at) {
		return Fault{File: file, Line: a.node.Line, Column: a.node.Column, Key: "arms." + a.Name, Message: err.Error()}
	}
	for key := at.Key; key != ""; key = parent(key) {
		where, ok := a.set[key]
		if !ok {
			continue
		}
		f := Fault{File: where.file, Line: where.node.Line, Column: where.node.Column, Key: where.key, Message: at.Message, Extended: where.via}
		if name := key+".name" == at.Key && where.node.Kind == yaml.ScalarNode; key != at.Key && !name { // a slot said by its name alone
			f.Key, f.Message = "arms."+a.Name, at.Key+" "+at.Message
		}
		return f
	}
	return Fault{File: file, Line: a.node.Line, Column: a.node.Column, Key: "arms." + a.Name, Message: at.Key + " " + at.Message}
}

func parent(key string) string {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' {
			return key[:i]
		}
	}
	return ""
}

// differs lists the settings of c that base lacks or has otherwise.
func differs(base, c trainer.Config) []Setting {
	had := map[string]any{}
	for _, s := range Settings(base) {
		had[s.Key] = s.Value
	}
	var out []Setting
	for _, s := range Settings(c) {
		if v, ok := had[s.Key]; !ok || !reflect.DeepEqual(v, s.Value) {
			out = append(out, s)
		}
	}
	return out
}
