package ops

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// weightGrad is the gradient of the weights by which a Linear multiplies. Two graphs that run at the same time, or one
// after the other, may share its memory: the first computes the gradient, and the second adds its own. The first
// therefore computes the weights' product before that of the inputs, and the second after it, so that neither has to
// wait if they run in step.
type weightGrad struct {
	sum   compute.Buffer
	nodes gorgonia.Nodes // its parts
	whole bool           // the nodes are the complete gradients: no other op multiplies by the weights
	first *weightGrad    // that of the first graph, if this is the second's
	count *compute.Count // runs that have computed it, if a second graph waits for them
	runs  int            // runs that have waited
}

// AccumulateInto makes this graph add its gradients of weights to those of the other graph instead of storing them
// apart. It applies only to weights whose gradient in the other graph comes from a single call of Linear. For these,
// the node that Grad returns holds the sum. Both graphs must be over the same weights and run equally often, and each
// run of the other must come before this graph's run or at the same time. Call AccumulateInto before this graph's Grad.
// Call this Grad after the Grad of the other graph and before the other's first run.
func (c *Context) AccumulateInto(other *Context) { c.target = other }

func (c *Context) weightGrad(weights compute.Buffer, n int) (g *weightGrad, err error) {
	g = &weightGrad{}
	if c.target != nil {
		if first := c.target.weights[weights]; first != nil && first.whole {
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

// giveUp releases a second graph that waits for this one.
func (c *Context) giveUp() {
	for _, g := range c.weights {
		if g.count != nil {
			g.count.GiveUp()
		}
	}
}
