package settings

import (
	"reflect"
	"sync"

	"github.com/outcrop-lab/outcrop/variant"
)

// Field is one key of a configuration struct, with its value.
type Field struct {
	Name  string
	Value reflect.Value
	Doc   string   // what the key means, with its unit
	Enum  []string // the strings that the key may hold; nil if it may hold any string
	Max   int64    // the largest whole number that the key may hold; 0 if nothing is said
}

// Fields lists the keys of an addressable struct in the order of declaration. The keys of an embedded struct stand in
// the place of that struct. For a slot, Fields lists the common keys, then the parameters of the chosen variant.
func Fields(v reflect.Value) []Field {
	keys := variant.Keys(v.Type())
	own, params := paramsOf(v)
	out := make([]Field, 0, len(keys)+len(own))
	for _, k := range keys {
		out = append(out, Field{k.Name, v.FieldByIndex(k.Index), k.Doc, k.Enum, k.Max})
	}
	for _, k := range own {
		out = append(out, Field{k.Name, params.FieldByIndex(k.Index), k.Doc, k.Enum, k.Max})
	}
	return out
}

// paramsOf returns the parameter struct of the variant that a slot holds, with its keys. keys is nil if v is no slot or
// the variant has no parameters.
func paramsOf(v reflect.Value) (keys []variant.Key, params reflect.Value) {
	if !IsSlot(v) {
		return nil, v
	}
	if p := reflect.ValueOf(Slot(v).Params()); p.Kind() == reflect.Pointer && p.Elem().Kind() == reflect.Struct {
		return variant.Keys(p.Elem().Type()), p.Elem()
	}
	return nil, v
}

// Names lists the names of fields.
func Names(fields []Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

// At returns the value of the named key of v, an addressable struct, and reports whether v has such a key.
func At(v reflect.Value, name string) (reflect.Value, bool) {
	for _, k := range variant.Keys(v.Type()) {
		if k.Name == name {
			return v.FieldByIndex(k.Index), true
		}
	}
	own, params := paramsOf(v)
	for _, k := range own {
		if k.Name == name {
			return params.FieldByIndex(k.Index), true
		}
	}
	return reflect.Value{}, false
}

// IsSlot reports whether v is a slot, or a struct that embeds one.
func IsSlot(v reflect.Value) bool { return variant.IsSlotType(v.Type()) }

// Slot returns the slot that v is or embeds. v must be addressable.
func Slot(v reflect.Value) variant.Chooser { return v.Addr().Interface().(variant.Chooser) }

// IsValue reports whether v is a single value: a scalar, a list or a path, and not a struct of further keys.
func IsValue(v reflect.Value) bool { return v.Kind() != reflect.Struct || variant.IsPathType(v.Type()) }

// Plain returns the value of a field in the form that a Setting holds: a bool, string, int64, uint64, float64 or []any.
// A path is what the user wrote.
func Plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Struct:
		return v.Interface().(variant.Path).Written
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
			list[i] = Plain(v.Index(i))
		}
		return list
	}
	panic("settings: no YAML for " + v.Type().String())
}

// Clone returns a copy of a configuration. The copy's slots share no parameters with those of the original.
func Clone[T any](c T) T {
	Unshare(reflect.ValueOf(&c).Elem())
	return c
}

// Unshare gives every slot in v its own copy of its parameters. Lists stay shared, because code replaces a list as a
// whole and never modifies its elements.
func Unshare(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	if variant.IsBareSlotType(v.Type()) {
		slot := Slot(v)
		had := reflect.ValueOf(slot.Params()).Elem()
		if err := slot.Choose(slot.Chosen()); err != nil {
			panic(err) // v holds it
		}
		own := reflect.ValueOf(slot.Params()).Elem()
		own.Set(had)
		Unshare(own)
		return
	}
	for _, i := range structsIn(v.Type()) {
		Unshare(v.Field(i))
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
