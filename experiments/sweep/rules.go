package sweep

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/variant"
)

// expand makes the runs: all seeds of all arms, except those that match a map of exclude and, if only is given, those
// that match none of its maps.
func (s *Sweep) expand(d *decoder, exclude, only *yaml.Node) {
	for _, seed := range s.Seeds {
		for _, a := range s.Arms {
			c := a.Config
			c.Seed = seed
			s.Runs = append(s.Runs, Run{a, c})
		}
	}
	all := s.Runs
	if only != nil {
		hit := d.rules(only, "only", all)
		s.Runs = nil
		for i, r := range all {
			if hit[i] {
				s.Runs = append(s.Runs, r)
			}
		}
	}
	if exclude != nil {
		hit := d.rules(exclude, "exclude", s.Runs)
		var left []Run
		for i, r := range s.Runs {
			if !hit[i] {
				left = append(left, r)
			}
		}
		if s.Runs = left; len(left) == 0 && len(d.faults) == 0 {
			d.fault(exclude, "exclude", "leaves no run")
		}
	}
}

// rules reports for each run whether it matches one of a list of maps. A key that no run has and a map that no run
// matches are faults, because they must be misspelt. `arm` is the name of one of the file's arms, with all its points,
// or the full name of one point.
func (d *decoder) rules(n *yaml.Node, key string, runs []Run) []bool {
	hit := make([]bool, len(runs))
	if n.Kind != yaml.SequenceNode {
		d.fault(n, key, "wants a list of maps such as {arm: gated, optim.lr: 1e-2}, got %s", document.Describe(n))
		return hit
	}
	m := newMatcher(runs)
	for _, rule := range n.Content {
		if rule.Kind != yaml.MappingNode || len(rule.Content) == 0 {
			d.fault(rule, key, "wants a map such as {arm: gated, optim.lr: 1e-2}, got %s", document.Describe(rule))
			continue
		}
		before := len(d.faults)
		match := m.match(d, rule, key)
		if len(d.faults) == before && !slices.Contains(match, true) {
			d.fault(rule, key, "matches no run")
		}
		for i := range hit {
			hit[i] = hit[i] || match[i]
		}
	}
	return hit
}

// matcher holds the runs that maps are matched with.
type matcher struct {
	runs  []Run
	known map[string]bool                      // the keys of any run, and "arm"
	had   map[*Arm]map[string]settings.Setting // by key; the seed is that of one of the arm's runs
}

func newMatcher(runs []Run) matcher {
	m := matcher{runs: runs, known: map[string]bool{"arm": true},
		had: make(map[*Arm]map[string]settings.Setting, len(runs))}
	for _, r := range runs {
		if m.had[r.Arm] != nil {
			continue
		}
		list := settings.Of(&r.Config)
		flat := make(map[string]settings.Setting, len(list)+1)
		for _, s := range list {
			flat[s.Key], m.known[s.Key] = s, true
		}
		flat["arm"] = settings.Setting{Value: r.Arm.Name, Aliases: []string{r.Arm.Of}}
		m.had[r.Arm] = flat
	}
	return m
}

// match reports for each run whether it has all the values of a map.
func (m matcher) match(d *decoder, rule *yaml.Node, key string) []bool {
	match := slices.Repeat([]bool{true}, len(m.runs))
	pairs(rule, func(name string, k, value *yaml.Node) {
		if !m.known[name] {
			message := fmt.Sprintf("no run has a key %q", name)
			if near, ok := variant.Nearest(name, slices.Sorted(maps.Keys(m.known))); ok {
				message += fmt.Sprintf(", did you mean %q?", near)
			}
			d.fault(k, key, "%s", message)
			return
		}
		if value.Kind == yaml.MappingNode {
			d.fault(value, key, "wants a value of %s, got a map: write each of its keys dotted, such as optim.lr", name)
			return
		}
		equal := map[*Arm]bool{} // whether all runs of an arm match; a seed is compared run by run
		for i, r := range m.runs {
			is, known := equal[r.Arm]
			if name == "seed" {
				is = equals(value, settings.Setting{Value: r.Config.Seed})
			} else if !known {
				s, ok := m.had[r.Arm][name]
				is = ok && equals(value, s)
				equal[r.Arm] = is
			}
			match[i] = match[i] && is
		}
	})
	return match
}

// equals reports whether a node, read as the setting's type, is the setting's value or another name of it.
func equals(n *yaml.Node, s settings.Setting) bool {
	if list, ok := s.Value.([]any); ok {
		if n.Kind != yaml.SequenceNode || len(n.Content) != len(list) {
			return false
		}
		for i, item := range n.Content {
			if !equals(item, settings.Setting{Value: list[i]}) {
				return false
			}
		}
		return true
	}
	got := reflect.New(reflect.TypeOf(s.Value)).Elem()
	if document.Scalar(n, got) != nil {
		return false
	}
	return got.Interface() == s.Value || s.Aliases != nil && slices.Contains(s.Aliases, got.String())
}
