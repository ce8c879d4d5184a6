package archs

// NoKVBias adds no extra slot.
type NoKVBias struct{ parameterless }

func (*NoKVBias) params(*builder, string) (k, v node) { return node{}, node{} }
