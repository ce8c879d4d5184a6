package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// Linear returns y = x W^T, [R, out], for x [R, in]. The matrix W [out, in] consists of the given weights, one below
// another; packed is the memory that holds them contiguously in this order. The products of x with the weights stand
// side by side in y. The gradients of the weights are contiguous too.
func (c *Context) Linear(x *gorgonia.Node, packed compute.Buffer, weights ...*gorgonia.Node) (*gorgonia.Node, error) {
	rows, in, out := x.Shape()[0], x.Shape()[1], 0
	for _, w := range weights {
		if w.Dims() != 2 || w.Shape()[1] != in {
			return nil, fmt.Errorf("ops: linear: weight of shape %v, want %d columns", w.Shape(), in)
		}
		part, err := c.find(w.Value())
		if err != nil {
			return nil, fmt.Errorf("ops: linear: %w", err)
		}
		if (out+w.Shape()[0])*in > packed.Len() || packed.Slice(out*in, packed.Len()).Pointer() != part.Pointer() {
			return nil, fmt.Errorf("ops: linear: the weights are not contiguous")
		}
		out += w.Shape()[0]
	}
	op := &fused{
		name:  "linear",
		shape: tensor.Shape{rows, out},
		diff: func(nodes gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			return c.linearGrad(nodes, dy, packed, rows, in, out)
		},
	}
	op.bind = func(y compute.Buffer, b []compute.Buffer) func() {
		op.product = &product{dev: c.dev, c: y, a: b[0], b: packed, m: rows, n: out, k: in, transB: true, reads: b}
		return op.product.run
	}
	return c.apply(op, append(gorgonia.Nodes{x}, weights...)...)
}

// linearGrad computes dx = dy W and dW = dy^T x.
func (c *Context) linearGrad(nodes gorgonia.Nodes, dy *gorgonia.Node, packed compute.Buffer,
	rows, in, out int) (gorgonia.Nodes, error) {
	dev := c.dev
	g, err := c.weightGrad(packed, out*in)
	if err != nil {
		return nil, err
	}
	op := &fused{name: "linear grad", shape: tensor.Shape{rows, in}}
	op.bind = func(dx compute.Buffer, b []compute.Buffer) func() {
		dy, x := b[0], b[1]
		op.product = &product{dev: dev, c: dx, a: dy, b: packed, m: rows, n: in, k: out, reads: b}
		weights := func() {
			dev.MatMul(g.sum, dy, x, out, in, rows, true, false, g.first != nil)
			g.done()
		}
		if g.first != nil {
			return func() {
				op.product.run()
				g.first.await()
				weights()
			}
		}
		return func() {
			weights()
			op.product.run()
		}
	}
	back, err := c.apply(op, append(gorgonia.Nodes{dy}, nodes...)...)
	if err != nil {
		return nil, err
	}
	var parts []compute.Buffer
	at := 0
	for _, w := range nodes[1:] {
		size := w.Shape().TotalSize()
		parts = append(parts, g.sum.Slice(at, at+size))
		at += size
	}
	grads, err := c.parts(back, gorgonia.Nodes{back}, parts, nodes[1:])
	if err != nil {
		return nil, err
	}
	g.nodes = grads[1:]
	return grads, nil
}
