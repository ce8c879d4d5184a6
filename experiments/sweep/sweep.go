// Package sweep reads sweep files: a base, arms that differ from it, and the points and seeds at which each arm is run.
package sweep

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// Sweep is a sweep file, decoded and checked.
type Sweep struct {
	Name string
	File string
	// Source is the text of the file, with a comment line for the folder of the files that it extends and one for each --set.
	Source string
	// Base is the configuration that all arms start from.
	Base trainer.Config
	// Arms are in the order of the file: each arm with every point of grid, zip and random.
	Arms  []*Arm
	Seeds []uint64
	// Stopping ends runs early; nil where all are trained to their end.
	Stopping *stopping.Rule

	// Runs are all seeds of all arms, seed by seed, less what exclude and only leave out.
	Runs []Run

	unnamed bool // the file has no arms
	usual   map[string]any
}

// Arm is one line of comparison: base, and what the arm and its point say differently.
type Arm struct {
	Name string // "gated", and of a point "gated optim.lr=0.01"
	// Of is the file's arm that this is a point of; Name where there are no points.
	Of     string
	Config trainer.Config
	// Differs lists the keys that differ from base, resolved, in the order of the configuration.
	Differs []settings.Setting

	// Settings are those of Config.
	Settings []settings.Setting

	node *yaml.Node
	// set is where each key was set last; above tells the rest where an arm is a point of another.
	set, above map[string]place
	own        map[string]*yaml.Node // the settings that the file's arm itself says
}

// Run is one run of a sweep: an arm, and its configuration with a seed.
type Run struct {
	Arm    *Arm
	Config trainer.Config
}

var topKeys = []string{"name", "extends", "base", "arms", "grid", "zip", "random", "seeds", "exclude", "only", "stopping"}

// Load reads and checks a sweep file. sets are KEY=VALUE of the command line: each is set in every run, after all that the
// file says. An error in either is an *InputError.
func Load(path string, sets ...string) (*Sweep, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		message := err.Error()
		if at := new(os.PathError); errors.As(err, &at) {
			message = "reading the sweep: " + at.Err.Error()
		}
		return nil, settings.Refuse(settings.Fault{File: path, Message: message})
	}
	return LoadBytes(path, src, sets...)
}

// What the database keeps of a sweep ends with these: where the files lie that it extends, if it does, and each --set.
const (
	folderMark = "# in "
	setMark    = "# --set "
)

// LoadStored decodes a sweep from the text that the database keeps.
func LoadStored(name, source string) (*Sweep, error) {
	file := name + ".yaml"
	var sets []string
	for {
		text := strings.TrimSuffix(source, "\n")
		at := strings.LastIndexByte(text, '\n') + 1
		if set, ok := strings.CutPrefix(text[at:], setMark); ok {
			sets = append([]string{set}, sets...)
		} else if folder, ok := strings.CutPrefix(text[at:], folderMark); ok {
			return LoadBytes(filepath.Join(folder, file), []byte(text[:at]), sets...)
		} else {
			return LoadBytes(file, []byte(source), sets...)
		}
		source = text[:at]
	}
}

// LoadBytes decodes a sweep; file is its name in messages. Each run is resolved and checked, but no data is opened: Plan
// does that.
func LoadBytes(file string, src []byte, sets ...string) (*Sweep, error) {
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
	over, faults := overrides(sets, parts)
	d.faults = append(d.faults, faults...)
	s.name(d, root, parts["name"])
	if n := parts["seeds"]; n != nil {
		s.Seeds = seeds(d, n)
	}
	if n := parts["stopping"]; n != nil {
		s.Stopping = d.rule(n)
	}
	baseSet := map[string]place{}
	d.set = baseSet
	s.Base = base(d, parts)
	if len(d.faults) > 0 {
		return nil, settings.Refuse(d.faults...) // faults of the arms would only follow from these
	}
	var arms []*Arm
	if n := parts["arms"]; n == nil {
		s.unnamed = true
		arms = append(arms, s.arm(d, "baseline", root, nil, baseSet))
	} else if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.prefix = ""
		d.fault(n, "arms", "wants a map from an arm's name to what it changes, got %s", describe(n))
	} else {
		d.prefix = ""
		d.pairs(n, "arms", func(name string, k, value *yaml.Node) { arms = append(arms, s.arm(d, name, k, value, baseSet)) })
	}
	axes, lists := d.axes(parts)
	if len(d.faults) == 0 {
		d.unlike(lists, arms, over)
	}
	if len(d.faults) == 0 {
		s.points(d, arms, axes, over)
	}
	d.prefix, d.set = "", nil
	if len(d.faults) == 0 {
		s.expand(d, parts["exclude"], parts["only"])
	}
	if len(d.faults) == 0 {
		d.faults = s.validate()
	}
	if len(d.faults) > 0 {
		return nil, settings.Refuse(d.faults...)
	}
	if len(axes) > 0 {
		s.dropEmpty()
	}
	if d.beside {
		folder, err := filepath.Abs(filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("sweep: %w", err)
		}
		s.Source = strings.TrimSuffix(s.Source, "\n") + "\n" + folderMark + folder + "\n"
	}
	for _, text := range sets {
		s.Source = strings.TrimSuffix(s.Source, "\n") + "\n" + setMark + text + "\n"
	}
	return s, nil
}

// points makes the runs' configurations: every point of every arm, which differ from base as it is under over.
func (s *Sweep) points(d *decoder, arms []*Arm, axes []axis, over []override) {
	total := len(arms) * len(s.Seeds)
	for _, a := range axes {
		if total *= len(a); total > maxRuns {
			d.prefix = ""
			d.fault(a[0].keys[0].at, a[0].keys[0].section, "the sweep comes to more than %d runs", maxRuns)
			return
		}
	}
	if len(over) > 0 {
		ghost, others := settings.Clone(s.Base), &decoder{origin: d.origin}
		for _, o := range over {
			others.override(&ghost, o) // what base does not have, an arm may; the arms tell the faults
		}
		if len(others.faults) == 0 {
			s.Base = ghost
		}
	}
	s.usual = map[string]any{}
	for _, setting := range settings.Of(&s.Base) {
		s.usual[setting.Key] = setting.Value
	}
	for _, arm := range arms {
		s.product(d, arm, axes, over)
	}
	named := map[string]*Arm{}
	for _, a := range s.Arms {
		if twin := named[a.Name]; twin != nil && len(d.faults) == 0 {
			d.prefix = ""
			d.fault(a.node, "arms", "two runs would bear the name %q: an arm or a value needs another", a.Name)
		}
		named[a.Name] = a
	}
}

// validate checks the configuration of every arm that has a run.
func (s *Sweep) validate() (faults []settings.Fault) {
	var last *Arm
	checked := make(map[*Arm]bool, len(s.Arms))
	for _, r := range s.Runs {
		if r.Arm == last || checked[r.Arm] {
			continue
		}
		last, checked[r.Arm] = r.Arm, true
		if err := r.Arm.Config.Validate(); err != nil {
			faults = append(faults, r.Arm.Locate(s.File, err))
		}
	}
	return faults
}

// dropEmpty leaves out the points without a run.
func (s *Sweep) dropEmpty() {
	has := make(map[*Arm]bool, len(s.Arms))
	for _, r := range s.Runs {
		has[r.Arm] = true
	}
	s.Arms = slices.DeleteFunc(s.Arms, func(a *Arm) bool { return !has[a] })
}

func (s *Sweep) name(d *decoder, root, n *yaml.Node) {
	switch {
	case n == nil:
		d.fault(root, "name", "is missing: a sweep needs a name")
	case n.Kind != yaml.ScalarNode || !settings.IsName(n.Value):
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
	d.merge(n, c, d.defaults())
}

// arm resolves one arm. n is nil or null for an arm that changes nothing.
func (s *Sweep) arm(d *decoder, name string, k, n *yaml.Node, baseSet map[string]place) *Arm {
	a := &Arm{Name: name, Of: name, node: k, set: map[string]place{}, own: map[string]*yaml.Node{}, Config: settings.Clone(s.Base)}
	d.prefix = ""
	if !settings.IsName(name) {
		d.fault(k, "arms", "an arm's name wants letters, digits, dots, dashes and underscores, got %q", name)
		return a
	}
	if n != nil && n.Kind != yaml.MappingNode && !isNull(n) {
		d.fault(n, "arms."+name, "wants a map, got %s", describe(n))
		return a
	}
	d.set = a.set
	d.onto(&a.Config, "arms."+name+".", n)
	for key, at := range baseSet {
		if _, own := a.set[key]; !own {
			a.set[key] = at
		}
	}
	if n != nil && n.Kind == yaml.MappingNode {
		for _, leaf := range leaves("", without(n, "extends")) {
			a.own[leaf.key] = leaf.at
		}
	}
	return a
}

// Locate turns a fault of a resolved configuration into one at the node that set its key: the arm's, else base's, else that
// of the nearest key around it, else the arm's name.
func (a *Arm) Locate(file string, err error) settings.Fault {
	at := new(variant.Error)
	if !errors.As(err, &at) {
		return settings.Fault{File: file, Line: a.node.Line, Column: a.node.Column, Key: "arms." + a.Of, Message: err.Error()}
	}
	for key := at.Key; key != ""; key = parent(key) {
		where, ok := a.set[key]
		if !ok {
			where, ok = a.above[key]
		}
		if !ok {
			continue
		}
		f := settings.Fault{File: where.file, Line: where.node.Line, Column: where.node.Column, Key: where.key, Message: at.Message, Extended: where.via}
		if name := key+".name" == at.Key && where.node.Kind == yaml.ScalarNode; key != at.Key && !name { // a slot said by its name alone
			f.Key, f.Message = "arms."+a.Of, at.Key+" "+at.Message
		}
		return f
	}
	f := settings.Fault{File: file, Line: a.node.Line, Column: a.node.Column, Key: "arms." + a.Of, Message: at.Key + " " + at.Message}
	if a.Name != a.Of { // no line says the key: which point it is tells why
		f.Message += ", in " + a.Name
	}
	return f
}

func parent(key string) string {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' {
			return key[:i]
		}
	}
	return ""
}
