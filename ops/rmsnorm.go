package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// RMSNorm returns y = g x / sqrt(mean(x^2) + eps), [R, D], with the mean of each row of x [R, D] (arXiv 1910.07467).
// The gain g has shape [D], or [1] for a single scale (arXiv 2506.19697).
func (c *Context) RMSNorm(x, g *gorgonia.Node, eps float32) (*gorgonia.Node, error) {
	return c.rmsnorm(x, g, x.Shape()[1], eps)
}

// RMSNormHeads applies RMSNorm separately to the E channels of each head of x [R, heads*E], with one gain g [E] for all
// heads.
func (c *Context) RMSNormHeads(x, g *gorgonia.Node, eps float32) (*gorgonia.Node, error) {
	return c.rmsnorm(x, g, g.Shape()[0], eps)
}

// rmsnorm normalises groups of d neighbours.
func (c *Context) rmsnorm(x, g *gorgonia.Node, d int, eps float32) (*gorgonia.Node, error) {
	dev := c.dev
	gains := g.Shape()[0]
	rinv, err := dev.Alloc(x.Shape().TotalSize() / d)
	if err != nil {
		return nil, err
	}
	return c.apply(&fused{
		name:  "rmsnorm",
		shape: x.Shape(),
		cheap: true,
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			x, g := b[0], b[1]
			return func() { dev.RMSNorm(y, rinv, x, g, d, eps) }
		},
		// The output is an input of the gradient only so that rinv is computed first.
		diff: func(nodes gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			dg, err := dev.Alloc(gains)
			if err != nil {
				return nil, err
			}
			back, err := c.apply(&fused{
				name:  "rmsnorm grad",
				shape: nodes[0].Shape(),
				bind: func(dx compute.Buffer, b []compute.Buffer) func() {
					dy, x, g := b[0], b[1], b[2]
					return func() { dev.RMSNormGrad(dx, dg, dy, x, g, rinv, d) }
				},
			}, dy, nodes[0], nodes[1], out)
			if err != nil {
				return nil, err
			}
			gain, err := c.part(back, dg, gains)
			return gorgonia.Nodes{back, gain}, err
		},
	}, x, g)
}
