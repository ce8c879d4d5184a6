package archs

// LearnedKVBias is one extra position with a learned key and value in each head, taken after RoPE (arXiv 2402.17762).
type LearnedKVBias struct{ parameterless }

func (*LearnedKVBias) params(b *builder, name string) []node {
	return []node{
		b.param(name+".k_bias", "vector", normal, b.D),
		b.param(name+".v_bias", "vector", normal, b.D),
	}
}
