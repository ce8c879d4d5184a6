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
	Pattern     string             `json:"pattern,omitempty"`
	Items       *Schema            `json:"items,omitempty"`
	MinItems    int                `json:"minItems,omitempty"`
	Properties  map[string]*Schema `json:"properties,omitempty"`
	// Additional is false, or the schema of the properties that are not listed.
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

// SweepSchema is the schema of a sweep file, made from the configuration's structs and registries; `#/$defs/preset` in it is
// that of a preset. It knows keys, types and names; limits, and what a slot that does not say its name may hold, are the
// decoder's.
func SweepSchema() *Schema {
	config := trainer.Default()
	keys := keyed{}
	defs := map[string]*Schema{}
	sections, extended := map[string]*Schema{}, map[string]*Schema{}
	for _, f := range settings.Fields(reflect.ValueOf(&config).Elem()) {
		if f.Name == "seed" {
			continue // the sweep's
		}
		defs[f.Name] = schemaOf(f, f.Name, keys)
		sections[f.Name] = &Schema{Ref: "#/$defs/" + f.Name}
		extended[f.Name] = sections[f.Name]
	}
	preset := &Schema{Type: []string{"string"}, Description: "a preset, or the path of a .yaml file relative to this one", Examples: configs.Presets()}
	extends := &Schema{Description: "presets and files, merged in order under what stands here", AnyOf: []*Schema{preset, {Type: []string{"array"}, Items: preset}}}
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
		Draft: "https://json-schema.org/draft/2020-12/schema", Title: "Outcrop sweep", Type: []string{"object"}, Required: []string{"name"}, Additional: false,
		Properties: map[string]*Schema{
			"name":    {Type: []string{"string"}, Pattern: settings.NamePattern, Description: "names the sweep's folder in the results"},
			"extends": extends,
			"base":    {Ref: "#/$defs/config", Description: "the configuration that all arms start from"},
			"arms": {Type: []string{"object", "null"}, PropertyNames: name, MinProperties: 1, Additional: &Schema{Ref: "#/$defs/preset"},
				Description: "a map from an arm's name to what it changes"},
			"grid":   keys.lists("a map from dotted keys, or maps of keys, to lists of values: every combination of them, in every arm"),
			"zip":    keys.lists("as grid, but the lists are equally long and walked together"),
			"random": keys.random(),
			"seeds": {Description: "how many seeds, 0 … n-1, or a list of seeds", AnyOf: []*Schema{
				{Type: []string{"integer", "null"}, Minimum: &one},
				{Type: []string{"array"}, Items: &Schema{Type: []string{"integer"}, Minimum: &zero}, MinItems: 1},
			}},
			"exclude":  rules,
			"only":     rules,
			"stopping": stoppingSchema(),
		},
		Defs: defs,
	}
}

// schemaOf describes a field of the configuration, and adds the dotted keys of its settings. Null brings a default back, so it
// is allowed everywhere.
func schemaOf(f settings.Field, key string, keys keyed) *Schema {
	s := &Schema{Description: f.Doc}
	if settings.IsSlot(f.Value) {
		return slotSchema(s, f.Value, key, keys)
	}
	if f.Value.Kind() == reflect.Struct {
		keys[key] = nil
		s.Type, s.Properties, s.Additional = []string{"object", "null"}, map[string]*Schema{}, false
		for _, inner := range settings.Fields(f.Value) {
			s.Properties[inner.Name] = schemaOf(inner, settings.Join(key, inner.Name), keys)
		}
		return s
	}
	kind := kindOf(f.Value.Type())
	s.Type, s.Default = []string{kind, "null"}, settings.Plain(f.Value)
	switch f.Value.Kind() {
	case reflect.Uint, reflect.Uint64, reflect.Uint32:
		s.Minimum = new(int)
	case reflect.Slice:
		s.Items = &Schema{Type: []string{kindOf(f.Value.Type().Elem())}}
	}
	if f.Enum != nil {
		s.Enum = []any{nil}
		for _, text := range f.Enum {
			s.Enum = append(s.Enum, text)
		}
	}
	keys[key] = &Schema{Type: s.Type, Minimum: s.Minimum, Items: s.Items, Enum: s.Enum}
	return s
}

// slotSchema is a name, or a map that may hold the common keys and, where it says its name, that variant's parameters.
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

// keyed holds a schema of a value under each dotted key of the configuration; nil where a key is a map of others alone.
type keyed map[string]*Schema

// names are the keys that have values, and others.
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

// lists is the schema of grid and of zip. What stands in a map of keys is the decoder's to check.
func (k keyed) lists(described string) *Schema {
	s := &Schema{Type: []string{"object", "null"}, Description: described, Properties: map[string]*Schema{}, Additional: false, MinProperties: 1}
	deeper := &Schema{Type: []string{"object"}}
	for key, value := range k {
		s.Properties[key] = deeper
		if value != nil {
			s.Properties[key] = &Schema{AnyOf: []*Schema{{Type: []string{"array"}, Items: value, MinItems: 1}, deeper}}
		}
	}
	return s
}

// random is the schema of random.
func (k keyed) random() *Schema {
	one, zero, number := 1, 0, &Schema{Type: []string{"number"}}
	s := &Schema{Type: []string{"object", "null"}, Description: "seeded draws of keys, each from its distribution, in every arm", Required: []string{"count"}, Additional: false,
		Properties: map[string]*Schema{
			"count": {Type: []string{"integer"}, Minimum: &one, Description: "how many draws"},
			"seed":  {Type: []string{"integer"}, Minimum: &zero, Default: 0, Description: "of the draws; a key's do not depend on the other keys"},
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

func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint, reflect.Uint64, reflect.Uint32:
		return "integer"
	case reflect.Float64, reflect.Float32:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Slice:
		return "array"
	}
	panic("sweep: no JSON schema for " + t.String())
}
