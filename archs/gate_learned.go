package archs

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/ops"
	"github.com/outcrop-lab/outcrop/variant"
)

// LearnedGate turns the activations y at its place into y s, or y + s, with scores s = f(W x), where x is attention's
// input (arXiv 2505.06708). W has no bias and is initialised like any other weight matrix.
type LearnedGate struct {
	Granularity      string `json:"granularity" enum:"elementwise,headwise" doc:"a score per channel, or per head"`
	Shared           bool   `json:"shared" doc:"average the scores over the heads"`
	Activation       string `json:"activation" enum:"sigmoid,ns_sigmoid,silu,identity" doc:"f; ns_sigmoid is (1 + sigmoid)/2"`
	Combine          string `json:"combine" enum:"multiply,add" doc:"y s, or y + s"`
	InputIndependent bool   `json:"input_independent" doc:"s = f(theta), theta learned, 0 at first"`
	Sparse           bool   `json:"sparse" doc:"W reads the first 12 channels of x alone"`
	MatchParams      bool   `json:"match_params" doc:"narrow the MLP until the model has the parameters of the ungated one, within 1 %"`

	at string
}

const sparseChannels = 12

var gateActivations = map[string]compute.Activation{
	"sigmoid": compute.Sigmoid, "ns_sigmoid": compute.NSSigmoid, "silu": compute.SiLU, "identity": compute.Identity,
}

// Validate implements Gate.
func (g *LearnedGate) Validate(c Config) error {
	switch {
	case g.at == "g5" && g.Granularity == "headwise":
		return variant.Errorf("granularity",
			"g5 is after the output projection, where there are no heads; use elementwise")
	case g.at == "g5" && g.Shared:
		return variant.Errorf("shared", "g5 is after the output projection, where there are no heads")
	case g.vanishes(c):
		return variant.Errorf("granularity",
			"one score scales all of attention's output, which arch.norm_placement sandwich then normalises; use elementwise")
	case g.Sparse && g.InputIndependent:
		return variant.Errorf("sparse", "an input_independent gate reads no channels")
	case g.Sparse && c.Width < sparseChannels:
		return variant.Errorf("sparse", "reads %s, but arch.width is %d", count.Of(sparseChannels, "channel"), c.Width)
	case g.MatchParams:
		return g.matches(c)
	}
	return nil
}

// vanishes reports whether the gate scales whole rows just before a norm that undoes the scaling.
func (g *LearnedGate) vanishes(c Config) bool {
	one := g.at == "g1" && g.Granularity == "headwise" && (g.Shared || c.Heads == 1) && g.Combine == "multiply"
	return one && c.NormPlacement.Name == "sandwich" && c.Norm.Name != "dyt" && !c.Attention.Biases
}

func (g *LearnedGate) matches(c Config) error {
	if c.hidden() < 1 {
		return variant.Errorf("match_params", "the gate has %s per layer, more than the MLP can give up",
			count.Of(g.params(c), "parameter"))
	}
	off := math.Abs(float64(g.params(c) - g.narrows(c)*c.perHidden()))
	block := 2*c.Width*(c.Width+c.kvHeads()*c.headWidth()) + c.MLP.Value.hidden(c.Width)*c.perHidden()
	if off > 0.01*float64(block) {
		return variant.Errorf("match_params",
			"the nearest hidden width of the MLP, %d, is off by %.0f parameters per layer, more than 1 %%", c.hidden(), off)
	}
	return nil
}

// scores returns the number of scores of a place with that many heads.
func (g *LearnedGate) scores(c Config, heads int) int {
	switch {
	case g.at == "g5":
		return c.Width
	case g.Granularity == "headwise":
		return heads
	}
	return heads * c.headWidth()
}

// params returns the number of parameters per layer.
func (g *LearnedGate) params(c Config) int {
	heads := c.Heads
	if g.at == "g2" || g.at == "g3" {
		heads = c.kvHeads()
	}
	return g.scores(c, heads) * g.reads(c)
}

// reads returns the number of inputs of a score, 1 for theta.
func (g *LearnedGate) reads(c Config) int {
	switch {
	case g.InputIndependent:
		return 1
	case g.Sparse:
		return sparseChannels
	}
	return c.Width
}

func (g *LearnedGate) place() string { return g.at }

func (g *LearnedGate) narrows(c Config) int {
	if !g.MatchParams {
		return 0
	}
	return int(math.Round(float64(g.params(c)) / float64(c.perHidden())))
}

func (g *LearnedGate) apply(b *builder, name string, x, y node, heads int) node {
	n := g.scores(b.config, heads)
	width := b.D // of y
	if g.at != "g5" {
		width = heads * b.E
	}
	var z node
	if g.InputIndependent {
		theta := b.zeros(name+".gate", n)
		z = b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Repeat(theta.Node, b.B*b.P) })
	} else {
		if g.Sparse {
			full := x
			x = b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Columns(full.Node, 0, sparseChannels) })
		}
		z = b.linear(x, b.weight(name+".gate", n, g.reads(b.config)))
	}
	if g.Activation == "sigmoid" && g.Combine == "multiply" && !g.Shared {
		return b.gate(y, z, n)
	}
	s := b.activate(gateActivations[g.Activation], z)
	over := compute.Broadcast{Span: width, Heads: 1}
	if g.Shared {
		s = b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.HeadMean(s.Node, heads) })
		n /= heads
		over = compute.Broadcast{Span: b.E, Heads: heads}
	}
	if g.Granularity == "headwise" {
		over = compute.Broadcast{Span: width / n}
	}
	b.scoreSite(s, n)
	return b.combine(y, s, over, g.Combine == "add")
}

// gate computes y sigmoid(scores) in one op, for scores [R, n].
func (b *builder) gate(y, scores node, n int) node {
	gated := b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Gate(y.Node, scores.Node) })
	if b.wanted["attn.gate"] {
		b.scoreSite(b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Side(gated.Node, b.B*b.P, n) }), n)
	}
	return gated
}
