package sweep

import (
	"errors"
	"reflect"

	"go.yaml.in/yaml/v4"

	"github.com/outcrop-lab/outcrop/experiments/stopping"
	"github.com/outcrop-lab/outcrop/settings"
	"github.com/outcrop-lab/outcrop/settings/document"
	"github.com/outcrop-lab/outcrop/variant"
)

// rule reads and checks the sweep's `stopping`. It places a fault at the key in question if the file has it, else at
// the whole map.
func (d *decoder) rule(n *yaml.Node) *stopping.Rule {
	r, standard := stopping.Default(), stopping.Default()
	before := len(d.faults)
	d.prefix = ""
	d.value(n, reflect.ValueOf(&r).Elem(), reflect.ValueOf(&standard).Elem(), "stopping")
	if len(d.faults) > before {
		return nil
	}
	if at := new(variant.Error); errors.As(r.Validate(), &at) {
		d.fault(nearest(n, at.Key), settings.Join("stopping", at.Key), "%s", at.Message)
	}
	return &r
}

// nearest returns the node of a dotted key in a map, or that of its nearest enclosing key there, or the map itself.
func nearest(n *yaml.Node, key string) *yaml.Node {
	for top := key; top != ""; top = parent(top) {
		if value := document.Find(n, top); value != nil {
			return value
		}
	}
	return n
}

func stoppingSchema() *Schema {
	r := stopping.Default()
	schema := schemaOf(settings.Field{Name: "stopping", Value: reflect.ValueOf(&r).Elem(),
		Doc: "a rule that ends runs early, by their own rows"}, "stopping", keyed{})
	schema.Properties["metric"].Enum = []any{nil}
	for _, name := range stopping.Metrics {
		schema.Properties["metric"].Enum = append(schema.Properties["metric"].Enum, name)
	}
	return schema
}
