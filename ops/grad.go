package ops

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Grad returns the gradient of the loss with respect to each of the nodes wrt. Where a value is used more than once,
// gorgonia sums its gradients with its stock addition; Grad gives each of these sums a value on the device. Compile
// rejects any other stock op.
func (c *Context) Grad(loss *gorgonia.Node, wrt ...*gorgonia.Node) (gorgonia.Nodes, error) {
	c.forward = c.count
	grads, err := gorgonia.Grad(loss, wrt...)
	if c.err != nil {
		return nil, fmt.Errorf("ops: differentiating: %w", c.err)
	}
	if err != nil {
		return nil, fmt.Errorf("ops: differentiating: %w", err)
	}
	for _, n := range c.graph.AllNodes() {
		if isSum(n) {
			if err := c.bindSum(n); err != nil {
				return nil, err
			}
		}
	}
	for _, g := range c.weights {
		g.whole = !slices.ContainsFunc(g.nodes, func(n *gorgonia.Node) bool { return !slices.Contains(grads, n) })
	}
	return grads, nil
}

// bindSum gives a value to a stock addition and to each addition that it reads.
func (c *Context) bindSum(n *gorgonia.Node) error {
	if _, done := c.spanOf(n); done {
		return nil
	}
	var operands [2]span
	for i, child := range children(c.graph, n) {
		if isSum(child) {
			if err := c.bindSum(child); err != nil {
				return err
			}
		}
		var ok bool
		if operands[i], ok = c.spanOf(child); !ok {
			return fmt.Errorf("ops: the sum %v reads a value that has no device memory", n)
		}
	}
	sum, err := c.value(n.Shape()...)
	if err != nil {
		return fmt.Errorf("ops: the sum %v: %w", n, err)
	}
	c.sums[operands], c.bound[n] = sum, spanOf(sum)
	return nil
}

// check returns an error for a node that is not a leaf, a constant, one of our ops or an addition bound by Grad, and
// for two nodes that gorgonia would confuse because their 32-bit hashes are equal.
func (c *Context) check() error {
	seen := make(map[uint32]*gorgonia.Node)
	for _, n := range c.graph.AllNodes() {
		if other, ok := seen[n.Hashcode()]; ok {
			return fmt.Errorf("ops: nodes %v and %v have the same hash", n, other)
		}
		seen[n.Hashcode()] = n
		if n.Op() == nil || n.Op().Arity() == 0 {
			continue
		}
		if _, ok := c.spanOf(n); !ok {
			return fmt.Errorf("ops: the graph contains the stock op %v", n.Op())
		}
	}
	return nil
}

// isSum reports whether the node is gorgonia's elementwise addition.
func isSum(n *gorgonia.Node) bool {
	return n.Op() != nil && n.Op().Arity() == 2 && n.Op().String() == "+ false"
}

// children returns the operands of a node, in order.
func children(g *gorgonia.ExprGraph, n *gorgonia.Node) gorgonia.Nodes {
	var nodes gorgonia.Nodes
	for it := g.From(n.ID()); it.Next(); {
		nodes = append(nodes, it.Node().(*gorgonia.Node))
	}
	return nodes
}

// engine is the engine of our tensors. It does only one piece of gorgonia's arithmetic, elementwise addition.
type engine struct {
	tensor.StdEng
	ctx *Context
}

// AllocAccessible returns false, so that gorgonia does not access the values.
func (engine) AllocAccessible() bool { return false }

// Add computes a + b into the value that Grad bound to this pair, whatever gorgonia proposes to overwrite.
func (e engine) Add(a, b tensor.Tensor, _ ...tensor.FuncOpt) (y tensor.Tensor, err error) {
	defer e.ctx.note(&err)
	sum, ok := e.ctx.sums[[2]span{spanOf(a), spanOf(b)}]
	if !ok {
		return nil, errors.New("ops: addition of two values that Grad did not bind")
	}
	ab, err := e.ctx.find(a)
	if err != nil {
		return nil, err
	}
	bb, err := e.ctx.find(b)
	if err != nil {
		return nil, err
	}
	e.ctx.memory.release(true, a, b) // before take: the sum may take the memory of a or b
	yb, err := e.ctx.memory.take(spanOf(sum))
	if err != nil {
		return nil, fmt.Errorf("a sum: %w", err)
	}
	dev := e.ctx.dev
	call := func() { dev.Add(yb, ab, bb) }
	e.ctx.record(call, nil)
	call()
	return sum, nil
}

// AddScalar returns an error, because none of our values is added to a scalar.
func (engine) AddScalar(tensor.Tensor, interface{}, bool, ...tensor.FuncOpt) (tensor.Tensor, error) {
	return nil, errors.New("ops: the graph contains a scalar addition")
}
