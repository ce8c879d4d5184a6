package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// Prepend returns x [B*T, D] with the n rows of first [n, D] inserted before every group of T = t rows. The result is
// [B*(n+T), D].
func (c *Context) Prepend(first, x *gorgonia.Node, t int) (*gorgonia.Node, error) {
	dev := c.dev
	n, d := first.Shape()[0], first.Shape()[1]
	groups := x.Shape()[0] / t
	head, all := n*d, (n+t)*d
	return c.apply(&fused{
		name:  "prepend",
		shape: tensor.Shape{groups * (n + t), d},
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			first, x, tail := b[0], b[1], y.Slice(head, y.Len())
			return func() {
				dev.CopyRows(y, first, groups, head, all, 0)
				dev.CopyRows(tail, x, groups, t*d, all, t*d)
			}
		},
		diff: func(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			dx, err := c.Tail(dy, n, n+t, d)
			if err != nil {
				return nil, err
			}
			each, err := dev.Alloc(groups * head)
			if err != nil {
				return nil, err
			}
			back, err := c.apply(&fused{
				name:  "prepend grad",
				shape: tensor.Shape{n, d},
				bind: func(dfirst compute.Buffer, b []compute.Buffer) func() {
					dy := b[0]
					return func() {
						dev.CopyRows(each, dy, groups, head, head, all)
						dev.AddPositionsGrad(dfirst, each, n, d)
					}
				},
			}, dy)
			return gorgonia.Nodes{back, dx}, err
		},
	}, first, x)
}
