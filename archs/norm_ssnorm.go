package archs

// SSNorm is RMSNorm with a single gain g for all channels (arXiv 2506.19697). The paper writes gamma x/|x|, which is
// the same for gamma = g sqrt(D), up to eps. The gain g starts at 1.
type SSNorm struct {
	unscaled
	Eps float64 `json:"eps" doc:"added to the mean square"`
}

// Validate implements Norm.
func (n *SSNorm) Validate(Config) error { return positive("eps", n.Eps) }

func (n *SSNorm) apply(b *builder, name string, _ bool, x node) node {
	return b.rmsnorm(x, b.ones(name+".gain", "scalar", 1), n.Eps)
}
