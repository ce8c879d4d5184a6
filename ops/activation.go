package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// Activate is y = f(x), elementwise.
func (c *Context) Activate(f compute.Activation, x *gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	return c.apply(&fused{
		name:  "activation",
		value: c.value(x.Shape()...),
		cheap: true,
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			x := b[0]
			return func() { dev.Activate(f, y, x) }
		},
		then: func(y compute.Buffer, _ []compute.Buffer) compute.Then { return compute.Then{F: f, Y: y} },
		diff: func(nodes gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			back, err := c.apply(&fused{
				name:  "activation grad",
				value: c.value(nodes[0].Shape()...),
				bind: func(dx compute.Buffer, b []compute.Buffer) func() {
					x, dy := b[0], b[1]
					return func() { dev.ActivateGrad(f, dx, dy, x) }
				},
				then: func(dx compute.Buffer, in []compute.Buffer) compute.Then { return compute.Then{F: f, Y: dx, X: in[0]} },
			}, nodes[0], dy)
			return gorgonia.Nodes{back}, err
		},
	}, x)
}
