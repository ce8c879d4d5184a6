package archs

import "github.com/outcrop-lab/outcrop/variant"

// KVBias is a learned key and value that every query sees.
type KVBias interface {
	// Validate returns a *variant.Error with a key below `arch.kv_bias`.
	Validate(Config) error
	// params is empty, or k' and v', each [H*E]; the names begin with name.
	params(b *builder, name string) []node
}

var kvBiases = variant.Registry[KVBias]{
	"none": {New: func() KVBias { return &NoKVBias{} }},
	"kv":   {New: func() KVBias { return &LearnedKVBias{} }},
}
