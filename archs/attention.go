package archs

import "github.com/outcrop-lab/outcrop/variant"

// Attention mixes positions.
type Attention interface {
	// Validate returns a *variant.Error with a key below `arch.attention`.
	Validate(Config) error
	// apply maps the normalised stream x [R, D] to [R, D]; its parameters' names begin with name.
	apply(b *builder, name string, x node) node
}

var attentions = variant.Registry[Attention]{
	"softmax": {New: func() Attention { return &Softmax{} }},
}
