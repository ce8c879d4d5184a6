package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// Activate is y = f(x), elementwise.
func (c *Context) Activate(f compute.Activation, x *gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	y, value := c.alloc(x.Shape()...)
	return c.apply(&fused{
		name:  "activation",
		value: value,
		bind: func(b []compute.Buffer) func() {
			x := b[0]
			return func() { dev.Activate(f, y, x) }
		},
		diff: func(nodes gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			dx, value := c.alloc(nodes[0].Shape()...)
			back, err := c.apply(&fused{
				name:  "activation grad",
				value: value,
				bind: func(b []compute.Buffer) func() {
					dy, x := b[0], b[1]
					return func() { dev.ActivateGrad(f, dx, dy, x) }
				},
			}, dy, nodes[0])
			return gorgonia.Nodes{back}, err
		},
	}, x)
}
