package variant

import (
	"reflect"
	"slices"
	"strings"
)

// Listed is the description of one variant in a registry.
type Listed struct {
	Slot    string  `json:"slot"` // dotted key of the configuration, such as "arch.norm"
	Name    string  `json:"name"`
	Formula string  `json:"formula"`
	Params  []Param `json:"params"` // the variant's own parameters, without the slot's common keys
	Source  string  `json:"source"`
}

// Param is one parameter of a variant.
type Param struct {
	Name    string   `json:"name"`
	Default any      `json:"default"`
	Doc     string   `json:"doc"`
	Enum    []string `json:"enum,omitempty"` // the strings that it may hold
}

// List describes every variant of every slot in the struct that config points to, in the order of the struct's
// declaration.
func List(config any) []Listed { return list(reflect.ValueOf(config).Elem(), "") }

func list(v reflect.Value, key string) (all []Listed) {
	slot, isSlot := v.Addr().Interface().(Chooser)
	if isSlot {
		all = slot.List(key)
	}
	if v.Kind() != reflect.Struct {
		return all
	}
	for i := range v.NumField() {
		at := v.Type().Field(i)
		name, _, _ := strings.Cut(at.Tag.Get("json"), ",")
		// A slot itself has no keys here. A struct that embeds one may hold other slots among its common keys.
		if !at.IsExported() || name == "-" || isSlot && name == "" {
			continue
		}
		switch {
		case at.Anonymous && name == "":
			name = key
		case key != "":
			name = key + "." + name
		}
		all = append(all, list(v.Field(i), name)...)
	}
	return all
}

// List implements Chooser.
func (s *Slot[T]) List(slot string) []Listed {
	var all []Listed
	for _, name := range s.registry.Names() {
		entry := s.registry[name]
		if entry.Alias != "" {
			target := s.registry[entry.Alias]
			entry.Formula, entry.Source = "another name of "+entry.Alias+": "+target.Formula, target.Source
		}
		all = append(all, Listed{Slot: slot, Name: name, Formula: entry.Formula, Source: entry.Source,
			Params: params(reflect.ValueOf(entry.New()).Elem())})
	}
	return all
}

func params(v reflect.Value) []Param {
	all := []Param{}
	for _, k := range Keys(v.Type()) {
		all = append(all, Param{Name: k.Name, Default: v.FieldByIndex(k.Index).Interface(), Doc: k.Doc, Enum: k.Enum})
	}
	return all
}

// CheckEnums returns an *Error at the first parameter whose string is not in its `enum` tag. params points to a struct.
func CheckEnums(params any) error { return checkEnums(reflect.ValueOf(params).Elem()) }

func checkEnums(v reflect.Value) error {
	for i := range v.NumField() {
		at := v.Type().Field(i)
		known := Enum(at)
		if at.Anonymous && at.Type.Kind() == reflect.Struct {
			if err := checkEnums(v.Field(i)); err != nil {
				return err
			}
		} else if known != nil && !slices.Contains(known, v.Field(i).String()) {
			name, _, _ := strings.Cut(at.Tag.Get("json"), ",")
			return Errorf(name, "%v", Unknown(strings.ReplaceAll(name, "_", " "), v.Field(i).String(), known))
		}
	}
	return nil
}

// Enum lists the strings that a field tagged `enum:"a,b"` may hold. It returns nil if the field may hold any string.
func Enum(f reflect.StructField) []string {
	text, ok := f.Tag.Lookup("enum")
	if !ok {
		return nil
	}
	return strings.Split(text, ",")
}
