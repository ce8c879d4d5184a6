package predict

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/outcrop-lab/outcrop/settings"
)

// Arch is a resolved configuration as the predictor sees it: its numbers and its choices. It leaves out the settings
// seed, probe and checkpoint, because the forecast does not depend on them.
type Arch struct {
	// Numbers has one value for each of numberKeys.
	Numbers map[string]float64
	// Choices has every other setting. A slot's variant is stored under the slot's key, "arch.norm", and the variant's
	// parameters under keys such as "arch.norm(rmsnorm).eps", so that parameters of the same name in two variants are
	// distinct settings.
	Choices map[string]string
}

// numberKeys are the settings that become numerical features. All others are categories.
var numberKeys = []string{
	"arch.layers", "arch.width", "arch.heads", "arch.context", "arch.mlp.multiple", "optim.lr", "optim.weight_decay",
}

// ParseArch parses a run's resolved configuration, in JSON as the store keeps it.
func ParseArch(config string) (Arch, error) {
	list, err := settings.Parse(config)
	if err != nil {
		return Arch{}, fmt.Errorf("predict: %w", err)
	}
	a := Arch{Numbers: map[string]float64{}, Choices: map[string]string{}}
	names := map[string]string{} // the chosen variant by its slot's key
	for _, s := range list {
		if first, _, _ := strings.Cut(s.Key, "."); first == "seed" || first == "probe" || first == "checkpoint" {
			continue
		}
		if s.Choice {
			names[s.Key] = fmt.Sprint(s.Value)
		}
		if slices.Contains(numberKeys, s.Key) {
			x, ok := settings.Number(list, s.Key)
			if !ok {
				return Arch{}, fmt.Errorf("predict: reading a configuration: %s is not a number: %v", s.Key, s.Value)
			}
			a.Numbers[s.Key] = x
			continue
		}
		text, err := json.Marshal(s.Value)
		if err != nil {
			return Arch{}, fmt.Errorf("predict: reading a configuration: %s: %w", s.Key, err)
		}
		a.Choices[chosen(s.Key, names)] = strings.Trim(string(text), `"`)
	}
	for _, key := range numberKeys {
		if _, ok := a.Numbers[key]; !ok {
			return Arch{}, fmt.Errorf("predict: reading a configuration: it has no %s", key)
		}
	}
	return a, nil
}

// chosen returns the dotted key with the name of the chosen variant in parentheses after each slot on its path.
func chosen(key string, names map[string]string) string {
	out, at := "", ""
	for part := range strings.SplitSeq(key, ".") {
		at, out = settings.Join(at, part), settings.Join(out, part)
		if name, ok := names[at]; ok && at != key {
			out += "(" + name + ")"
		}
	}
	return out
}

// same reports whether two architectures agree in every setting. A setting that is zero agrees with one that is
// missing: older configurations lack the parameters that variants got since, and a parameter that is added has the
// default zero.
func (a Arch) same(b Arch) bool {
	return maps.Equal(a.Numbers, b.Numbers) && a.within(b) && b.within(a)
}

// within reports whether b has each choice of a, except the zeros that it lacks.
func (a Arch) within(b Arch) bool {
	for key, v := range a.Choices {
		if other, known := b.Choices[key]; other != v && (known || !zero(v)) {
			return false
		}
	}
	return true
}

// zero reports whether a choice's value, in JSON without quotes, is the zero of its type.
func zero(v string) bool { return v == "0" || v == "false" || v == "" }

// Layers returns the number of blocks.
func (a Arch) Layers() int { return int(a.Numbers["arch.layers"]) }

// Outside is a setting outside the training data: a choice that no training architecture has, or a number outside the
// range of the training architectures.
type Outside struct {
	Key     string `json:"key"`
	Value   string `json:"value"`
	Trained string `json:"trained"` // what was trained, such as "2 to 8" or "g1, g2, none"
}

// OutsideError reports that an architecture lies outside the predictor's training data. It lists every setting outside
// these data, except the parameters of a variant that was never trained: for such a variant it lists the variant alone.
type OutsideError struct{ All []Outside }

// Error implements error.
func (e *OutsideError) Error() string {
	parts := make([]string, len(e.All))
	for i, o := range e.All {
		parts[i] = fmt.Sprintf("%s: %s (trained: %s)", o.Key, o.Value, o.Trained)
	}
	return "predict: outside what the predictor was trained on: " + strings.Join(parts, "; ")
}

// domain is the range of settings that a set of architectures covers.
type domain struct {
	low, high map[string]float64  // the range of each of numberKeys
	seen      map[string][]string // each choice's values, the most frequent first
}

// domainOf returns the domain that the architectures cover.
func domainOf(all []Arch) domain {
	d := domain{low: map[string]float64{}, high: map[string]float64{}, seen: map[string][]string{}}
	counts := map[string]map[string]int{}
	for i, a := range all {
		for key, v := range a.Numbers {
			if i == 0 {
				d.low[key], d.high[key] = v, v
			}
			d.low[key], d.high[key] = min(d.low[key], v), max(d.high[key], v)
		}
		for key, v := range a.Choices {
			if counts[key] == nil {
				counts[key] = map[string]int{}
			}
			counts[key][v]++
		}
	}
	for key, values := range counts {
		names := slices.Sorted(maps.Keys(values))
		slices.SortStableFunc(names, func(x, y string) int { return values[y] - values[x] })
		d.seen[key] = names
	}
	return d
}

// outside lists the settings of a that lie outside the domain: first the numbers, then the choices by key. If a variant
// was never trained, its parameters are not listed in addition to the variant itself. Neither is a parameter at zero
// that no training architecture has.
func (d domain) outside(a Arch) []Outside {
	var all []Outside
	for _, key := range numberKeys {
		if v := a.Numbers[key]; v < d.low[key] || v > d.high[key] {
			all = append(all, Outside{key, number(v), number(d.low[key]) + " to " + number(d.high[key])})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(a.Choices)) {
		seen, known := d.seen[key]
		if at := strings.LastIndex(key, "("); !known && at > 0 && !slices.Contains(d.seen[key[:at]], a.Choices[key[:at]]) {
			continue
		}
		if !known && zero(a.Choices[key]) {
			continue
		}
		if !slices.Contains(seen, a.Choices[key]) {
			trained := strings.Join(slices.Sorted(slices.Values(seen)), ", ")
			if !known {
				trained = "without it"
			}
			all = append(all, Outside{key, a.Choices[key], trained})
		}
	}
	return all
}

// number formats x with the fewest digits that determine it.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// Feature is one number from which a model predicts. The features of a group express the same property in different
// ways.
type Feature struct{ Name, Group string }

// column is a feature and its formula for layer l of L, counted from 1.
type column struct {
	Feature
	of func(a Arch, l float64) float64
}

// columns returns the features over a domain. First come those of arXiv 2508.03616, with layers counted from 1 so that
// the last one's relative depth is 1; then context, learning rate and weight decay; then each choice in which the
// architectures differ, one-hot without its most frequent value.
func (d domain) columns() []column {
	n := func(a Arch, key string) float64 { return a.Numbers[key] }
	depth := func(power float64) func(a Arch, l float64) float64 {
		return func(a Arch, l float64) float64 { return math.Pow(l/n(a, "arch.layers"), power) }
	}
	ratio := func(over, under string) func(a Arch, l float64) float64 {
		return func(a Arch, _ float64) float64 { return n(a, over) / n(a, under) }
	}
	all := []column{
		{Feature{"p", "depth"}, depth(1)},
		{Feature{"p^2", "depth"}, depth(2)},
		{Feature{"p^3", "depth"}, depth(3)},
		{Feature{"sqrt p", "depth"}, depth(.5)},
		{Feature{"l L", "depth"}, func(a Arch, l float64) float64 { return l * n(a, "arch.layers") }},
		{Feature{"H/d", "heads"}, ratio("arch.heads", "arch.width")},
		{Feature{"H/L", "heads"}, ratio("arch.heads", "arch.layers")},
		{Feature{"d_ff/d", "mlp width"}, func(a Arch, _ float64) float64 { return n(a, "arch.mlp.multiple") }},
		{Feature{"d/L", "width"}, ratio("arch.width", "arch.layers")},
		{Feature{"ln d", "width"}, func(a Arch, _ float64) float64 { return math.Log(n(a, "arch.width")) }},
		{Feature{"ln T", "context"}, func(a Arch, _ float64) float64 { return math.Log(n(a, "arch.context")) }},
		{Feature{"ln lr", "lr"}, func(a Arch, _ float64) float64 { return math.Log(n(a, "optim.lr")) }},
		{Feature{"weight decay", "weight decay"}, func(a Arch, _ float64) float64 { return n(a, "optim.weight_decay") }},
	}
	for _, key := range slices.Sorted(maps.Keys(d.seen)) {
		for _, value := range d.seen[key][1:] {
			all = append(all, column{Feature{key + "=" + value, key}, func(a Arch, _ float64) float64 {
				if a.Choices[key] == value {
					return 1
				}
				return 0
			}})
		}
	}
	return all
}

// features computes the columns for layer l, counted from 0.
func features(columns []column, a Arch, l int) []float64 {
	x := make([]float64, len(columns))
	for i, c := range columns {
		x[i] = c.of(a, float64(l+1))
	}
	return x
}
