package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// Embedding is y[r,:] = w[tokens[r],:], [R, D], for w [V, D].
func (c *Context) Embedding(w *gorgonia.Node, tokens compute.Ints) (*gorgonia.Node, error) {
	dev := c.dev
	vocab, d := w.Shape()[0], w.Shape()[1]
	y, value := c.alloc(tokens.Len(), d)
	return c.apply(&fused{
		name:  "embedding",
		value: value,
		bind: func(b []compute.Buffer) func() {
			w := b[0]
			return func() { dev.Embedding(y, w, tokens, d) }
		},
		diff: func(_ gorgonia.Nodes, _, dy *gorgonia.Node) (gorgonia.Nodes, error) {
			dw, value := c.alloc(vocab, d)
			back, err := c.apply(&fused{
				name:  "embedding grad",
				value: value,
				bind: func(b []compute.Buffer) func() {
					dy := b[0]
					return func() { dev.EmbeddingGrad(dw, dy, tokens, d) }
				},
			}, dy)
			return gorgonia.Nodes{back}, err
		},
	}, w)
}
