package ops

import (
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// CrossEntropy returns a scalar: scale times the sum, over the rows of logits [R, V], of -log softmax(logits)[target],
// in nats. The sum leaves out rows with a negative target. Called with the result, Side returns the log-sum-exp of each
// row.
func (c *Context) CrossEntropy(logits *gorgonia.Node, targets compute.Ints, scale float32) (*gorgonia.Node, error) {
	dev := c.dev
	rows, vocab := logits.Shape()[0], logits.Shape()[1]
	lse, err := dev.Alloc(rows)
	if err != nil {
		return nil, err
	}
	return c.apply(&fused{
		name:  "cross-entropy",
		shape: tensor.ScalarShape(),
		side:  lse,
		bind: func(loss compute.Buffer, b []compute.Buffer) func() {
			logits := b[0]
			return func() { dev.CrossEntropy(loss, lse, logits, targets, vocab, scale) }
		},
		// The output is an input of the gradient only so that lse is computed first.
		diff: func(nodes gorgonia.Nodes, out, dloss *gorgonia.Node) (gorgonia.Nodes, error) {
			back, err := c.apply(&fused{
				name:    "cross-entropy grad",
				shape:   tensor.Shape{rows, vocab},
				inPlace: true,
				bind: func(dlogits compute.Buffer, b []compute.Buffer) func() {
					dloss, logits := b[0], b[1]
					return func() { dev.CrossEntropyGrad(dlogits, dloss, logits, lse, targets, vocab, scale) }
				},
			}, dloss, nodes[0], out)
			return gorgonia.Nodes{back}, err
		},
	}, logits)
}
