package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// LayerNorm returns y = g (x - mean(x))/sqrt(var(x) + eps) + b, [R, D], with the mean and variance of each row (arXiv
// 1607.06450). x is [R, D], and g [D] is a gain. The bias b [D] may be nil.
func (c *Context) LayerNorm(x, g, b *gorgonia.Node, eps float32) (*gorgonia.Node, error) {
	dev := c.dev
	rows, d := x.Shape()[0], x.Shape()[1]
	n, err := dev.Alloc(rows * d)
	if err != nil {
		return nil, err
	}
	rinv, err := dev.Alloc(rows)
	if err != nil {
		return nil, err
	}
	return c.apply(&fused{
		name:  "layernorm",
		shape: tensor.Shape{rows, d},
		cheap: true,
		bind: func(y compute.Buffer, in []compute.Buffer) func() {
			x, g, b := in[0], in[1], last(in[2:])
			return func() { dev.LayerNorm(y, n, rinv, x, g, b, d, eps) }
		},
		// The output is an input of the gradient only so that n and rinv are computed first.
		diff: func(nodes gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			parts, err := c.alike(nodes[1:]) // of g, and of b
			if err != nil {
				return nil, err
			}
			db := last(parts[1:])
			back, err := c.apply(&fused{
				name:  "layernorm grad",
				shape: tensor.Shape{rows, d},
				bind: func(dx compute.Buffer, in []compute.Buffer) func() {
					dy, g := in[0], in[1]
					return func() { dev.LayerNormGrad(dx, parts[0], db, dy, g, n, rinv, d) }
				},
			}, dy, nodes[1], out)
			if err != nil {
				return nil, err
			}
			return c.parts(back, gorgonia.Nodes{back}, parts, nodes[1:])
		},
	}, some(x, g, b)...)
}

// some returns the nodes that are not nil.
func some(nodes ...*gorgonia.Node) (all gorgonia.Nodes) {
	for _, n := range nodes {
		if n != nil {
			all = append(all, n)
		}
	}
	return all
}

// last returns the only buffer of b, or the zero Buffer.
func last(b []compute.Buffer) compute.Buffer {
	if len(b) == 0 {
		return compute.Buffer{}
	}
	return b[0]
}
