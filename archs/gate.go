package archs

import "github.com/outcrop-lab/outcrop/variant"

// Gate gates the activations at one place in attention: it multiplies them by scores or adds scores to them.
type Gate interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.gate`, or nil.
	Validate(Config) error
	// place returns the position of the gate, "g1" to "g5", or "".
	place() string
	// apply gates y [R, heads*E] by attention's input x [R, D]; the names of its parameters begin with name.
	apply(b *builder, name string, x, y node, heads int) node
	// narrows returns how many hidden channels the MLP gives up to make room for the gate's parameters.
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

// gated applies the gate to y if the gate is at that place.
func (b *builder) gated(place, name string, x, y node, heads int) node {
	if gate := b.config.Gate.Value; gate.place() == place {
		return gate.apply(b, name, x, y, heads)
	}
	return y
}
