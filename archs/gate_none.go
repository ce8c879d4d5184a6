package archs

// NoGate leaves attention ungated.
type NoGate struct{ parameterless }

func (*NoGate) place() string                                     { return "" }
func (*NoGate) apply(_ *builder, _ string, _, y node, _ int) node { return y }
func (*NoGate) narrows(Config) int                                { return 0 }
