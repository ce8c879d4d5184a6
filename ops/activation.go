package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// Activate returns y = f(x), elementwise. The op keeps what its gradient needs of x, in the memory of x if no other op
// reads x.
func (c *Context) Activate(f compute.Activation, x *gorgonia.Node) (*gorgonia.Node, error) {
	dev := c.dev
	op := &fused{
		name:    "activation",
		shape:   x.Shape(),
		inPlace: true,
	}
	op.bind = func(y compute.Buffer, b []compute.Buffer) func() {
		kept, x := op.keptBuffer(), b[0]
		return func() { dev.Activate(f, y, kept, x) }
	}
	op.epilogue = func(y compute.Buffer, _ []compute.Buffer) compute.Epilogue {
		return compute.Epilogue{F: f, Y: y, Kept: op.keptBuffer()}
	}
	op.diff = func(_ gorgonia.Nodes, out, dy *gorgonia.Node) (gorgonia.Nodes, error) {
		var err error
		if op.kept, err = c.value(out.Shape()...); err != nil {
			return nil, err
		}
		kept, err := c.beside(out, op.kept)
		if err != nil {
			return nil, err
		}
		back, err := c.apply(&fused{
			name:  "activation grad",
			shape: out.Shape(),
			bind: func(dx compute.Buffer, b []compute.Buffer) func() {
				kept, dy := b[0], b[1]
				return func() { dev.ActivateGrad(f, dx, dy, kept) }
			},
			epilogue: func(dx compute.Buffer, in []compute.Buffer) compute.Epilogue {
				return compute.Epilogue{F: f, Grad: true, Y: dx, Kept: in[0]}
			},
		}, kept, dy)
		return gorgonia.Nodes{back}, err
	}
	return c.apply(op, x)
}
