package archs

import "github.com/outcrop-lab/outcrop/variant"

// RMSNorm is g x / sqrt(mean(x^2) + eps), with a gain per channel (arXiv 1910.07467).
type RMSNorm struct {
	Eps float64 `json:"eps"`
}

// Validate implements Norm.
func (n *RMSNorm) Validate(Config) error { return positive("eps", n.Eps) }

func (n *RMSNorm) apply(b *builder, name string, x node) node {
	gain := b.param(name+".gain", "vector", ones, b.D)
	return b.rmsnorm(x, gain, n.Eps)
}

// positive reports a number that is not above zero.
func positive(key string, x float64) error {
	if !(x > 0) {
		return variant.Errorf(key, "must be above 0, is %g", x)
	}
	return nil
}
