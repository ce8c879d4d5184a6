package archs

// NoGate passes attention on.
type NoGate struct{ parameterless }

func (*NoGate) apply(_ *builder, _ string, _, y node) node { return y }
