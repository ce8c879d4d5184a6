package sweep

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"golang.org/x/sync/errgroup"

	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/variant"
)

// maxRuns bounds a sweep. A larger one is likely a typing error, and planning it would take minutes and gigabytes:
// `outcrop plan` of 77,562 draws of one key took 68 s and 4.8 GB (2 cores of an AMD EPYC, 2026-12-01, with other work).
const maxRuns = 100_000

// given is a key with one of the values that grid, zip or random give it.
type given struct {
	section string // "grid"
	key     string // of the configuration, dotted
	at      *yaml.Node
	value   *yaml.Node
}

// point holds the keys that are set together. A point of an axis holds keys of one section, a point of the sweep of
// several.
type point struct {
	keys []given
	draw string // "#3" for random's third draw, else ""
}

// axis is one dimension of the product: a key of grid, all keys of zip, or all draws of random.
type axis []point

// list is a key with the values that it takes.
type list struct {
	section string
	key     string
	at      *yaml.Node
	values  []*yaml.Node
}

// axes reads grid, zip and random. Each key of grid is an axis of its own; the first axis varies slowest.
func (d *decoder) axes(parts map[string]*yaml.Node) (axes []axis, all []list) {
	for _, l := range d.lists(parts["grid"], "grid") {
		all = append(all, l)
		var a axis
		for _, v := range l.values {
			a = append(a, point{keys: []given{{l.section, l.key, l.at, v}}})
		}
		axes = append(axes, a)
	}
	if zip := d.lists(parts["zip"], "zip"); len(zip) > 0 {
		all = append(all, zip...)
		axes = append(axes, d.zip(zip))
	}
	if random, draws := d.random(parts["random"]); len(random) > 0 {
		all = append(all, random...)
		axes = append(axes, draws)
	}
	d.once(all)
	return axes, all
}

// lists reads a map from dotted keys, or maps of keys, to lists of values.
func (d *decoder) lists(n *yaml.Node, section string) []list {
	if n == nil {
		return nil
	}
	d.prefix = section + "."
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.fault(n, "", "wants a map from keys to lists of values, such as {optim.lr: [1e-3, 1e-2]}, got %s",
			document.Describe(n))
		return nil
	}
	return d.listsBelow(n, section, "")
}

func (d *decoder) listsBelow(n *yaml.Node, section, above string) (all []list) {
	pairs(n, func(name string, k, value *yaml.Node) {
		key := settings.Join(above, name)
		switch {
		case !d.isConfigKey(k, key):
		case value.Kind == yaml.MappingNode && len(value.Content) > 0:
			all = append(all, d.listsBelow(value, section, key)...)
		case value.Kind != yaml.SequenceNode:
			d.fault(value, key, "wants a list of values, got %s: one value for all runs belongs in base",
				document.Describe(value))
		case len(value.Content) == 0:
			d.fault(value, key, "has no value")
		default:
			all = append(all, list{section, key, k, value.Content})
		}
	})
	return all
}

// isConfigKey reports whether a key may be one of a configuration. It refuses `extends`, `seed` and `seeds`, which are
// not.
func (d *decoder) isConfigKey(k *yaml.Node, key string) bool {
	switch key {
	case "extends":
		d.fault(k, key, "presets belong at the top or in arms")
	case "seed", "seeds":
		d.fault(k, key, "seeds belong to the whole sweep: set `seeds: [3]` at the top")
	default:
		return true
	}
	return false
}

// zip walks lists of equal length together.
func (d *decoder) zip(lists []list) axis {
	first := lists[0]
	a := make(axis, len(first.values))
	for _, l := range lists {
		if len(l.values) != len(first.values) {
			d.prefix = "zip."
			d.fault(l.at, l.key, "has %s, but %s in line %d has %d: lists of zip are walked together",
				count.Of(len(l.values), "value"), first.key, first.at.Line, len(first.values))
			return nil
		}
		for i, v := range l.values {
			a[i].keys = append(a[i].keys, given{l.section, l.key, l.at, v})
		}
	}
	return a
}

// once refuses a setting that two keys of grid, zip and random set.
func (d *decoder) once(all []list) {
	first := map[string]list{}
	for _, l := range all {
		for _, one := range l.leaves() {
			d.prefix = l.section + "."
			had, twice := first[one.key]
			if !twice {
				first[one.key] = l
				continue
			}
			d.fault(l.at, l.key, "%s sets %s too, at %s: leave it out of one of them",
				had.section, one.key, d.where(had.at))
			break
		}
	}
}

// leaf is the dotted key of a setting, with the node that sets it.
type leaf struct {
	key string
	at  *yaml.Node
}

// leaves lists the settings that any of the values sets, each once.
func (l list) leaves() (all []leaf) {
	for _, v := range l.values {
		for _, one := range leaves(l.key, v) {
			if !slices.ContainsFunc(all, func(had leaf) bool { return had.key == one.key }) {
				all = append(all, one)
			}
		}
	}
	return all
}

// leaves lists the settings that a node under a key sets. A slot's name has the slot's own key, even if it is given as
// `name`.
func leaves(key string, n *yaml.Node) (all []leaf) {
	if n.Kind != yaml.MappingNode {
		return []leaf{{strings.TrimSuffix(key, ".name"), n}}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		all = append(all, leaves(settings.Join(key, n.Content[i].Value), n.Content[i+1])...)
	}
	return all
}

// where returns the place of a node in the sweep file, for a message.
func (d *decoder) where(n *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", d.file, n.Line, n.Column)
}

// unlike refuses a key of grid, zip or random that an arm or the command line sets too.
func (d *decoder) unlike(all []list, arms []*Arm, over []override) {
	for _, l := range all {
		set := l.leaves()
		d.prefix = l.section + "."
		for _, arm := range arms {
			if i := slices.IndexFunc(set, func(one leaf) bool { return arm.own[one.key] != nil }); i >= 0 {
				d.fault(l.at, l.key, "arm %s sets %s too, at %s: leave it out of one of them",
					arm.Name, set[i].key, d.where(arm.own[set[i].key]))
			}
		}
		for _, o := range over {
			for _, one := range leaves(o.key, o.value) {
				if slices.ContainsFunc(set, func(had leaf) bool { return had.key == one.key }) {
					d.faults = append(d.faults, settings.Fault{File: o.place(), Message: fmt.Sprintf("%s sets it too, "+
						"at %s, and its runs would have other values in their names: remove it from the file",
						l.section, d.where(l.at))})
					break
				}
			}
		}
	}
}

// product adds every point of an arm to Arms, in the order of the file: the last axis varies fastest. Without axes the
// arm is its own only point. over is set last.
func (s *Sweep) product(d *decoder, arm *Arm, axes []axis, over []override) {
	total := 1
	for _, a := range axes {
		total *= len(a)
	}
	d.defaults() // made once, before the copies of d
	made := make([]pointed, total)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i := range total {
		group.Go(func() error {
			made[i] = s.pointed(*d, arm, axes, i, over)
			return nil
		})
	}
	_ = group.Wait()                      // no error is ever returned
	seen := make(map[string]point, total) // by the configuration's fingerprint
	for _, m := range made {
		if len(m.faults) > 0 {
			d.faults = append(d.faults, m.faults...)
			continue
		}
		if len(axes) > 0 {
			if twin, twice := seen[m.fingerprint]; twice && m.draw == "" {
				d.twin(m.point, twin)
				continue
			}
			seen[m.fingerprint] = m.point
		}
		s.Arms = append(s.Arms, m.arm)
	}
}

// pointed is an arm at a point of its axes, or the point's faults.
type pointed struct {
	point
	arm         *Arm
	fingerprint string
	faults      []settings.Fault
}

// pointed resolves point number i of an arm. It changes nothing that the other points read.
func (s *Sweep) pointed(d decoder, arm *Arm, axes []axis, i int, over []override) (m pointed) {
	for j := len(axes) - 1; j >= 0; j-- {
		at := axes[j][i%len(axes[j])]
		i /= len(axes[j])
		m.keys = append(slices.Clone(at.keys), m.keys...)
		if at.draw != "" {
			m.draw = at.draw
		}
	}
	a := &Arm{Name: m.name(arm.Name, s.unnamed), Of: arm.Name, Config: settings.Clone(arm.Config), node: arm.node,
		above: arm.set}
	d.faults = nil
	if len(m.keys)+len(over) > 0 {
		d.point(a, m.point, over)
	}
	if n := len(a.Name); n > settings.LongestArm {
		longest := slices.MaxFunc(m.keys, func(a, b given) int { return len(written(a.value)) - len(written(b.value)) })
		d.prefix = longest.section + "."
		d.fault(longest.value, longest.key, "makes an arm's name of %s, %s, but it may have %d: write less",
			count.Of(n, "character"), variant.Brief(a.Name), settings.LongestArm)
	}
	if m.faults = d.faults; len(m.faults) > 0 {
		return m
	}
	list := settings.Of(&a.Config)
	if len(axes) > 0 {
		m.fingerprint = settings.Fingerprint(list)
	}
	a.Differs, a.Settings, m.arm = settings.Diff(s.usual, list), list, a
	return m
}

// point sets a point's keys, then those of the command line. A slot's name comes before its parameters, in whatever
// order the file has them, so that the order of keys changes no run.
func (d *decoder) point(a *Arm, p point, over []override) {
	a.set = make(map[string]place, len(p.keys))
	d.set = a.set
	keys := slices.Clone(p.keys)
	depth := func(g given) int { return strings.Count(g.key, ".") }
	slices.SortStableFunc(keys, func(a, b given) int { return depth(a) - depth(b) })
	for _, k := range keys {
		d.prefix = k.section + "."
		d.assign(&a.Config, k.key, k.at, k.value)
	}
	for _, o := range over {
		d.override(&a.Config, o)
	}
}

// twin refuses a point that gives the same configuration as an earlier one, at the first value that is written
// differently.
func (d *decoder) twin(p, first point) {
	for i, k := range p.keys {
		if had := first.keys[i]; had.value != k.value {
			d.prefix = k.section + "."
			d.fault(k.value, k.key, "%s gives the same configuration as %s in line %d",
				asWritten(k.value), asWritten(had.value), had.value.Line)
			return
		}
	}
}

// name returns an arm's name with the point's values: "gated optim.lr=0.01", or "gated #3 optim.lr=0.0123" for a draw.
// The name holds only characters that fit in a legend and in a file's name.
func (p point) name(arm string, unnamed bool) string {
	var words []string
	if !unnamed || len(p.keys) == 0 {
		words = append(words, arm)
	}
	for _, k := range p.keys {
		if k.section == "random" && p.draw != "" && !slices.Contains(words, p.draw) {
			words = append(words, p.draw)
		}
		words = append(words, k.key+"="+unfit.ReplaceAllString(written(k.value), "_"))
	}
	return strings.Join(words, " ")
}

var unfit = regexp.MustCompile(`[^A-Za-z0-9._+,=-]+`)

// written returns a value as it appears in a name: a number in its shortest form, a slot as its name and its
// parameters.
func written(n *yaml.Node) string {
	switch {
	case document.IsNull(n):
		return "default"
	case n.Kind == yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, item := range n.Content {
			parts[i] = written(item)
		}
		return strings.Join(parts, "+")
	case n.Kind == yaml.MappingNode:
		var parts []string
		if name := document.Find(n, "name"); name != nil {
			parts = append(parts, written(name))
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if key := n.Content[i].Value; key != "name" {
				parts = append(parts, key+"="+written(n.Content[i+1]))
			}
		}
		return strings.Join(parts, ",")
	}
	return document.Shortest(n)
}

// asWritten returns a value as it stands in the file, if it is a single one, and as in a name otherwise.
func asWritten(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		return n.Value
	}
	return written(n)
}
