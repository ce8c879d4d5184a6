package experiments

import (
	"fmt"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/variant"
)

// expand makes the runs: all seeds of all arms, less what matches a map of exclude, and where only is given less what matches
// none of its maps.
func (s *Sweep) expand(d *decoder, exclude, only *yaml.Node) {
	for _, seed := range s.Seeds {
		for i := range s.Arms {
			c := s.Arms[i].Config
			c.Seed = seed
			s.runs = append(s.runs, run{&s.Arms[i], c})
		}
	}
	all := s.runs
	if only != nil {
		hit := d.rules(only, "only", all)
		s.runs = nil
		for i, r := range all {
			if hit[i] {
				s.runs = append(s.runs, r)
			}
		}
	}
	if exclude != nil {
		hit := d.rules(exclude, "exclude", s.runs)
		var left []run
		for i, r := range s.runs {
			if !hit[i] {
				left = append(left, r)
			}
		}
		if s.runs = left; len(left) == 0 && len(d.faults) == 0 {
			d.fault(exclude, "exclude", "leaves no run")
		}
	}
}

// rules tells of each run whether it matches one of a list of maps. A key that no run has, and a map that no run matches, are
// faults: they are misspelt.
func (d *decoder) rules(n *yaml.Node, key string, runs []run) []bool {
	hit := make([]bool, len(runs))
	if n.Kind != yaml.SequenceNode {
		d.fault(n, key, "wants a list of maps such as {arm: gated, optim.lr: 1e-2}, got %s", describe(n))
		return hit
	}
	flat := make([]map[string]Setting, len(runs))
	known := []string{}
	for i, r := range runs {
		flat[i] = map[string]Setting{"arm": {Value: r.arm.Name}}
		for _, s := range Settings(r.config) {
			flat[i][s.Key] = s
		}
		for k := range flat[i] {
			known = append(known, k)
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	for _, rule := range n.Content {
		if rule.Kind != yaml.MappingNode || len(rule.Content) == 0 {
			d.fault(rule, key, "wants a map such as {arm: gated, optim.lr: 1e-2}, got %s", describe(rule))
			continue
		}
		match := slices.Repeat([]bool{true}, len(runs))
		before := len(d.faults)
		d.pairs(rule, key, func(name string, k, value *yaml.Node) {
			if !slices.Contains(known, name) {
				message := fmt.Sprintf("no run has a key %q", name)
				if near, ok := variant.Nearest(name, known); ok {
					message += fmt.Sprintf(", did you mean %q?", near)
				}
				d.fault(k, key, "%s", message)
				return
			}
			for i := range runs {
				had, ok := flat[i][name]
				match[i] = match[i] && ok && equals(value, had)
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
func equals(n *yaml.Node, s Setting) bool {
	if _, ok := s.Value.([]any); ok {
		return false
	}
	got := reflect.New(reflect.TypeOf(s.Value)).Elem()
	return scalar(n, got) == nil && (got.Interface() == s.Value || s.also != nil && slices.Contains(s.also, got.String()))
}
