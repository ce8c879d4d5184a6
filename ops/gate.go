package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// Gate returns y = x sigmoid(z), [R, H*E] (arXiv 2505.06708). x is [R, H*E]; z is [R, H*E] too, or [R, H] if one score
// gates a whole head. Called with the result, Side returns the scores sigmoid(z).
func (c *Context) Gate(x, z *gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	s, err := dev.Alloc(z.Shape().TotalSize())
	if err != nil {
		return nil, err
	}
	return c.apply(&fused{
		name:  "gate",
		shape: x.Shape(),
		side:  s,
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			x, z := b[0], b[1]
			return func() { dev.Gate(y, s, x, z) }
		},
		// The output is an input of the gradient only so that the scores are computed first.
		diff: func(nodes gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			second, err := c.value(nodes[1].Shape()...)
			if err != nil {
				return nil, err
			}
			back, err := c.apply(&fused{
				beside: second,
				name:   "gate grad",
				shape:  nodes[0].Shape(),
				bind: func(dx compute.Buffer, b []compute.Buffer) func() {
					dz, dy, x := c.memory.of[spanOf(second)], b[0], b[1]
					return func() { dev.GateGrad(dx, dz, dy, x, s) }
				},
			}, dy, nodes[0], out)
			if err != nil {
				return nil, err
			}
			dz, err := c.beside(back, second)
			return gorgonia.Nodes{back, dz}, err
		},
	}, x, z)
}
