// Package sweep reads sweep files: a base, arms that differ from it, and the points and seeds at which each arm is run.
package sweep

import (
	"errors"
	"os"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// Sweep is a sweep file, decoded and checked.
type Sweep struct {
	Name string
	File string
	// Source is the text of the file, followed by comment lines: the text of each file that it extends, and one line for
	// each --set.
	Source string
	// Base is the configuration that all arms start from.
	Base trainer.Config
	// Arms holds each arm with every point of grid, zip and random, in the order of the file.
	Arms  []*Arm
	Seeds []uint64
	// Stopping is the rule that ends runs early; nil if all runs are trained to their ends.
	Stopping *stopping.Rule

	// Runs holds a run for every seed of every arm, seed by seed, except the runs that the keys `exclude` and `only`
	// leave out.
	Runs []Run

	from    origin
	unnamed bool           // the file has no arms
	usual   map[string]any // base's values, by dotted key
}

// Run is one run of a sweep: an arm, and the arm's configuration with a seed.
type Run struct {
	Arm    *Arm
	Config trainer.Config
}

var topKeys = []string{
	"name", "extends", "base", "arms", "grid", "zip", "random", "seeds", "exclude", "only", "stopping",
}

// Load reads and checks a sweep file. Each of sets is a KEY=VALUE from the command line; it is set in every run, after
// everything in the file. An error in the file or in sets is a *settings.InputError.
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

// LoadBytes decodes a sweep; file is its path, where relative paths start and which messages name. LoadBytes resolves
// and checks each run, but does not open the data; plan.Of does that.
func LoadBytes(file string, src []byte, sets ...string) (*Sweep, error) {
	return decoded(onDisk(file), src, stored{here: folderOf("."), sets: sets})
}

// LoadEmbedded is LoadBytes for a sweep that is part of outcrop and so lies in no folder: a relative path in it is an
// error.
func LoadEmbedded(file string, src []byte, sets ...string) (*Sweep, error) {
	return decoded(origin{file: file, embedded: true}, src, stored{here: folderOf("."), sets: sets})
}

// decoded decodes a sweep with what stands around its text.
func decoded(from origin, src []byte, around stored) (*Sweep, error) {
	root, err := parse(from.file, src)
	if err != nil {
		return nil, err
	}
	sets := around.sets
	s := &Sweep{File: from.file, Source: string(src), Seeds: []uint64{0}, from: from}
	d := &decoder{origin: from, here: around.here, kept: around.files}
	parts := d.parts(root)
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
	arms := s.arms(d, root, parts["arms"], baseSet)
	axes, lists := d.axes(parts)
	if len(d.faults) == 0 {
		d.unlike(lists, arms, over)
	}
	if len(d.faults) == 0 {
		d.countRuns(parts, len(arms)*len(s.Seeds), axes)
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
	s.Source = marked(s.Source, d, around)
	return s, nil
}

// parts returns the values of the top keys, without those that are null.
func (d *decoder) parts(root *yaml.Node) map[string]*yaml.Node {
	parts := map[string]*yaml.Node{}
	pairs(root, func(name string, k, value *yaml.Node) {
		if !slices.Contains(topKeys, name) {
			d.fault(k, "", "%v", variant.Unknown("key", name, topKeys))
			return
		}
		if !document.IsNull(value) {
			parts[name] = value
		}
	})
	return parts
}

// countRuns refuses a sweep of too many runs before it makes any of them. total is the number of runs without axes.
func (d *decoder) countRuns(parts map[string]*yaml.Node, total int, axes []axis) {
	d.prefix = ""
	if total > maxRuns {
		d.fault(parts["seeds"], "seeds", "every arm with every seed makes %s, more than the %d that a sweep may have",
			count.Of(total, "run"), maxRuns)
		return
	}
	for _, a := range axes {
		if total *= len(a); total > maxRuns {
			d.fault(a[0].keys[0].at, a[0].keys[0].section, "with it the sweep has more than the %s that it may have",
				count.Of(maxRuns, "run"))
			return
		}
	}
}

// points resolves every point of every arm. over is set in base too, so that an arm does not differ from base by it.
func (s *Sweep) points(d *decoder, arms []*Arm, axes []axis, over []override) {
	if len(over) > 0 {
		ghost, others := settings.Clone(s.Base), &decoder{origin: d.origin}
		for _, o := range over {
			others.override(&ghost, o) // an arm may have a key that base lacks; faults are reported at the arms
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
			d.fault(a.node, "arms", "two runs would be named %q: rename an arm, or change a value", a.Name)
		}
		named[a.Name] = a
	}
}

// validate checks the configuration of every arm that has runs.
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

// dropEmpty drops the points that have no run.
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
		d.fault(n, "name", "wants %s, got %s", settings.NameRule, document.Describe(n))
	default:
		s.Name = n.Value
	}
}

// seeds reads a list of seeds, or a count n, which stands for 0 … n-1.
func seeds(d *decoder, n *yaml.Node) []uint64 {
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 {
		list, seen := make([]uint64, 0, len(n.Content)), make(map[uint64]bool, len(n.Content))
		for _, item := range n.Content {
			var seed uint64
			if err := document.Scalar(item, reflect.ValueOf(&seed).Elem()); err != nil {
				d.fault(item, "seeds", "%v", err)
			} else if seen[seed] {
				d.fault(item, "seeds", "seed %d appears twice", seed)
			}
			list, seen[seed] = append(list, seed), true
		}
		return list
	}
	var count int
	if err := document.Scalar(n, reflect.ValueOf(&count).Elem()); err != nil || count < 1 || count > maxRuns {
		d.fault(n, "seeds", "wants the number of seeds, from 1 to %d, or a list of seeds, got %s", maxRuns,
			document.Describe(n))
		return nil
	}
	list := make([]uint64, count)
	for i := range list {
		list[i] = uint64(i)
	}
	return list
}

// base returns the configuration that all arms start from: the defaults, then what the sweep extends, then its base.
func base(d *decoder, parts map[string]*yaml.Node) trainer.Config {
	c := trainer.Default()
	d.prefix = ""
	if n := parts["extends"]; n != nil {
		d.extend(n, &c)
	}
	if n := parts["base"]; n != nil {
		if n.Kind == yaml.MappingNode && document.Find(n, "extends") != nil {
			d.fault(document.Find(n, "extends"), "base.extends", "belongs at the top, beside base")
			return c
		}
		d.onto(&c, "base.", n)
	}
	return c
}

// onto merges onto a configuration what a map of a file extends, then the map itself. It refuses `seed`, because seeds
// belong to the sweep.
func (d *decoder) onto(c *trainer.Config, prefix string, n *yaml.Node) {
	d.prefix = prefix
	if n == nil || document.IsNull(n) {
		return
	}
	if n.Kind == yaml.MappingNode {
		if seed := document.Find(n, "seed"); seed != nil {
			d.fault(seed, "seed", "seeds belong to the whole sweep: set `seeds: [3]` at the top")
			return
		}
		if others := document.Find(n, "extends"); others != nil {
			d.extend(others, c)
			n = without(n, "extends")
		}
	}
	d.merge(n, c, d.defaults())
}
