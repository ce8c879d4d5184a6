package archs

import "github.com/outcrop-lab/outcrop/variant"

// LearnedKBias is an extra slot with a learned key and the value 0 in each key-value head (arXiv 2410.10781).
type LearnedKBias struct{}

// Validate implements KVBias.
func (*LearnedKBias) Validate(c Config) error {
	if !c.Attention.Value.normalised() {
		return variant.Errorf("name",
			"arch.attention %s does not divide by the sum of its weights, so a slot with value 0 changes nothing; use kv",
			c.Attention.Name)
	}
	return free(c)
}

func (*LearnedKBias) params(b *builder, name string) (k, v node) {
	return b.param(name+".k_bias", "vector", weights, b.KV*b.E), node{}
}
