package sweep

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// decoder merges YAML maps onto a configuration, in order, and remembers which node set which key.
type decoder struct {
	origin
	prefix string // of the dotted keys in messages, such as "arms.gated."
	faults []settings.Fault
	set    map[string]place // by the configuration's dotted key
	usual  *trainer.Config  // the defaults, made once; no merge writes into them
	beside bool             // whether a file was named by a path relative to this one
}

func (d *decoder) defaults() *trainer.Config {
	if d.usual == nil {
		c := trainer.Default()
		d.usual = &c
	}
	return d.usual
}

// place is the node that set a key last, and the key's name in the file.
type place struct {
	origin
	node *yaml.Node
	key  string
}

func (d *decoder) fault(n *yaml.Node, key, format string, args ...any) {
	d.faults = append(d.faults, settings.Fault{File: d.file, Line: n.Line, Column: n.Column,
		Key: strings.TrimSuffix(d.prefix+key, "."), Message: fmt.Sprintf(format, args...), Extended: d.via})
}

// merge applies a map to the struct that config points to. standard points to a fresh configuration of defaults, which
// null restores.
func (d *decoder) merge(n *yaml.Node, config, standard any) {
	d.value(n, reflect.ValueOf(config).Elem(), reflect.ValueOf(standard).Elem(), "")
}

// value merges a node onto v, which is addressable.
func (d *decoder) value(n *yaml.Node, v, standard reflect.Value, key string) {
	if d.set != nil && key != "" {
		d.set[key] = place{d.origin, n, d.prefix + key}
	}
	switch {
	case n.Kind == yaml.AliasNode:
		d.fault(n, key, "aliases are not supported: repeat it, or move it to base")
	case isNull(n):
		v.Set(standard)
		settings.Unshare(v)
	case settings.IsSlot(v):
		d.slot(n, v, standard, key)
	case v.Kind() == reflect.Struct:
		d.fields(n, settings.Fields(v), settings.Fields(standard), key, func(string) bool { return false })
	case v.Kind() == reflect.Slice:
		d.list(n, v, key)
	default:
		if err := scalar(n, v); err != nil {
			d.fault(n, key, "%v", err)
		}
	}
}

// slot merges a name, or a map with a name and parameters, onto a slot. If the name changes, the parameters start from
// that variant's defaults; the common keys stay.
func (d *decoder) slot(n *yaml.Node, v, standard reflect.Value, key string) {
	name := n
	if n.Kind == yaml.MappingNode {
		name = find(n, "name")
	}
	slot := settings.Slot(v)
	if name != nil {
		text := reflect.New(reflect.TypeFor[string]()).Elem()
		if err := scalar(name, text); err != nil {
			if n.Kind == yaml.MappingNode {
				key = settings.Join(key, "name")
			}
			d.fault(name, key, "wants a name, or a map with a name and parameters, got %s", describe(name))
			return
		}
		if text.String() != slot.Chosen() {
			if err := slot.Choose(text.String()); err != nil {
				d.fault(name, key, "%v", err)
				return
			}
		}
	}
	if n.Kind != yaml.MappingNode {
		return
	}
	isName := func(k string) bool { return k == "name" }
	d.fields(n, settings.Fields(v), settings.Fields(standardOf(v, standard)), key, isName)
}

// standardOf returns the defaults for the keys of v. For a slot these are the common keys of standard and the default
// parameters of the variant that v chooses; otherwise they are standard itself.
func standardOf(v, standard reflect.Value) reflect.Value {
	if !settings.IsSlot(v) || settings.Slot(standard).Chosen() == settings.Slot(v).Chosen() {
		return standard
	}
	other := reflect.New(standard.Type()).Elem()
	other.Set(standard)
	if err := settings.Slot(other).Choose(settings.Slot(v).Chosen()); err != nil {
		panic(err) // v holds it
	}
	return other
}

// assign merges a value onto the setting at a dotted key; at is the key's node.
func (d *decoder) assign(c *trainer.Config, key string, at, n *yaml.Node) {
	v, standard, path := reflect.ValueOf(c).Elem(), reflect.ValueOf(d.defaults()).Elem(), ""
	for name := range strings.SplitSeq(key, ".") {
		switch {
		case v.Kind() != reflect.Struct:
			d.fault(at, path, "is a single value and has no key %q", name)
			return
		case name == "name" && settings.IsSlot(v):
			continue
		}
		standard = standardOf(v, standard)
		to, ok := settings.At(v, name)
		if !ok {
			d.fault(at, path, "%v", variant.Unknown("key", name, settings.Names(settings.Fields(v))))
			return
		}
		standard, _ = settings.At(standard, name)
		v, path = to, settings.Join(path, name)
	}
	d.value(n, v, standard, path)
}

// fields merges the pairs of a map onto the fields of the same names. It skips a pair whose name skip accepts, but
// remembers its place.
func (d *decoder) fields(n *yaml.Node, to, standard []settings.Field, key string, skip func(string) bool) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, key, "wants a map, got %s", describe(n))
		return
	}
	d.pairs(n, key, func(name string, k, value *yaml.Node) {
		if skip(name) {
			if d.set != nil {
				d.set[settings.Join(key, name)] = place{d.origin, value, d.prefix + settings.Join(key, name)}
			}
			return
		}
		i := slices.IndexFunc(to, func(f settings.Field) bool { return f.Name == name })
		if i < 0 {
			d.fault(k, key, "%v", variant.Unknown("key", name, settings.Names(to)))
			return
		}
		d.value(value, to[i].Value, standard[i].Value, settings.Join(key, name))
	})
}

// pairs calls f for each pair of a map. It refuses a key that is not a plain string or appears twice.
func (d *decoder) pairs(n *yaml.Node, key string, f func(name string, key, value *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.ShortTag() == "!!merge":
			d.fault(k, key, "merge keys (<<) are not supported: arms are merged over base")
			continue
		case k.Kind != yaml.ScalarNode:
			d.fault(k, key, "wants a word as a key, got %s", describe(k))
			continue
		case seen[k.Value] != 0:
			d.fault(k, key, "key %q appears twice, first in line %d", k.Value, seen[k.Value])
			continue
		}
		seen[k.Value] = k.Line
		f(k.Value, k, n.Content[i+1])
	}
}

// list replaces a slice: lists do not merge.
func (d *decoder) list(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, key, "wants a list, got %s", describe(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			d.fault(item, key, "wants a list of plain values, got %s", describe(item))
		} else if err := scalar(item, out.Index(i)); err != nil {
			d.fault(item, key, "%v", err)
		}
	}
	v.Set(out)
}

var (
	integer = regexp.MustCompile(`^[-+]?(0|[1-9][0-9]*)$`)
	decimal = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// scalar sets a number, a bool or a string. The type of v decides what a plain scalar means, never a guess: 1e-3 and 1
// are both floats if v is a float.
func scalar(n *yaml.Node, v reflect.Value) error {
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	plain := n.Kind == yaml.ScalarNode && n.Style&quoted == 0
	switch v.Kind() {
	case reflect.Bool:
		if plain && (n.Value == "true" || n.Value == "false") {
			v.SetBool(n.Value == "true")
			return nil
		}
		return fmt.Errorf("wants true or false, got %s", describe(n))
	case reflect.Int, reflect.Int64, reflect.Int32:
		if plain && integer.MatchString(n.Value) {
			if x, err := strconv.ParseInt(n.Value, 10, 64); err == nil && !v.OverflowInt(x) {
				v.SetInt(x)
				return nil
			}
		}
		return fmt.Errorf("wants a whole number, got %s", describe(n))
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		if plain && integer.MatchString(n.Value) && n.Value[0] != '-' && n.Value[0] != '+' {
			if x, err := strconv.ParseUint(n.Value, 10, 64); err == nil && !v.OverflowUint(x) {
				v.SetUint(x)
				return nil
			}
		}
		return fmt.Errorf("wants a whole number of at least 0, got %s", describe(n))
	case reflect.Float64, reflect.Float32:
		if plain && decimal.MatchString(n.Value) {
			if x, err := strconv.ParseFloat(n.Value, 64); err == nil && !math.IsInf(x, 0) {
				v.SetFloat(x)
				return nil
			}
		}
		return fmt.Errorf("wants a number, got %s", describe(n))
	case reflect.String:
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
			v.SetString(n.Value)
			return nil
		}
		return fmt.Errorf("wants a string, got %s", describe(n))
	}
	panic("sweep: no YAML for " + v.Type().String())
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// describe says what a node is, for a message.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case isNull(n):
		return "nothing"
	case n.ShortTag() == "!!str":
		return fmt.Sprintf("the string %q", n.Value)
	}
	return n.Value
}

// find returns the value of a key, or nil.
func find(n *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// parse reads one YAML document and returns its root, which must be a map.
func parse(file string, src []byte) (*yaml.Node, error) {
	fail := func(line, column int, format string, args ...any) (*yaml.Node, error) {
		return nil, settings.Refuse(settings.Fault{File: file, Line: line, Column: column,
			Message: fmt.Sprintf(format, args...)})
	}
	if len(strings.TrimSpace(string(src))) == 0 {
		return fail(0, 0, "is empty")
	}
	var doc yaml.Node
	if err := yaml.Load(src, &doc); err != nil {
		var at *yaml.LoadError
		if !errors.As(err, &at) {
			return fail(0, 0, "is not YAML: %v", err)
		}
		if at.Mark.Line < 1 {
			return fail(0, 0, "is not one YAML document: %s", strings.TrimPrefix(at.Message, "yaml: "))
		}
		message := at.Message
		if at.ContextMsg != "" {
			message = at.ContextMsg + ": " + message
		}
		return fail(at.Mark.Line, max(at.Mark.Column, 1), "is not YAML: %s", message)
	}
	root := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		root = doc.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		return fail(root.Line, root.Column, "wants a map of keys, got %s", describe(root))
	}
	return root, nil
}

// DecodeConfig decodes a run's resolved configuration from the key `config` of a document. If the document lacks the
// key, DecodeConfig returns the defaults.
func DecodeConfig(file string, src []byte) (trainer.Config, error) {
	c, standard := trainer.Default(), trainer.Default()
	root, err := parse(file, src)
	if err != nil {
		return c, err
	}
	d := &decoder{origin: origin{file: file}, prefix: "config."}
	if n := find(root, "config"); n != nil {
		d.merge(n, &c, &standard)
	}
	return c, settings.Refuse(d.faults...)
}
