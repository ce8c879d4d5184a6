package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// AttendPattern is the attention pattern [B, H, T, Keys] of what Attend computes: zero above the diagonal; with a KV
// bias, column 0 is the bias and column j+1 is position j. It has no gradient.
func (c *Context) AttendPattern(a compute.Attention, qkv *gorgonia.Node, bias ...*gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	p, value := c.alloc(a.B, a.H, a.T, a.Keys())
	return c.apply(&fused{
		name:  "attention pattern",
		value: value,
		bind: func(b []compute.Buffer) func() {
			qkv := b[0]
			kb, _ := pair(b[1:])
			return func() { dev.AttendPattern(a, p, qkv, kb) }
		},
	}, append(gorgonia.Nodes{qkv}, bias...)...)
}
