package archs

// SSNorm is RMSNorm with a single gain for all channels (arXiv 2506.19697). The paper writes gamma x/|x|, which is the
// same with gamma = g sqrt(D); the gain begins at 1.
type SSNorm struct {
	Eps float64 `json:"eps"`
}

// Validate implements Norm.
func (n *SSNorm) Validate(Config) error { return positive("eps", n.Eps) }

func (n *SSNorm) apply(b *builder, name string, x node) node {
	gain := b.param(name+".gain", "scalar", ones, 1)
	return b.rmsnorm(x, gain, n.Eps)
}
