package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// Add returns the residual sum y = a + b of two nodes of equal shape. The gradient of a and that of b are both the
// gradient of y.
func (c *Context) Add(a, b *gorgonia.Node) (*gorgonia.Node, error) {
	if !a.Shape().Eq(b.Shape()) {
		return nil, fmt.Errorf("ops: adding shapes %v and %v", a.Shape(), b.Shape())
	}
	dev := c.dev
	return c.apply(&fused{
		name:    "add",
		shape:   a.Shape(),
		inPlace: true,
		bind: func(y compute.Buffer, in []compute.Buffer) func() {
			a, b := in[0], in[1]
			return func() { dev.Add(y, a, b) }
		},
		diff: func(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			return gorgonia.Nodes{dy, dy}, nil
		},
	}, a, b)
}
