package experiments

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

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

// fieldsOf lists the keys of an addressable struct in the order of its declaration, those of embedded structs in place. Of a
// slot these are the common keys, then the present variant's parameters.
func fieldsOf(v reflect.Value) []field {
	var out []field
	if !isBareSlot(v) {
		for i := range v.NumField() {
			at, f := v.Type().Field(i), v.Field(i)
			name, _, _ := strings.Cut(at.Tag.Get("json"), ",")
			if name == "" {
				name = at.Name
			}
			switch {
			case !at.IsExported() || name == "-" || at.Anonymous && isSlot(f):
			case at.Anonymous && at.Type.Kind() == reflect.Struct && at.Tag.Get("json") == "":
				out = append(out, fieldsOf(f)...)
			default:
				out = append(out, field{name, f, at.Tag.Get("doc"), variant.Enum(at)})
			}
		}
	}
	if isSlot(v) {
		if params := reflect.ValueOf(chooser(v).Params()); params.Kind() == reflect.Pointer && params.Elem().Kind() == reflect.Struct {
			out = append(out, fieldsOf(params.Elem())...)
		}
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
func isSlot(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(variant.Chooser)
	return ok
}

// isBareSlot tells a slot from a struct that embeds one.
func isBareSlot(v reflect.Value) bool {
	if !isSlot(v) {
		return false
	}
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous && isSlot(v.Field(i)) {
			return false
		}
	}
	return true
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
	return flatten(nil, reflect.ValueOf(&c).Elem(), "")
}

func flatten(to []Setting, v reflect.Value, key string) []Setting {
	if v.Kind() != reflect.Struct {
		return append(to, Setting{Key: key, Value: plainValue(v)})
	}
	if isSlot(v) {
		to = append(to, Setting{Key: key, Value: chooser(v).Chosen(), name: true, also: chooser(v).Aliases()})
	}
	for _, f := range fieldsOf(v) {
		to = flatten(to, f.value, dotted(key, f.name))
	}
	return to
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
	if isBareSlot(v) {
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
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			unshare(v.Field(i))
		}
	}
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
