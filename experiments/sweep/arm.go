package sweep

import (
	"errors"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// Arm is one of the configurations that a sweep compares: base with the changes of one of the file's arms and, if the
// sweep has points, of one point.
type Arm struct {
	Name string // "gated"; "gated optim.lr=0.01" for a point
	// Of is the name of the arm in the file, without a point; it equals Name if the sweep has no points.
	Of     string
	Config trainer.Config
	// Differs lists the resolved settings that differ from those of base, in the order of the configuration.
	Differs []settings.Setting

	// Settings lists all settings of Config.
	Settings []settings.Setting

	node *yaml.Node
	// set maps each key to the place that set it last. A point's above is the set of its arm, for the keys that the point
	// does not set.
	set, above map[string]place
	own        map[string]*yaml.Node // the settings that the file's arm itself makes
}

// arms resolves the file's arms; n is nil if the file has none, and then base is the one arm.
func (s *Sweep) arms(d *decoder, root, n *yaml.Node, baseSet map[string]place) (arms []*Arm) {
	if n == nil {
		s.unnamed = true
		return []*Arm{s.arm(d, "baseline", root, nil, baseSet)}
	}
	d.prefix = ""
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		d.fault(n, "arms", "wants a map from an arm's name to what it changes, got %s", document.Describe(n))
		return nil
	}
	pairs(n, func(name string, k, value *yaml.Node) {
		arms = append(arms, s.arm(d, name, k, value, baseSet))
	})
	return arms
}

// arm resolves one arm. n is nil or null for an arm that changes nothing.
func (s *Sweep) arm(d *decoder, name string, k, n *yaml.Node, baseSet map[string]place) *Arm {
	a := &Arm{Name: name, Of: name, node: k, set: map[string]place{}, own: map[string]*yaml.Node{},
		Config: settings.Clone(s.Base)}
	d.prefix = ""
	if !settings.IsName(name) {
		d.fault(k, "arms", "an arm's name wants %s, got %s", settings.NameRule, variant.Brief(name))
		return a
	}
	if n != nil && n.Kind != yaml.MappingNode && !document.IsNull(n) {
		d.fault(n, "arms."+name, "wants a map, got %s", document.Describe(n))
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

// Names reports whether the sweep, what it extends or the command line gives the key a value for this arm.
func (a *Arm) Names(key string) bool {
	at, ok := a.set[key]
	if !ok {
		at, ok = a.above[key]
	}
	return ok && !document.IsNull(at.node)
}

// Locate finds the place in the file of a fault in a resolved configuration. It is the node of the arm that set the key
// at fault, else the node of base, else the node of the nearest enclosing key, else the arm's name.
func (a *Arm) Locate(file string, err error) settings.Fault {
	whole := settings.Fault{File: file, Line: a.node.Line, Column: a.node.Column, Key: "arms." + a.Of}
	at := new(variant.Error)
	if !errors.As(err, &at) {
		whole.Message = err.Error()
		return whole
	}
	for key := at.Key; key != ""; key = parent(key) {
		where, ok := a.set[key]
		if !ok {
			where, ok = a.above[key]
		}
		if !ok {
			continue
		}
		f := settings.Fault{File: where.file, Line: where.node.Line, Column: where.node.Column, Key: where.key,
			Message: at.Message, Extended: where.via}
		nameAlone := key+".name" == at.Key && where.node.Kind == yaml.ScalarNode // a slot given by its name alone
		if key != at.Key && !nameAlone {
			f.Key, f.Message = "arms."+a.Of, at.Key+" "+at.Message
		}
		return f
	}
	whole.Message = at.Key + " " + at.Message
	if a.Name != a.Of { // no line sets the key, so the point's name has to explain the fault
		whole.Message += ", in " + a.Name
	}
	return whole
}

// parent returns the key that encloses a dotted key; "" at the top.
func parent(key string) string {
	for i := len(key) - 1; i > 0; i-- {
		if key[i] == '.' {
			return key[:i]
		}
	}
	return ""
}
