package archs

import "github.com/outcrop-lab/outcrop/variant"

// Gate scales what one place of attention gives.
type Gate interface {
	// Validate returns a *variant.Error with a key below `arch.gate`.
	Validate(Config) error
	// place is where the gate stands, "g1" to "g5", or "".
	place() string
	// apply gates y [R, heads*E] by the stream x [R, D] that attention reads; its parameters' names begin with name.
	apply(b *builder, name string, x, y node, heads int) node
	// narrows is how many hidden channels the MLP gives up for the gate's parameters.
	narrows(Config) int
}

var gates = variant.Registry[Gate]{
	"none": {New: func() Gate { return &NoGate{} }, Formula: "y"},
	"g1":   {New: gateAt("g1"), Formula: "y sigmoid(W x), y the heads' outputs", Source: "2505.06708"},
	"g2":   {New: gateAt("g2"), Formula: "v sigmoid(W x)", Source: "2505.06708"},
	"g3":   {New: gateAt("g3"), Formula: "k sigmoid(W x)", Source: "2505.06708"},
	"g4":   {New: gateAt("g4"), Formula: "q sigmoid(W x)", Source: "2505.06708"},
	"g5":   {New: gateAt("g5"), Formula: "y sigmoid(W x), y attention's output after W_out", Source: "2505.06708"},
}

func gateAt(place string) func() Gate {
	return func() Gate {
		return &LearnedGate{Granularity: "elementwise", Activation: "sigmoid", Combine: "multiply", at: place}
	}
}

// gated applies the gate if it stands at that place.
func (b *builder) gated(place, name string, x, y node, heads int) node {
	if gate := b.config.Gate.Value; gate.place() == place {
		return gate.apply(b, name, x, y, heads)
	}
	return y
}
