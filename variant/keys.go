package variant

import (
	"reflect"
	"strings"
	"sync"
)

// Key is one key of a configuration struct, as described by the tags of the key's field.
type Key struct {
	Name  string   // from the tag `json` or, without one, the field's name
	Index []int    // the field's index, for reflect's FieldByIndex
	Doc   string   // what it is, with its unit
	Enum  []string // the strings that it may hold; nil if it may hold any string
	Max   int64    // the largest whole number that it may hold; 0 if nothing is said
}

var (
	keysOf      sync.Map // reflect.Type to []Key
	slotTypes   sync.Map // reflect.Type to bool
	bareTypes   sync.Map // reflect.Type to bool
	chooserType = reflect.TypeFor[Chooser]()
)

// Keys lists the keys of a struct type in the order of declaration. The keys of an embedded struct stand in the place
// of that struct. For a slot, Keys lists only the common keys; the parameters of a variant are keys of the variant's
// own struct. Callers must not modify the returned list.
func Keys(t reflect.Type) []Key {
	if had, ok := keysOf.Load(t); ok {
		return had.([]Key)
	}
	var out []Key
	if !IsBareSlotType(t) {
		for i := range t.NumField() {
			at := t.Field(i)
			name, _, _ := strings.Cut(at.Tag.Get("json"), ",")
			if name == "" {
				name = at.Name
			}
			switch {
			case !at.IsExported() || name == "-" || at.Anonymous && IsSlotType(at.Type):
			case at.Anonymous && at.Type.Kind() == reflect.Struct && at.Tag.Get("json") == "":
				for _, inner := range Keys(at.Type) {
					inner.Index = append([]int{i}, inner.Index...)
					out = append(out, inner)
				}
			default:
				out = append(out, Key{name, []int{i}, at.Tag.Get("doc"), Enum(at), largest(at)})
			}
		}
	}
	keysOf.Store(t, out)
	return out
}

// IsSlotType reports whether t is a slot, or a struct that embeds one.
func IsSlotType(t reflect.Type) bool {
	return remembered(&slotTypes, t, func() bool {
		return t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(chooserType)
	})
}

// IsBareSlotType reports whether t is a slot itself, and not a struct that embeds one.
func IsBareSlotType(t reflect.Type) bool {
	return remembered(&bareTypes, t, func() bool {
		if !IsSlotType(t) {
			return false
		}
		for i := range t.NumField() {
			if t.Field(i).Anonymous && IsSlotType(t.Field(i).Type) {
				return false
			}
		}
		return true
	})
}

// remembered returns the result of is for a type, which it caches.
func remembered(in *sync.Map, t reflect.Type, is func() bool) bool {
	if had, ok := in.Load(t); ok {
		return had.(bool)
	}
	yes := is()
	in.Store(t, yes)
	return yes
}
