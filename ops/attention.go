package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// Attend is causal multi-head softmax attention (arXiv 1706.03762), [R, H*E], for qkv [R, 3*H*E]. With a.KVBias, bias
// is its k' and v', each [H*E].
func (c *Context) Attend(a compute.Attention, qkv *gorgonia.Node, bias ...*gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	rows, width := a.B*a.T, a.H*a.E
	y, value := c.alloc(rows, width)
	lse := dev.Alloc(a.B * a.H * a.T)
	return c.apply(&fused{
		name:  "attention",
		value: value,
		bind: func(b []compute.Buffer) func() {
			qkv := b[0]
			kb, vb := pair(b[1:])
			return func() { dev.Attend(a, y, lse, qkv, kb, vb) }
		},
		diff: func(nodes gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			return c.attendGrad(a, nodes, out, dy, lse)
		},
	}, append(gorgonia.Nodes{qkv}, bias...)...)
}

func (c *Context) attendGrad(a compute.Attention, nodes gorgonia.Nodes, out, dy *gorgonia.Node, lse compute.Buffer) (gorgonia.Nodes, error) {
	dev := c.dev
	rows, width := a.B*a.T, a.H*a.E
	dqkv, value := c.alloc(rows, 3*width)
	var dbias []compute.Buffer
	for range nodes[1:] {
		dbias = append(dbias, dev.Alloc(width))
	}
	dkb, dvb := pair(dbias)
	back, err := c.apply(&fused{
		name:  "attention grad",
		value: value,
		bind: func(b []compute.Buffer) func() {
			dy, y, qkv := b[0], b[1], b[2]
			kb, vb := pair(b[3:])
			return func() { dev.AttendGrad(a, dqkv, dkb, dvb, dy, y, lse, qkv, kb, vb) }
		},
	}, append(gorgonia.Nodes{dy, out}, nodes...)...)
	if err != nil {
		return nil, err
	}
	grads := gorgonia.Nodes{back}
	for _, b := range dbias {
		grad, err := c.part(back, b, width)
		if err != nil {
			return nil, err
		}
		grads = append(grads, grad)
	}
	return grads, nil
}

// pair splits a KV bias, or the gradient of one, which may be absent.
func pair(b []compute.Buffer) (k, v compute.Buffer) {
	if len(b) == 0 {
		return compute.Buffer{}, compute.Buffer{}
	}
	return b[0], b[1]
}
