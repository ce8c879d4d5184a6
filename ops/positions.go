package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// AddPositions returns y [R, D] with y[b*T+t,:] = x[b*T+t,:] + p[t,:], for x [R, D] and p [T, D].
func (c *Context) AddPositions(x, p *gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	t, d := p.Shape()[0], p.Shape()[1]
	return c.apply(&fused{
		name:  "positions",
		shape: x.Shape(),
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			x, p := b[0], b[1]
			return func() { dev.AddPositions(y, x, p, t, d) }
		},
		diff: func(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			back, err := c.apply(&fused{
				name:  "positions grad",
				shape: tensor.Shape{t, d},
				bind: func(dp compute.Buffer, b []compute.Buffer) func() {
					dy := b[0]
					return func() { dev.AddPositionsGrad(dp, dy, t, d) }
				},
			}, dy)
			return gorgonia.Nodes{dy, back}, err
		},
	}, x, p)
}
