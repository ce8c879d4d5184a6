package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// Embedding returns y [R, D] with y[r,:] = w[tokens[r],:], for w [V, D].
func (c *Context) Embedding(w *gorgonia.Node, tokens compute.Ints) (*gorgonia.Node, error) {
	dev := c.dev
	vocab, d := w.Shape()[0], w.Shape()[1]
	return c.apply(&fused{
		name:  "embedding",
		shape: tensor.Shape{tokens.Len(), d},
		bind: func(y compute.Buffer, b []compute.Buffer) func() {
			w := b[0]
			return func() { dev.Embedding(y, w, tokens, d) }
		},
		diff: func(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			back, err := c.apply(&fused{
				name:  "embedding grad",
				shape: tensor.Shape{vocab, d},
				bind: func(dw compute.Buffer, b []compute.Buffer) func() {
					dy := b[0]
					return func() { dev.EmbeddingGrad(dw, dy, tokens, d) }
				},
			}, dy)
			return gorgonia.Nodes{back}, err
		},
	}, w)
}
