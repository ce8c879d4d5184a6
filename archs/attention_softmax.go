package archs

// Softmax is causal multi-head softmax attention with queries, keys and values of width D (arXiv 1706.03762).
type Softmax struct{ parameterless }

func (s *Softmax) apply(b *builder, name string, x node) node {
	qkv := b.linears(x,
		b.weight(name+".q", b.D, b.D),
		b.weight(name+".k", b.D, b.D),
		b.weight(name+".v", b.D, b.D))
	bias := b.config.KVBias.Value.params(b, name)
	y := b.attend(qkv, bias)
	y = b.config.Gate.Value.apply(b, name, x, y)
	return b.linear(y, b.weight(name+".out", b.D, b.D))
}
