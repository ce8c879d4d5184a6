package archs

// NoKVBias adds no position.
type NoKVBias struct{ parameterless }

func (*NoKVBias) params(*builder, string) []node { return nil }
