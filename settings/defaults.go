package settings

import (
	"reflect"
	"sync"
)

// Defaults compares configurations of type T with their defaults, and caches the default settings for each choice of
// variants. Several goroutines may use it.
type Defaults[T any] struct {
	// Standard returns a new copy of the default configuration at each call.
	Standard func() T

	known sync.Map // from the names of the chosen variants to []Setting
}

// Overridden lists the settings of c that differ from their defaults, in the order of the configuration. list holds all
// settings of c, as Of returns them. The default of a variant's parameter is the one that the variant declares, even if
// the slot's default is another variant.
func (d *Defaults[T]) Overridden(list []Setting, c T) []Setting {
	var names []byte
	for _, s := range list {
		if s.Choice {
			names = append(append(names, s.Value.(string)...), 0)
		}
	}
	known, ok := d.known.Load(string(names))
	if !ok {
		known, _ = d.known.LoadOrStore(string(names), d.alignedWith(&c))
	}
	usual := known.([]Setting)
	var own []Setting
	for i, s := range list {
		if !Same(s.Value, usual[i].Value) {
			own = append(own, s)
		}
	}
	return own
}

// alignedWith lists the default settings that c's are compared with: the default parameters of the variants that c
// chooses, but the names of the default variants.
func (d *Defaults[T]) alignedWith(c *T) []Setting {
	standard := d.Standard()
	chosen := map[string]any{}
	for _, s := range Of(&standard) {
		if s.Choice {
			chosen[s.Key] = s.Value
		}
	}
	align(reflect.ValueOf(&standard).Elem(), reflect.ValueOf(c).Elem())
	aligned := Of(&standard)
	for i, s := range aligned {
		if s.Choice {
			aligned[i].Value = chosen[s.Key]
		}
	}
	return aligned
}

// align chooses in standard every variant that v chooses, so that both have the same keys.
func align(standard, v reflect.Value) {
	if IsSlot(v) && Slot(standard).Chosen() != Slot(v).Chosen() {
		if err := Slot(standard).Choose(Slot(v).Chosen()); err != nil {
			panic(err) // v holds it
		}
	}
	from := Fields(v)
	for i, f := range Fields(standard) {
		if !IsValue(f.Value) {
			align(f.Value, from[i].Value)
		}
	}
}
