package archs

import "github.com/outcrop-lab/outcrop/variant"

// KVBias is a learned key that every query sees, with a learned value or the value 0, in an extra slot before the
// sequence. Neither RoPE nor ALiBi applies to this key.
type KVBias interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.kv_bias`, or nil.
	Validate(Config) error
	// params returns k' and v', each [KV*E], or absent nodes. Their names begin with name.
	params(b *builder, name string) (k, v node)
}

var kvBiases = variant.Registry[KVBias]{
	"none": {New: func() KVBias { return &NoKVBias{} }, Formula: "no extra slot"},
	"kv": {New: func() KVBias { return &LearnedKVBias{} },
		Formula: "softmax(q [K k']^T / sqrt(E)) [V; v'], k' and v' learned per head", Source: "2402.17762"},
	"k": {New: func() KVBias { return &LearnedKBias{} },
		Formula: "softmax(q [K k']^T / sqrt(E)) [V; 0], k' learned per head", Source: "2410.10781"},
}

// free returns an error if the attention already occupies the extra slot.
func free(c Config) error {
	if c.Attention.Value.extra() {
		return variant.Errorf("name",
			"arch.attention %s takes the extra slot itself; use kv_bias none or attention softmax", c.Attention.Name)
	}
	return nil
}
