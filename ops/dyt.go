package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// DyT returns y = g tanh(a x) + b, [R, D] (arXiv 2503.10622). x is [R, D], a is one number [1], and g [D] is a gain.
// The bias b [D] may be nil.
func (c *Context) DyT(x, a, g, b *gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	s, err := dev.Alloc(x.Shape().TotalSize())
	if err != nil {
		return nil, err
	}
	return c.apply(&fused{
		name:  "dyt",
		shape: x.Shape(),
		cheap: true,
		bind: func(y compute.Buffer, in []compute.Buffer) func() {
			x, a, g, b := in[0], in[1], in[2], last(in[3:])
			return func() { dev.DyT(y, s, x, a, g, b) }
		},
		// The output is an input of the gradient only so that s is computed first.
		diff: func(nodes gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			parts, err := c.alike(nodes[1:]) // of a, g, and b
			if err != nil {
				return nil, err
			}
			db := last(parts[2:])
			back, err := c.apply(&fused{
				name:  "dyt grad",
				shape: nodes[0].Shape(),
				bind: func(dx compute.Buffer, in []compute.Buffer) func() {
					dy, x, a, g := in[0], in[1], in[2], in[3]
					return func() { dev.DyTGrad(dx, parts[0], parts[1], db, dy, x, a, g, s) }
				},
			}, dy, nodes[0], nodes[1], nodes[2], out)
			if err != nil {
				return nil, err
			}
			return c.parts(back, gorgonia.Nodes{back}, parts, nodes[1:])
		},
	}, some(x, a, g, b)...)
}
