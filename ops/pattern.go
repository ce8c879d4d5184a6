package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// AttendPattern returns the attention pattern [B, H, T, Keys] of Attend, which is zero above the diagonal. If there is
// an extra slot, it is column 0 and position j is column j+1. AttendPattern has no gradient.
func (c *Context) AttendPattern(a compute.Attention, qkv *gorgonia.Node, x Extra) (*gorgonia.Node, error) {
	dev := c.dev
	if err := dev.Prepare(a); err != nil {
		return nil, err
	}
	return c.apply(&fused{
		name:  "attention pattern",
		shape: tensor.Shape{a.B, a.H, a.T, a.Keys()},
		bind: func(p compute.Buffer, b []compute.Buffer) func() {
			qkv, extra := b[0], x.buffers(b[1:])
			return func() { dev.AttendPattern(a, p, qkv, extra) }
		},
	}, append(gorgonia.Nodes{qkv}, x.nodes()...)...)
}
