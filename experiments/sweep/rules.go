package sweep

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/variant"
)

// expand makes the runs: all seeds of all arms, less what matches a map of exclude, and where only is given less what matches
// none of its maps.
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

// rules tells of each run whether it matches one of a list of maps. A key that no run has, and a map that no run matches, are
// faults: they are misspelt. `arm` is the file's arm, with all its points, or the full name of one.
func (d *decoder) rules(n *yaml.Node, key string, runs []Run) []bool {
	hit := make([]bool, len(runs))
	if n.Kind != yaml.SequenceNode {
		d.fault(n, key, "wants a list of maps such as {arm: gated, optim.lr: 1e-2}, got %s", describe(n))
		return hit
	}
	known := map[string]bool{"arm": true}
	had := make(map[*Arm]map[string]settings.Setting, len(runs)) // by key, less the seed
	for _, r := range runs {
		if had[r.Arm] != nil {
			continue
		}
		list := settings.Of(&r.Config)
		flat := make(map[string]settings.Setting, len(list)+1)
		for _, s := range list {
			flat[s.Key], known[s.Key] = s, true
		}
		flat["arm"] = settings.Setting{Value: r.Arm.Name, Aliases: []string{r.Arm.Of}}
		had[r.Arm] = flat
	}
	for _, rule := range n.Content {
		if rule.Kind != yaml.MappingNode || len(rule.Content) == 0 {
			d.fault(rule, key, "wants a map such as {arm: gated, optim.lr: 1e-2}, got %s", describe(rule))
			continue
		}
		match := slices.Repeat([]bool{true}, len(runs))
		before := len(d.faults)
		d.pairs(rule, key, func(name string, k, value *yaml.Node) {
			if !known[name] {
				message := fmt.Sprintf("no run has a key %q", name)
				if near, ok := variant.Nearest(name, slices.Sorted(maps.Keys(known))); ok {
					message += fmt.Sprintf(", did you mean %q?", near)
				}
				d.fault(k, key, "%s", message)
				return
			}
			if value.Kind == yaml.MappingNode {
				d.fault(value, key, "wants a value of %s, got a map: say each key of it dotted, as optim.lr", name)
				return
			}
			equal := map[*Arm]bool{} // whether an arm's runs match; of the seed each by itself
			for i, r := range runs {
				is, told := equal[r.Arm]
				if name == "seed" {
					is = equals(value, settings.Setting{Value: r.Config.Seed})
				} else if !told {
					s, ok := had[r.Arm][name]
					is = ok && equals(value, s)
					equal[r.Arm] = is
				}
				match[i] = match[i] && is
			}
		})
		if len(d.faults) == before && !slices.Contains(match, true) {
			d.fault(rule, key, "matches no run")
		}
		for i := range hit {
			hit[i] = hit[i] || match[i]
		}
	}
	return hit
}

// equals tells whether a node, read as what the setting is, is its value, or another name of it.
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
	return scalar(n, got) == nil && (got.Interface() == s.Value || s.Aliases != nil && slices.Contains(s.Aliases, got.String()))
}
