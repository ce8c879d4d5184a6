package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// weightGrad is the gradient of the weights that a Linear multiplies by. Two graphs that run at the same time, or one
// after the other, may share its memory: the first computes it, and the second adds its own. For that the first takes
// the weights' product before the inputs', and the second after, so that neither has to wait if they keep step.
type weightGrad struct {
	sum   compute.Buffer
	nodes gorgonia.Nodes // that hand out its parts
	whole bool           // these are the gradients of the weights: no other op multiplies by them
	first *weightGrad    // the other graph's, where this is the second's
	count *compute.Count // of the runs that have computed it, where a second graph waits for it
	runs  int            // that have waited
}

// Onto has this graph add its gradients of weights to the other's, as far as a product alone gives them, rather than
// keep its own: a node that Grad returns for them stands for the sum. Both graphs are of the same weights and run as
// often, the other at the same time or before. It is said before Grad, and before the other runs.
func (c *Context) Onto(other *Context) { c.onto = other }

func (c *Context) weightGrad(weights compute.Buffer, n int) (g *weightGrad, err error) {
	g = &weightGrad{}
	if c.onto != nil {
		if first := c.onto.weights[weights]; first != nil && first.whole {
			first.count = compute.NewCount()
			g.first, g.sum = first, first.sum
		}
	}
	if g.first == nil {
		if g.sum, err = c.dev.Alloc(n); err != nil {
			return nil, err
		}
	}
	c.weights[weights] = g
	return g, nil
}

func (g *weightGrad) done() {
	if g.count != nil {
		g.count.Add()
	}
}

func (g *weightGrad) await() {
	g.runs++
	g.count.Await(g.runs)
}

// giveUp lets go a second graph that waits for this one.
func (c *Context) giveUp() {
	for _, g := range c.weights {
		if g.count != nil {
			g.count.GiveUp()
		}
	}
}
