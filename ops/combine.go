package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// Combine returns y = x s or, if add is set, y = x + s, in the shape of x. The argument over says how s is broadcast
// over x.
func (c *Context) Combine(x, s *gorgonia.Node, over compute.Broadcast, add bool) (*gorgonia.Node, error) {
	dev := c.dev
	return c.apply(&fused{
		name:  "combine",
		shape: x.Shape(),
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			x, s := b[0], b[1]
			return func() { dev.Combine(y, x, s, over, add) }
		},
		diff: func(nodes gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			second, err := c.value(nodes[1].Shape()...)
			if err != nil {
				return nil, err
			}
			back, err := c.apply(&fused{
				beside: second,
				name:   "combine grad",
				shape:  nodes[0].Shape(),
				bind: func(dx compute.Buffer, b []compute.Buffer) func() {
					ds, dy, x, s := c.memory.of[spanOf(second)], b[0], b[1], b[2]
					return func() { dev.CombineGrad(dx, ds, dy, x, s, over, add) }
				},
			}, dy, nodes[0], nodes[1])
			if err != nil {
				return nil, err
			}
			ds, err := c.beside(back, second)
			return gorgonia.Nodes{back, ds}, err
		},
	}, x, s)
}

// HeadMean returns the mean [R, E] over the heads of x [R, heads*E].
func (c *Context) HeadMean(x *gorgonia.Node, heads int) (*gorgonia.Node, error) {
	dev := c.dev
	rows, e := x.Shape()[0], x.Shape()[1]/heads
	return c.apply(&fused{
		name:  "head mean",
		shape: tensor.Shape{rows, e},
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			x := b[0]
			return func() { dev.HeadMean(y, x, heads, e) }
		},
		diff: func(nodes gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			back, err := c.apply(&fused{
				name:  "head mean grad",
				shape: tensor.Shape{rows, heads * e},
				bind: func(dx compute.Buffer, b []compute.Buffer) func() {
					dy := b[0]
					return func() { dev.HeadMeanGrad(dx, dy, heads, e) }
				},
			}, dy)
			return gorgonia.Nodes{back}, err
		},
	}, x)
}
