package archs

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/ops"
)

// RMSNorm is g x / sqrt(mean(x^2) + eps), with one gain g per channel (arXiv 1910.07467).
type RMSNorm struct {
	unscaled
	Eps float64 `json:"eps" doc:"added to the mean square"`
}

// Validate implements Norm.
func (n *RMSNorm) Validate(Config) error { return positive("eps", n.Eps) }

func (n *RMSNorm) apply(b *builder, name string, _ bool, x node) node {
	return b.rmsnorm(x, b.ones(name+".gain", "vector", b.D), n.Eps)
}

func (b *builder) rmsnorm(x, gain node, eps float64) node {
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.RMSNorm(x.Node, gain.Node, float32(eps)) })
}

// headNorm is the RMSNorm of QK-norm, over each head separately, with eps 1e-6.
func (b *builder) headNorm(name string, x node) node {
	gain := b.ones(name+".gain", "vector", b.E)
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.RMSNormHeads(x.Node, gain.Node, 1e-6) })
}
