package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// Columns returns the columns [from, to) of x, as a matrix [R, to-from].
func (c *Context) Columns(x *gorgonia.Node, from, to int) (*gorgonia.Node, error) {
	return c.cut(x, x.Shape()[0], x.Shape()[1], from, to, x.Shape()[0], to-from)
}

// Tail takes x, of any shape, as a matrix of R rows of the given width, and drops the first n rows of every group of
// `of` rows. The result is [R/of*(of-n), width].
func (c *Context) Tail(x *gorgonia.Node, n, of, width int) (*gorgonia.Node, error) {
	groups := x.Shape().TotalSize() / (of * width)
	return c.cut(x, groups, of*width, n*width, of*width, groups*(of-n), width)
}

// cut takes the columns [from, to) of x, viewed as [rows, width], as a matrix of the given shape.
func (c *Context) cut(x *gorgonia.Node, rows, width, from, to int, shape ...int) (*gorgonia.Node, error) {
	dev := c.dev
	return c.apply(&fused{
		name:  "cut",
		shape: shape,
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			x := b[0].Slice(from, b[0].Len())
			return func() { dev.CopyRows(y, x, rows, to-from, to-from, width) }
		},
		diff: func(nodes gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			dx, err := dev.Alloc(nodes[0].Shape().TotalSize()) // not shared: what the kernel does not write stays zero
			if err != nil {
				return nil, err
			}
			back, err := c.apply(&fused{
				name:  "cut grad",
				value: c.view(dx, nodes[0].Shape()...),
				bind: func(_ compute.Buffer, b []compute.Buffer) func() {
					dy, part := b[0], dx.Slice(from, dx.Len())
					return func() { dev.CopyRows(part, dy, rows, to-from, width, to-from) }
				},
			}, dy)
			return gorgonia.Nodes{back}, err
		},
	}, x)
}

// Join returns one matrix with the given matrices, each of R rows, side by side.
func (c *Context) Join(parts ...*gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	rows, width := parts[0].Shape()[0], 0
	var from []int
	for _, p := range parts {
		from = append(from, width)
		width += p.Shape()[1]
	}
	return c.apply(&fused{
		name:  "join",
		shape: tensor.Shape{rows, width},
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			return func() {
				for i, x := range b {
					w := x.Len() / rows
					dev.CopyRows(y.Slice(from[i], y.Len()), x, rows, w, width, w)
				}
			}
		},
		diff: func(nodes gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			var grads gorgonia.Nodes
			for i, n := range nodes {
				grad, err := c.Columns(dy, from[i], from[i]+n.Shape()[1])
				if err != nil {
					return nil, err
				}
				grads = append(grads, grad)
			}
			return grads, nil
		},
	}, parts...)
}

// Repeat returns a matrix [rows, n] in which every row is v [n].
func (c *Context) Repeat(v *gorgonia.Node, rows int) (*gorgonia.Node, error) {
	dev := c.dev
	n := v.Shape()[0]
	return c.apply(&fused{
		name:  "repeat",
		shape: tensor.Shape{rows, n},
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			v := b[0]
			return func() { dev.CopyRows(y, v, rows, n, n, 0) }
		},
		diff: func(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			back, err := c.sumRows(dy, n)
			return gorgonia.Nodes{back}, err
		},
	}, v)
}

// sumRows is the sum over rows, [n], of dy [R, n].
func (c *Context) sumRows(dy *gorgonia.Node, n int) (*gorgonia.Node, error) {
	dev := c.dev
	return c.apply(&fused{
		name:  "row sum",
		shape: tensor.Shape{n},
		bind: func(dv compute.Buffer, b []compute.Buffer) func() {
			dy := b[0]
			return func() { dev.AddPositionsGrad(dv, dy, 1, n) }
		},
	}, dy)
}
