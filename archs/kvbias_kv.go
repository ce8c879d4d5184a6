package archs

// LearnedKVBias is an extra slot with a learned key and a learned value in each key-value head (arXiv 2402.17762).
type LearnedKVBias struct{}

// Validate implements KVBias.
func (*LearnedKVBias) Validate(c Config) error { return free(c) }

func (*LearnedKVBias) params(b *builder, name string) (k, v node) {
	k = b.param(name+".k_bias", "vector", weights, b.KV*b.E)
	v = b.param(name+".v_bias", "vector", weights, b.KV*b.E)
	return k, v
}
