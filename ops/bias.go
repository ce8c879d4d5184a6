package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// Bias returns y [R, out] with b added to each row of x [R, out]. The vector b consists of the given biases, one after
// another; as in Linear, packed is the memory that holds them contiguously in this order.
func (c *Context) Bias(x *gorgonia.Node, packed compute.Buffer, biases ...*gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	n := x.Shape()[1]
	return c.apply(&fused{
		name:  "bias",
		shape: x.Shape(),
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			x := b[0]
			return func() { dev.AddPositions(y, x, packed, 1, n) }
		},
		diff: func(nodes gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			db, err := dev.Alloc(n) // one allocation, handed out in parts
			if err != nil {
				return nil, err
			}
			back, err := c.apply(&fused{
				name:  "bias grad",
				value: c.view(db, n),
				bind: func(_ compute.Buffer, b []compute.Buffer) func() {
					dy := b[0]
					return func() { dev.AddPositionsGrad(db, dy, 1, n) }
				},
			}, dy)
			if err != nil {
				return nil, err
			}
			var parts []compute.Buffer
			at := 0
			for _, b := range nodes[1:] {
				size := b.Shape()[0]
				parts = append(parts, db.Slice(at, at+size))
				at += size
			}
			return c.parts(back, gorgonia.Nodes{dy}, parts, nodes[1:])
		},
	}, append(gorgonia.Nodes{x}, biases...)...)
}
