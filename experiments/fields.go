package experiments

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/outcrop-lab/outcrop/trainer"
	"github.com/outcrop-lab/outcrop/variant"
)

// field is one key of a configuration struct.
type field struct {
	name  string
	value reflect.Value
	doc   string   // what it is, with its unit
	enum  []string // the texts that it may be, nil for any
}

// known is what a struct type's keys are, read once from its tags.
type known struct {
	name  string
	index []int
	doc   string
	enum  []string
}

var (
	knownTypes  sync.Map // reflect.Type to []known
	chooserType = reflect.TypeFor[variant.Chooser]()
)

// knownOf lists the keys of a struct type in the order of its declaration, those of embedded structs in place; of a slot the
// common keys.
func knownOf(t reflect.Type) []known {
	if had, ok := knownTypes.Load(t); ok {
		return had.([]known)
	}
	var out []known
	if !isBareSlotType(t) {
		for i := range t.NumField() {
			at := t.Field(i)
			name, _, _ := strings.Cut(at.Tag.Get("json"), ",")
			if name == "" {
				name = at.Name
			}
			switch {
			case !at.IsExported() || name == "-" || at.Anonymous && isSlotType(at.Type):
			case at.Anonymous && at.Type.Kind() == reflect.Struct && at.Tag.Get("json") == "":
				for _, inner := range knownOf(at.Type) {
					inner.index = append([]int{i}, inner.index...)
					out = append(out, inner)
				}
			default:
				out = append(out, known{name, []int{i}, at.Tag.Get("doc"), variant.Enum(at)})
			}
		}
	}
	knownTypes.Store(t, out)
	return out
}

// fieldsOf lists the keys of an addressable struct in the order of its declaration, those of embedded structs in place. Of a
// slot these are the common keys, then the present variant's parameters.
func fieldsOf(v reflect.Value) []field {
	keys := knownOf(v.Type())
	var params reflect.Value
	var own []known
	if isSlot(v) {
		if p := reflect.ValueOf(chooser(v).Params()); p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct {
			params = p.Elem()
			own = knownOf(params.Type())
		}
	}
	out := make([]field, 0, len(keys)+len(own))
	for _, k := range keys {
		out = append(out, field{k.name, v.FieldByIndex(k.index), k.doc, k.enum})
	}
	for _, k := range own {
		out = append(out, field{k.name, params.FieldByIndex(k.index), k.doc, k.enum})
	}
	return out
}

func namesOf(fields []field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	return names
}

// isSlot tells whether v is a slot, or a struct that embeds one.
func isSlot(v reflect.Value) bool { return isSlotType(v.Type()) }

var slotTypes, bareTypes sync.Map // reflect.Type to bool

func isSlotType(t reflect.Type) bool {
	return remembered(&slotTypes, t, func() bool { return t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(chooserType) })
}

func remembered(in *sync.Map, t reflect.Type, is func() bool) bool {
	if had, ok := in.Load(t); ok {
		return had.(bool)
	}
	yes := is()
	in.Store(t, yes)
	return yes
}

// isBareSlotType tells a slot from a struct that embeds one.
func isBareSlotType(t reflect.Type) bool {
	return remembered(&bareTypes, t, func() bool {
		if !isSlotType(t) {
			return false
		}
		for i := range t.NumField() {
			if t.Field(i).Anonymous && isSlotType(t.Field(i).Type) {
				return false
			}
		}
		return true
	})
}

func chooser(v reflect.Value) variant.Chooser { return v.Addr().Interface().(variant.Chooser) }

// Setting is one resolved key of a configuration: bool, string, int64, uint64, float64 or []any. A slot's name stands
// under the slot's own key.
type Setting struct {
	Key   string
	Value any
	name  bool     // of a slot
	also  []string // other names of the same variant
}

// String writes a setting as the sweep file would, "optim.lr: 0.01".
func (s Setting) String() string {
	if x, ok := s.Value.(float64); ok {
		return s.Key + ": " + strconv.FormatFloat(x, 'g', -1, 64)
	}
	return fmt.Sprintf("%s: %v", s.Key, s.Value)
}

// Settings lists every key of a configuration in the order of its declaration.
func Settings(c trainer.Config) []Setting {
	return flatten(make([]Setting, 0, 96), reflect.ValueOf(&c).Elem(), "")
}

// fingerprint is a text that is equal of two lists of settings, of which all are equal.
func fingerprint(settings []Setting) string {
	b := make([]byte, 0, 2048)
	for _, s := range settings {
		b = append(append(b, s.Key...), 0)
		switch x := s.Value.(type) {
		case string:
			b = append(b, x...)
		case int64:
			b = strconv.AppendInt(b, x, 10)
		case uint64:
			b = strconv.AppendUint(b, x, 10)
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		default: // truth values, and lists of the above, which show where each begins
			b = fmt.Appendf(b, "%#v", x)
		}
		b = append(b, 0)
	}
	return string(b)
}

func flatten(to []Setting, v reflect.Value, key string) []Setting {
	if v.Kind() != reflect.Struct {
		return append(to, Setting{Key: key, Value: plainValue(v)})
	}
	below := v
	if isSlot(v) {
		slot := chooser(v)
		to = append(to, Setting{Key: key, Value: slot.Chosen(), name: true, also: slot.Aliases()})
		if p := reflect.ValueOf(slot.Params()); p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct {
			below = p.Elem()
		}
	}
	to = flattenKnown(to, v, key)
	if below != v {
		to = flattenKnown(to, below, key)
	}
	return to
}

func flattenKnown(to []Setting, v reflect.Value, key string) []Setting {
	keys := keysBelow(v.Type(), key)
	for i, k := range knownOf(v.Type()) {
		to = flatten(to, v.FieldByIndex(k.index), keys[i])
	}
	return to
}

// dottedKeys holds the dotted keys of a type under a key, so that a plan of many runs makes each text once.
var dottedKeys sync.Map // typeUnder to []string

type typeUnder struct {
	of  reflect.Type
	key string
}

func keysBelow(t reflect.Type, key string) []string {
	if had, ok := dottedKeys.Load(typeUnder{t, key}); ok {
		return had.([]string)
	}
	var keys []string
	for _, k := range knownOf(t) {
		keys = append(keys, dotted(key, k.name))
	}
	dottedKeys.Store(typeUnder{t, key}, keys)
	return keys
}

func plainValue(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Bool:
		return v.Bool()
	case reflect.Int, reflect.Int64, reflect.Int32:
		return v.Int()
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		return v.Uint()
	case reflect.Float64, reflect.Float32:
		return v.Float()
	case reflect.String:
		return v.String()
	case reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = plainValue(v.Index(i))
		}
		return list
	}
	panic("experiments: no YAML for " + v.Type().String())
}

// clone is a configuration of its own: no slot of it shares its parameters with another.
func clone(c trainer.Config) trainer.Config {
	unshare(reflect.ValueOf(&c).Elem())
	return c
}

// unshare gives every slot in v parameters of its own, of equal values. Lists are replaced whole, never written into.
func unshare(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	if isBareSlotType(v.Type()) {
		slot := chooser(v)
		had := reflect.ValueOf(slot.Params()).Elem()
		if err := slot.Choose(slot.Chosen()); err != nil {
			panic(err) // v holds it
		}
		own := reflect.ValueOf(slot.Params()).Elem()
		own.Set(had)
		unshare(own)
		return
	}
	for _, i := range structsIn(v.Type()) {
		unshare(v.Field(i))
	}
}

var innerStructs sync.Map // reflect.Type to []int

// structsIn lists the exported fields of a struct type that are structs.
func structsIn(t reflect.Type) []int {
	if had, ok := innerStructs.Load(t); ok {
		return had.([]int)
	}
	var in []int
	for i := range t.NumField() {
		if f := t.Field(i); f.IsExported() && f.Type.Kind() == reflect.Struct {
			in = append(in, i)
		}
	}
	innerStructs.Store(t, in)
	return in
}

// fieldAt is the key of that name of an addressable struct; nothing where it has none.
func fieldAt(v reflect.Value, name string) (reflect.Value, bool) {
	for _, k := range knownOf(v.Type()) {
		if k.name == name {
			return v.FieldByIndex(k.index), true
		}
	}
	if isSlot(v) {
		if p := reflect.ValueOf(chooser(v).Params()); p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct {
			for _, k := range knownOf(p.Elem().Type()) {
				if k.name == name {
					return p.Elem().FieldByIndex(k.index), true
				}
			}
		}
	}
	return reflect.Value{}, false
}

// align chooses in standard every variant that is chosen in v, so that both have the same keys.
func align(standard, v reflect.Value) {
	if isSlot(v) && chooser(standard).Chosen() != chooser(v).Chosen() {
		if err := chooser(standard).Choose(chooser(v).Chosen()); err != nil {
			panic(err) // v holds it
		}
	}
	from := fieldsOf(v)
	for i, f := range fieldsOf(standard) {
		if f.value.Kind() == reflect.Struct {
			align(f.value, from[i].value)
		}
	}
}
