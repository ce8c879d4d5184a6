package archs

import "github.com/outcrop-lab/outcrop/variant"

// Norm is what stands before each sub-layer and before the head.
type Norm interface {
	// Validate returns a *variant.Error with a key below `arch.norm`.
	Validate(Config) error
	// apply normalises x [R, D]; its parameters' names begin with name.
	apply(b *builder, name string, x node) node
}

var norms = variant.Registry[Norm]{
	"rmsnorm": {New: func() Norm { return &RMSNorm{Eps: 1e-6} }},
	"ssnorm":  {New: func() Norm { return &SSNorm{Eps: 1e-6} }},
}
