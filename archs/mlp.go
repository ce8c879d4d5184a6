package archs

import (
	"math"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// MLP is the feed-forward sub-layer, which acts on each position separately.
type MLP interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.mlp`, or nil.
	Validate(Config) error
	// form returns the activation, and whether its output is multiplied by a second projection.
	form() (f compute.Activation, gated bool)
	// hidden returns the number of hidden channels for a stream of that width.
	hidden(width int) int
}

var mlps = variant.Registry[MLP]{
	"gelu": {New: func() MLP { return &GELU{Expansion{Multiple: 4}} },
		Formula: "W_down (h Phi(h)), h = W_up x", Source: "1606.08415"},
	"gelu_tanh": {New: func() MLP { return &GELUTanh{Expansion{Multiple: 4}} },
		Formula: "W_down (h (1 + tanh(sqrt(2/pi) (h + 0.044715 h^3)))/2), h = W_up x", Source: "1606.08415"},
	"relu": {New: func() MLP { return &ReLU{Expansion{Multiple: 4}} },
		Formula: "W_down max(W_up x, 0)", Source: "1706.03762"},
	"relu2": {New: func() MLP { return &ReLU2{Expansion{Multiple: 4}} },
		Formula: "W_down max(W_up x, 0)^2", Source: "2109.08668"},
	"swiglu": {New: func() MLP { return &SwiGLU{GatedExpansion{Multiple: 8. / 3}} },
		Formula: "W_down (SiLU(W_gate x) * W_up x)", Source: "2002.05202"},
	"geglu": {New: func() MLP { return &GEGLU{GatedExpansion{Multiple: 8. / 3}} },
		Formula: "W_down (GELU(W_gate x) * W_up x)", Source: "2002.05202"},
}

// Expansion holds the settings of ungated MLPs.
type Expansion struct {
	Multiple float64 `json:"multiple" doc:"hidden width over the width of the stream; the hidden width is rounded to a whole number"`
}

// Validate implements MLP.
func (e *Expansion) Validate(c Config) error { return expands(e.Multiple, e.hidden(c.Width)) }

func (e *Expansion) hidden(width int) int { return int(math.Round(e.Multiple * float64(width))) }

// GatedExpansion holds the settings of gated MLPs.
type GatedExpansion struct {
	Multiple float64 `json:"multiple" doc:"hidden width over the width of the stream; the hidden width is rounded to a multiple of 8. 8/3 has the parameters of an ungated MLP of 4"`
}

// Validate implements MLP.
func (e *GatedExpansion) Validate(c Config) error { return expands(e.Multiple, e.hidden(c.Width)) }

func (e *GatedExpansion) hidden(width int) int {
	return 8 * int(math.Round(e.Multiple*float64(width)/8))
}

func expands(multiple float64, hidden int) error {
	if !(multiple > 0) || math.IsInf(multiple, 0) || hidden < 1 {
		return variant.Errorf("multiple", "must be a number that leaves at least one hidden channel, is %g", multiple)
	}
	return nil
}

// hidden returns the number of hidden channels of the MLP, after the gate's match_params.
func (c Config) hidden() int { return c.MLP.Value.hidden(c.Width) - c.Gate.Value.narrows(c) }

// perHidden returns the number of parameters per hidden channel.
func (c Config) perHidden() int {
	each := c.Width
	if c.MLP.Biases {
		each++
	}
	if _, gated := c.MLP.Value.form(); gated {
		return 2*each + c.Width
	}
	return each + c.Width
}

// mlp maps the sub-layer's input x [R, D] to its output [R, D]; the names of its parameters begin with name.
func (b *builder) mlp(name string, x node) node {
	hidden := b.config.hidden()
	f, gated := b.config.MLP.Value.form()
	project := func(part string, declare func(string, int, int) node, x node, out, in int) node {
		y := b.linear(x, declare(name+"."+part, out, in))
		if b.config.MLP.Biases {
			y = b.bias(y, b.zeros(name+"."+part+".bias", out))
		}
		return y
	}
	var h node // the down projection's input
	if gated {
		gate := project("gate", b.weight, x, hidden, b.D)
		up := project("up", b.weight, x, hidden, b.D)
		act := b.activate(f, gate)
		h = b.combine(act, up, compute.Broadcast{Span: hidden, Heads: 1}, false)
		b.site("mlp.gate", gate, hidden)
		b.site("mlp.up", up, hidden)
		b.site("mlp.act", act, hidden)
	} else {
		up := project("up", b.weight, x, hidden, b.D)
		h = b.activate(f, up)
		b.site("mlp.up", up, hidden)
		b.site("mlp.act", h, hidden)
	}
	b.site("mlp.down_in", h, hidden)
	y := project("down", b.residual, h, b.D, hidden)
	b.site("mlp.out", y, b.D)
	return y
}
