package archs

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/ops"
)

// LayerNorm is g (x - mean(x))/sqrt(var(x) + eps) + b, with a gain g and a bias b per channel (arXiv 1607.06450).
type LayerNorm struct {
	unscaled
	Eps  float64 `json:"eps" doc:"added to the variance"`
	Bias bool    `json:"bias" doc:"b, 0 at first; without it b = 0"`
}

// Validate implements Norm.
func (n *LayerNorm) Validate(Config) error { return positive("eps", n.Eps) }

func (n *LayerNorm) apply(b *builder, name string, _ bool, x node) node {
	gain := b.ones(name+".gain", "vector", b.D)
	var bias node
	if n.Bias {
		bias = b.zeros(name+".bias", b.D)
	}
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) {
		return c.LayerNorm(x.Node, gain.Node, bias.Node, float32(n.Eps))
	})
}
