package archs

import "github.com/outcrop-lab/outcrop/variant"

// Gate scales what attention gives, before its output projection.
type Gate interface {
	// Validate returns a *variant.Error with a key below `arch.gate`.
	Validate(Config) error
	// apply gates y [R, H*E] by the normalised stream x [R, D]; its parameters' names begin with name.
	apply(b *builder, name string, x, y node) node
}

var gates = variant.Registry[Gate]{
	"none": {New: func() Gate { return &NoGate{} }},
	"g1":   {New: func() Gate { return &G1{Granularity: "elementwise"} }},
}
