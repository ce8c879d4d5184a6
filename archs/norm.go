package archs

import "github.com/outcrop-lab/outcrop/variant"

// Norm normalises the stream. `norm_placement` decides where; by default it is before each sub-layer and before the
// head.
type Norm interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.norm`, or nil.
	Validate(Config) error
	// apply normalises x [R, D]; the names of its parameters begin with name. attention is true for attention's norm.
	apply(b *builder, name string, attention bool, x node) node
	// embed acts on the embedded tokens x [R, D].
	embed(b *builder, x node) node
}

var norms = variant.Registry[Norm]{
	"rmsnorm": {New: func() Norm { return &RMSNorm{Eps: 1e-6} },
		Formula: "g x / sqrt(mean(x^2) + eps), g per channel", Source: "1910.07467"},
	"ssnorm": {New: func() Norm { return &SSNorm{Eps: 1e-6} },
		Formula: "g x / sqrt(mean(x^2) + eps), one g", Source: "2506.19697"},
	"layernorm": {New: func() Norm { return &LayerNorm{Eps: 1e-5, Bias: true} },
		Formula: "g (x - mean(x)) / sqrt(var(x) + eps) + b", Source: "1607.06450"},
	"dyt": {New: func() Norm { return &DyT{Beta: true} },
		Formula: "g tanh(a x) + b, one a", Source: "2503.10622"},
	"none": {New: func() Norm { return &NoNorm{} }, Formula: "x"},
}

// unscaled is embedded in norms that leave the embedding as it is.
type unscaled struct{}

func (unscaled) embed(_ *builder, x node) node { return x }

// positive returns an error unless x is above zero.
func positive(key string, x float64) error {
	if !(x > 0) {
		return variant.Errorf(key, "must be above 0, is %g", x)
	}
	return nil
}
