package sweep

import (
	"reflect"
	"slices"
	"strings"

	"github.com/outcrop-lab/outcrop/configs"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/trainer"
)

// Schema is the part of JSON Schema (draft 2020-12) that describes a sweep file.
type Schema struct {
	Draft       string             `json:"$schema,omitempty"`
	Title       string             `json:"title,omitempty"`
	Description string             `json:"description,omitempty"`
	Ref         string             `json:"$ref,omitempty"`
	Type        []string           `json:"type,omitempty"`
	Enum        []any              `json:"enum,omitempty"`
	Const       any                `json:"const,omitempty"`
	Default     any                `json:"default,omitempty"`
	Examples    []string           `json:"examples,omitempty"`
	Minimum     *int               `json:"minimum,omitempty"`
	Maximum     int64              `json:"maximum,omitempty"`
	Pattern     string             `json:"pattern,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	// Additional is false, or the schema of the properties that Properties does not list.
	Additional    any                `json:"additionalProperties,omitempty"`
	PropertyNames *Schema            `json:"propertyNames,omitempty"`
	MinProperties int                `json:"minProperties,omitempty"`
	Required      []string           `json:"required,omitempty"`
	AnyOf         []*Schema          `json:"anyOf,omitempty"`
	AllOf         []*Schema          `json:"allOf,omitempty"`
	If            *Schema            `json:"if,omitempty"`
	Then          *Schema            `json:"then,omitempty"`
	Defs          map[string]*Schema `json:"$defs,omitempty"`
}

// SweepSchema returns the schema of a sweep file, made from the configuration's structs and registries. Its
// `#/$defs/preset` is the schema of a preset. The schema checks keys, types, names and the largest whole numbers. Only
// the decoder checks other limits, and the parameters of a slot whose name is not given.
func SweepSchema() *Schema {
	config := trainer.Default()
	keys := keyed{}
	defs := map[string]*Schema{}
	sections, extended := map[string]*Schema{}, map[string]*Schema{}
	for _, f := range settings.Fields(reflect.ValueOf(&config).Elem()) {
		if f.Name == "seed" {
			continue // seeds belong to the sweep
		}
		defs[f.Name] = schemaOf(f, f.Name, keys)
		sections[f.Name] = &Schema{Ref: "#/$defs/" + f.Name}
		extended[f.Name] = sections[f.Name]
	}
	preset := &Schema{Type: []string{"string"}, Description: "a preset, or the path of a .yaml file relative to this one",
		Examples: configs.Presets()}
	extends := &Schema{Description: "presets and files, merged in order before the keys given here",
		AnyOf: []*Schema{preset, {Type: []string{"array"}, Items: preset}}}
	extended["extends"] = extends
	defs["config"] = &Schema{Type: []string{"object", "null"}, Properties: sections, Additional: false}
	defs["preset"] = &Schema{Type: []string{"object", "null"}, Properties: extended, Additional: false}
	name := &Schema{Pattern: settings.NamePattern}
	rules := &Schema{Type: []string{"array", "null"}, Items: &Schema{
		Type: []string{"object"}, PropertyNames: &Schema{Enum: keys.names("arm", "seed")}, MinProperties: 1,
		Description: "a map from dotted keys to values, all of which must match",
	}}
	one, zero := 1, 0
	return &Schema{
		Draft: "https://json-schema.org/draft/2020-12/schema", Title: "Outcrop sweep",
		Type: []string{"object"}, Required: []string{"name"}, Additional: false,
		Properties: map[string]*Schema{
			"name": {Type: textKinds, Minimum: &zero, Pattern: settings.NamePattern,
				Description: "the sweep's name, and its folder's in the results"},
			"extends": extends,
			"base":    {Ref: "#/$defs/config", Description: "the configuration that all arms start from"},
			"arms": {Type: []string{"object", "null"}, PropertyNames: name, MinProperties: 1,
				Additional:  &Schema{Ref: "#/$defs/preset"},
				Description: "a map from an arm's name to what it changes"},
			"grid": keys.lists("a map from dotted keys, or maps of keys, to lists of values: " +
				"every combination of them, in every arm"),
			"zip":    keys.lists("as grid, but the lists are equally long and walked together"),
			"random": keys.random(),
			"seeds": {Description: "the number n of seeds, which are then 0 … n-1, or a list of seeds", AnyOf: []*Schema{
				{Type: []string{"integer", "null"}, Minimum: &one, Maximum: maxRuns},
				{Type: []string{"array"}, Items: &Schema{Type: []string{"integer"}, Minimum: &zero}, MinItems: 1},
			}},
			"exclude":  rules,
			"only":     rules,
			"stopping": stoppingSchema(),
		},
		Defs: defs,
	}
}

// schemaOf describes a field of the configuration and adds the dotted keys of its settings to keys. Null is allowed
// everywhere, because it restores a default.
func schemaOf(f settings.Field, key string, keys keyed) *Schema {
	s := &Schema{Description: f.Doc}
	if settings.IsSlot(f.Value) {
		return slotSchema(s, f.Value, key, keys)
	}
	if !settings.IsValue(f.Value) {
		keys[key] = nil
		s.Type, s.Properties, s.Additional = []string{"object", "null"}, map[string]*Schema{}, false
		for _, inner := range settings.Fields(f.Value) {
			s.Properties[inner.Name] = schemaOf(inner, settings.Join(key, inner.Name), keys)
		}
		return s
	}
	s.Type, s.Default = append(kindsOf(f.Value.Type()), "null"), settings.Plain(f.Value)
	switch f.Value.Kind() {
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		s.Minimum = new(int)
	case reflect.Slice:
		s.Items = &Schema{Type: kindsOf(f.Value.Type().Elem()), Maximum: f.Max}
	default:
		s.Maximum = f.Max
	}
	if f.Enum != nil {
		s.Enum = []any{nil}
		for _, text := range f.Enum {
			s.Enum = append(s.Enum, text)
		}
	}
	keys[key] = &Schema{Type: s.Type, Minimum: s.Minimum, Maximum: s.Maximum, Items: s.Items, Enum: s.Enum}
	return s
}

// slotSchema describes a slot in s: a name, or a map that may hold the common keys and, if it says a name, that
// variant's parameters.
func slotSchema(s *Schema, v reflect.Value, key string, keys keyed) *Schema {
	slot := settings.Slot(v)
	standard := slot.Chosen()
	s.Default = standard
	names := []any{}
	all := &Schema{Type: []string{"object"}, Properties: map[string]*Schema{}, Additional: false}
	lines := []string{}
	for _, listed := range slot.List(key) {
		names = append(names, listed.Name)
		lines = append(lines, listed.Name+": "+listed.Formula)
		if err := slot.Choose(listed.Name); err != nil {
			panic(err) // it is listed
		}
		own, known := map[string]*Schema{}, []any{"name"}
		for _, inner := range settings.Fields(v) {
			own[inner.Name] = schemaOf(inner, settings.Join(key, inner.Name), keys)
			known = append(known, inner.Name)
			if had, ok := all.Properties[inner.Name]; ok && !reflect.DeepEqual(had, own[inner.Name]) {
				all.Properties[inner.Name] = &Schema{AnyOf: []*Schema{had, own[inner.Name]}}
			} else {
				all.Properties[inner.Name] = own[inner.Name]
			}
		}
		all.AllOf = append(all.AllOf, &Schema{
			If:   &Schema{Properties: map[string]*Schema{"name": {Const: listed.Name}}, Required: []string{"name"}},
			Then: &Schema{Properties: own, PropertyNames: &Schema{Enum: known}},
		})
	}
	if err := slot.Choose(standard); err != nil {
		panic(err) // it was chosen before
	}
	described := strings.Join(lines, "\n")
	all.Properties["name"] = &Schema{Enum: names, Description: described}
	s.AnyOf = []*Schema{{Enum: append(slices.Clone(names), nil), Description: described}, all}
	keys[key] = &Schema{AnyOf: []*Schema{{Enum: append(slices.Clone(names), nil)}, {Type: []string{"object"}}}}
	return s
}

// keyed maps each dotted key of the configuration to the schema of its value; nil for a key that only holds other keys.
type keyed map[string]*Schema

// names lists the keys that have values, and others, sorted.
func (k keyed) names(others ...string) (names []any) {
	for key, value := range k {
		if value != nil {
			others = append(others, key)
		}
	}
	slices.Sort(others)
	for _, name := range others {
		names = append(names, name)
	}
	return names
}

// lists returns the schema of grid or zip. Only the decoder checks the contents of a map of keys.
func (k keyed) lists(described string) *Schema {
	s := &Schema{Type: []string{"object", "null"}, Description: described, Properties: map[string]*Schema{},
		Additional: false, MinProperties: 1}
	deeper := &Schema{Type: []string{"object"}}
	for key, value := range k {
		s.Properties[key] = deeper
		if value != nil {
			s.Properties[key] = &Schema{AnyOf: []*Schema{{Type: []string{"array"}, Items: value, MinItems: 1}, deeper}}
		}
	}
	return s
}

// random returns the schema of random.
func (k keyed) random() *Schema {
	one, zero, number := 1, 0, &Schema{Type: []string{"number"}}
	s := &Schema{Type: []string{"object", "null"}, Required: []string{"count"}, Additional: false,
		Description: "seeded draws of keys, each from its distribution, in every arm",
		Properties: map[string]*Schema{
			"count": {Type: []string{"integer"}, Minimum: &one, Maximum: maxRuns, Description: "the number of draws"},
			"seed": {Type: []string{"integer"}, Minimum: &zero, Default: 0,
				Description: "the seed of the draws; the draws of a key do not depend on the other keys"},
		}}
	for key, value := range k {
		if value == nil || value.AnyOf != nil { // a map of keys, or a slot, which has keys too
			s.Properties[key] = &Schema{Type: []string{"object"}}
			continue
		}
		from := &Schema{Type: []string{"object"}, Properties: map[string]*Schema{}, Additional: false, MinProperties: 1}
		for name, d := range distributions {
			bounds := &Schema{Type: []string{"array"}, Items: number, MinItems: 2, Description: d.formula}
			if d.at == nil {
				bounds.Items, bounds.MinItems = value, 1
			}
			from.Properties[name] = bounds
		}
		s.Properties[key] = from
	}
	return s
}

// textKinds lists the kinds of JSON value that are read as text: a name may be 2026 or true.
var textKinds = []string{"string", "number", "boolean"}

// kindsOf lists the kinds of JSON value that a Go type is read from.
func kindsOf(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Bool:
		return []string{"boolean"}
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint, reflect.Uint64, reflect.Uint32:
		return []string{"integer"}
	case reflect.Float64, reflect.Float32:
		return []string{"number"}
	case reflect.String, reflect.Struct: // a path, if it is a struct
		return slices.Clone(textKinds)
	case reflect.Slice:
		return []string{"array"}
	}
	panic("sweep: no JSON schema for " + t.String())
}
