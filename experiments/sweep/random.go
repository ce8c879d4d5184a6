package sweep

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/rng"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/variant"
)

// digits is the number of significant digits that a drawn number is rounded to. The number appears in names and
// figures, and no training depends on its fourth digit.
const digits = 3

// distribution says how a value of random is drawn.
type distribution struct {
	formula string
	whole   bool    // the bounds must be whole numbers
	above   float64 // the bounds must be greater
	// at returns the quantile u of the distribution between two bounds, u in [0, 1); nil draws one of the listed values.
	at func(u, low, high float64) float64
}

var distributions = map[string]distribution{
	"choice": {formula: "one of the values, all equally likely"},
	"integer": {formula: "a whole number from low to high, both included", whole: true, above: math.Inf(-1),
		at: func(u, low, high float64) float64 { return min(high, low+math.Floor(u*(high-low+1))) }},
	"log_uniform": {formula: "low (high/low)^u, to three significant digits", above: 0,
		at: func(u, low, high float64) float64 {
			return min(high, max(low, rounded(low*math.Exp(u*math.Log(high/low)))))
		}},
	"uniform": {formula: "low + u (high - low), to three significant digits", above: math.Inf(-1),
		at: func(u, low, high float64) float64 { return min(high, max(low, rounded(low+u*(high-low)))) }},
}

func rounded(x float64) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		panic(err) // it was written by FormatFloat
	}
	return y
}

// drawn is one key of random.
type drawn struct {
	list
	distribution
	low, high float64
}

// random reads `{count: N, seed: S, KEY: {DISTRIBUTION: [low, high]}, …}`. A drawn value depends only on the seed, the
// key and the number of the draw: neither another key nor a larger count changes it.
func (d *decoder) random(n *yaml.Node) ([]list, axis) {
	if n == nil {
		return nil, nil
	}
	d.prefix = "random."
	if n.Kind != yaml.MappingNode {
		d.fault(n, "", "wants a map such as {count: 20, optim.lr: {log_uniform: [1e-4, 1e-1]}}, got %s", document.Describe(n))
		return nil, nil
	}
	count, seed := 0, uint64(0)
	if at := document.Find(n, "count"); at == nil {
		d.fault(n, "", "wants the number of draws, such as `count: 20`")
	} else if err := document.Scalar(at, reflect.ValueOf(&count).Elem()); err != nil || count < 1 || count > maxRuns {
		d.fault(at, "count", "wants the number of draws, from 1 to %d, got %s", maxRuns, document.Describe(at))
	}
	if at := document.Find(n, "seed"); at != nil {
		if err := document.Scalar(at, reflect.ValueOf(&seed).Elem()); err != nil {
			d.fault(at, "seed", "%v", err)
		}
	}
	before := len(d.faults)
	keys := d.drawn(n, "")
	if len(keys) == 0 && len(d.faults) == before {
		d.fault(n, "", "draws no key: add one, such as `optim.lr: {log_uniform: [1e-4, 1e-1]}`")
	}
	lists, draws := []list{}, make(axis, count)
	for i := range draws {
		draws[i].draw = fmt.Sprintf("#%d", i+1)
	}
	for _, k := range keys {
		lists = append(lists, k.list)
		for i := range draws {
			u := rng.New(seed, "sweep").Named(k.key).At(i).Rand().Float64()
			draws[i].keys = append(draws[i].keys, given{"random", k.key, k.list.at, k.value(u)})
		}
	}
	return lists, draws
}

// value returns the node of the drawn value at quantile u. The node of a number has the key's place.
func (k drawn) value(u float64) *yaml.Node {
	if k.distribution.at == nil {
		return k.values[int(u*float64(len(k.values)))]
	}
	x := k.distribution.at(u, k.low, k.high)
	text, tag := strconv.FormatFloat(x, 'g', -1, 64), "!!float"
	if k.whole {
		text, tag = strconv.FormatFloat(x, 'f', 0, 64), "!!int"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text, Line: k.list.at.Line, Column: k.list.at.Column}
}

// drawn reads the keys of random, dotted or nested, down to their distributions.
func (d *decoder) drawn(n *yaml.Node, above string) (all []drawn) {
	known := slices.Sorted(maps.Keys(distributions))
	pairs(n, func(name string, k, value *yaml.Node) {
		key := settings.Join(above, name)
		if above == "" && (name == "count" || name == "seed") || !d.isConfigKey(k, key) {
			return
		}
		if value.Kind != yaml.MappingNode || len(value.Content) == 0 {
			message := fmt.Sprintf("wants a distribution such as {log_uniform: [1e-4, 1e-1]}, got %s", document.Describe(value))
			if near, ok := variant.Nearest(name, known); ok && value.Kind == yaml.SequenceNode {
				message = fmt.Sprintf("unknown distribution %q, did you mean %q? (%s)", name, near, strings.Join(known, ", "))
			}
			d.fault(value, key, "%s", message)
			return
		}
		which := value.Content[0]
		dist, is := distributions[which.Value]
		switch {
		case !is:
			all = append(all, d.drawn(value, key)...)
		case len(value.Content) > 2:
			d.fault(value.Content[2], key, "wants one distribution, got %q beside %s",
				value.Content[2].Value, which.Value)
		default:
			if one, ok := d.bounds(key, k, value.Content[1], which.Value, dist); ok {
				all = append(all, one)
			}
		}
	})
	return all
}

// bounds reads a distribution's bounds, or the values of a choice.
func (d *decoder) bounds(key string, k, n *yaml.Node, name string, dist distribution) (drawn, bool) {
	out := drawn{list: list{section: "random", key: key, at: k, values: []*yaml.Node{n}}, distribution: dist}
	if dist.at == nil {
		if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
			d.fault(n, key, "%s wants a list of values, got %s", name, document.Describe(n))
			return out, false
		}
		first := make(map[string]*yaml.Node, len(n.Content))
		for _, v := range n.Content {
			if had := first[written(v)]; had != nil {
				d.fault(v, key, "%s comes to the same as %s in line %d", asWritten(v), asWritten(had), had.Line)
				return out, false
			}
			first[written(v)] = v
		}
		out.values = n.Content
		return out, true
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) != 2 {
		d.fault(n, key, "%s wants [low, high], got %s", name, document.Describe(n))
		return out, false
	}
	for i, to := range []*float64{&out.low, &out.high} {
		at := n.Content[i]
		if err := document.Scalar(at, reflect.ValueOf(to).Elem()); err != nil {
			d.fault(at, key, "%v", err)
			return out, false
		}
		switch {
		case dist.whole && (*to != math.Trunc(*to) || math.Abs(*to) > 1<<53):
			d.fault(at, key, "%s wants whole numbers, got %s", name, document.Describe(at))
			return out, false
		case *to <= dist.above:
			d.fault(at, key, "%s wants numbers above %v, got %s", name, dist.above, document.Describe(at))
			return out, false
		}
	}
	if out.low >= out.high {
		d.fault(n, key, "%s wants [low, high] with low below high, got [%s, %s]",
			name, n.Content[0].Value, n.Content[1].Value)
		return out, false
	}
	return out, true
}
