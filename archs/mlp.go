package archs

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// MLP acts on each position alone.
type MLP interface {
	// Validate returns a *variant.Error with a key below `arch.mlp`.
	Validate(Config) error
	// apply maps the normalised stream x [R, D] to [R, D]; its parameters' names begin with name.
	apply(b *builder, name string, x node) node
}

var mlps = variant.Registry[MLP]{
	"gelu": {New: func() MLP { return &GELU{Expansion{Multiple: 4}} }},
	"relu": {New: func() MLP { return &ReLU{Expansion{Multiple: 4}} }},
}

// Expansion is what MLPs with one hidden layer share.
type Expansion struct {
	// Multiple is the hidden width over the width of the stream.
	Multiple int `json:"multiple"`
}

// Validate implements MLP.
func (e *Expansion) Validate(Config) error {
	if e.Multiple < 1 {
		return variant.Errorf("multiple", "must be at least 1, is %d", e.Multiple)
	}
	return nil
}

func (e *Expansion) expand(b *builder, name string, f compute.Activation, x node) node {
	hidden := e.Multiple * b.D
	h := b.activate(f, b.linear(x, b.weight(name+".up", hidden, b.D)))
	return b.linear(h, b.weight(name+".down", b.D, hidden))
}
