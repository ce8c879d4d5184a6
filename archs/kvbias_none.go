package archs

// NoKVBias adds no extra position.
type NoKVBias struct{ parameterless }

func (*NoKVBias) params(*builder, string) (k, v node) { return node{}, node{} }
