package ops

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// part returns a node over memory that the op of node `of` filled.
func (c *Context) part(of *gorgonia.Node, b compute.Buffer, shape ...int) (*gorgonia.Node, error) {
	return c.beside(of, c.view(b, shape...))
}

// beside returns a node for a second value, which the op of node `of` computes beside its own.
func (c *Context) beside(of *gorgonia.Node, value *tensor.Dense) (*gorgonia.Node, error) {
	return c.apply(&fused{name: "part", value: value}, of)
}

// parts appends to grads a node for each buffer, with the shape of its counterpart in like.
func (c *Context) parts(of *gorgonia.Node, grads gorgonia.Nodes, buffers []compute.Buffer,
	like gorgonia.Nodes) (gorgonia.Nodes, error) {
	for i, b := range buffers {
		grad, err := c.part(of, b, like[i].Shape()...)
		if err != nil {
			return nil, err
		}
		grads = append(grads, grad)
	}
	return grads, nil
}

// alike allocates a buffer for each node, of the node's length.
func (c *Context) alike(nodes gorgonia.Nodes) (buffers []compute.Buffer, err error) {
	for _, n := range nodes {
		b, err := c.dev.Alloc(n.Shape().TotalSize())
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, b)
	}
	return buffers, nil
}

// Side returns a node of the given shape for what the op of node `of` computes beside its value, such as a gate's
// scores.
func (c *Context) Side(of *gorgonia.Node, shape ...int) (*gorgonia.Node, error) {
	op, ok := of.Op().(*fused)
	if !ok || op.side.Len() == 0 {
		return nil, errors.New("ops: the op computes nothing beside its value")
	}
	return c.part(of, op.side, shape...)
}
