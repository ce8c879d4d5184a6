package sweep

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// decoder merges YAML maps onto a configuration, in order, and remembers which node set which key.
type decoder struct {
	origin
	prefix string // of the dotted keys in messages, such as "arms.gated."
	faults []settings.Fault
	set    map[string]place  // by the configuration's dotted key
	usual  *trainer.Config   // the defaults, made once; no merge writes into them
	here   string            // the folder in which paths of the command line start; "" if it is not known
	kept   map[string][]byte // the texts of extended files, by origin.name; nil to read them from the disk
	read   []extended        // the files that were extended, in the order in which they were read first
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
	f := settings.Fault{File: d.file, Line: n.Line, Column: n.Column, Key: strings.TrimSuffix(d.prefix+key, "."),
		Message: fmt.Sprintf(format, args...), Extended: d.via}
	if n.Line == 0 && (f.Key == "name" || f.Key == "seeds") { // in no file: it comes from the command line
		f.File, f.Key = override{key: f.Key}.place(), ""
	}
	d.faults = append(d.faults, f)
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
	case document.IsNull(n):
		v.Set(standard)
		settings.Unshare(v)
	case settings.IsSlot(v):
		d.slot(n, v, standard, key)
	case !settings.IsValue(v):
		d.fields(n, settings.Fields(v), settings.Fields(standard), key, func(string) bool { return false })
	case v.Kind() == reflect.Slice:
		d.list(n, v, key)
	case variant.IsPathType(v.Type()):
		if err := d.setPath(n, v.Addr().Interface().(*variant.Path)); err != nil {
			d.fault(n, key, "%v", err)
		}
	default:
		if err := document.Scalar(n, v); err != nil {
			d.fault(n, key, "%v", err)
		}
	}
}

// setPath sets a path, which is relative to the file in which it stands, or on the command line to the current folder.
func (d *decoder) setPath(n *yaml.Node, to *variant.Path) (err error) {
	to.Written, to.At = "", ""
	if err := document.Scalar(n, reflect.ValueOf(&to.Written).Elem()); err != nil {
		return err
	}
	switch {
	case !to.IsRelative() || d.folder != "":
		*to, err = to.In(d.folder, to.Written)
	case d.embedded:
		err = fmt.Errorf("%q is relative, but %s is part of outcrop and lies in no folder: "+
			"write an absolute path, or set it on the command line", to.Written, d.file)
	}
	return err
}

// slot merges a name, or a map with a name and parameters, onto a slot. If the name changes, the parameters start from
// that variant's defaults; the common keys stay.
func (d *decoder) slot(n *yaml.Node, v, standard reflect.Value, key string) {
	name := n
	if n.Kind == yaml.MappingNode {
		name = document.Find(n, "name")
	}
	slot := settings.Slot(v)
	if name != nil {
		text := reflect.New(reflect.TypeFor[string]()).Elem()
		if err := document.Scalar(name, text); err != nil {
			if n.Kind == yaml.MappingNode {
				key = settings.Join(key, "name")
			}
			d.fault(name, key, "wants a name, or a map with a name and parameters, got %s", document.Describe(name))
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
		case settings.IsValue(v):
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
		d.fault(n, key, "wants a map, got %s", document.Describe(n))
		return
	}
	pairs(n, func(name string, k, value *yaml.Node) {
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

// pairs calls f for each pair of a map.
func pairs(n *yaml.Node, f func(name string, key, value *yaml.Node)) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		f(n.Content[i].Value, n.Content[i], n.Content[i+1])
	}
}

// list replaces a slice: lists do not merge.
func (d *decoder) list(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		d.fault(n, key, "wants a list, got %s", document.Describe(n))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			d.fault(item, key, "wants a list of plain values, got %s", document.Describe(item))
		} else if err := document.Scalar(item, out.Index(i)); err != nil {
			d.fault(item, key, "%v", err)
		}
	}
	v.Set(out)
}

// parse reads one YAML document and returns its root, a map.
func parse(file string, src []byte) (*yaml.Node, error) {
	root, err := document.Read(file, src)
	if err == nil && root == nil {
		err = settings.Refuse(settings.Fault{File: file, Message: "is empty"})
	}
	return root, err
}

// DecodeConfig decodes a run's resolved configuration from the key `config` of a document. If the document lacks the
// key, DecodeConfig returns the defaults. The document does not say where relative paths start.
func DecodeConfig(file string, src []byte) (trainer.Config, error) {
	c, standard := trainer.Default(), trainer.Default()
	root, err := parse(file, src)
	if err != nil {
		return c, err
	}
	d := &decoder{origin: origin{file: file}, prefix: "config."}
	if n := document.Find(root, "config"); n != nil {
		d.merge(n, &c, &standard)
	}
	return c, settings.Refuse(d.faults...)
}
