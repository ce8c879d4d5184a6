package archs

// NoNorm leaves the stream as it is.
type NoNorm struct {
	parameterless
	unscaled
}

func (*NoNorm) apply(_ *builder, _ string, _ bool, x node) node { return x }
