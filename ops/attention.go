package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// Extra holds the nodes for the fields of a compute.Extra. A node is nil if its field is absent.
type Extra struct{ K, V, Logit *gorgonia.Node }

// nodes returns the nodes that are not nil.
func (x Extra) nodes() (all gorgonia.Nodes) {
	for _, n := range []*gorgonia.Node{x.K, x.V, x.Logit} {
		if n != nil {
			all = append(all, n)
		}
	}
	return all
}

// buffers assigns the buffers of b, in order, to the nodes that are not nil.
func (x Extra) buffers(b []compute.Buffer) (out compute.Extra) {
	for _, to := range []struct {
		node   *gorgonia.Node
		buffer *compute.Buffer
	}{{x.K, &out.K}, {x.V, &out.V}, {x.Logit, &out.Logit}} {
		if to.node != nil {
			*to.buffer, b = b[0], b[1:]
		}
	}
	return out
}

// Attend returns the result [R, H*E] of causal multi-head attention (arXiv 1706.03762), for qkv [R, (H+2KV)*E].
func (c *Context) Attend(a compute.Attention, qkv *gorgonia.Node, x Extra) (*gorgonia.Node, error) {
	dev := c.dev
	rows, width := a.B*a.T, a.H*a.E
	if err := dev.Prepare(a); err != nil {
		return nil, err
	}
	lse, err := dev.Alloc(a.B * a.H * a.T)
	if err != nil {
		return nil, err
	}
	return c.apply(&fused{
		name:  "attention",
		shape: tensor.Shape{rows, width},
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			qkv, extra := b[0], x.buffers(b[1:])
			return func() { dev.Attend(a, y, lse, qkv, extra) }
		},
		diff: func(nodes gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			return c.attendGrad(a, nodes, x, out, dy, lse)
		},
	}, append(gorgonia.Nodes{qkv}, x.nodes()...)...)
}

func (c *Context) attendGrad(a compute.Attention, nodes gorgonia.Nodes, x Extra, out, dy *gorgonia.Node,
	lse compute.Buffer) (gorgonia.Nodes, error) {
	dev := c.dev
	parts, err := c.alike(nodes[1:])
	if err != nil {
		return nil, err
	}
	dextra := x.buffers(parts)
	back, err := c.apply(&fused{
		name:  "attention grad",
		shape: tensor.Shape{a.B * a.T, a.Row()},
		bind: func(dqkv compute.Buffer, b []compute.Buffer) func() {
			dy, y, qkv, extra := b[0], b[1], b[2], x.buffers(b[3:])
			return func() { dev.AttendGrad(a, dqkv, dextra, dy, y, lse, qkv, extra) }
		},
	}, append(gorgonia.Nodes{dy, out}, nodes...)...)
	if err != nil {
		return nil, err
	}
	return c.parts(back, gorgonia.Nodes{back}, parts, nodes[1:])
}
