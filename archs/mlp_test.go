package archs

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
)

// mlpFormulas are the activations in stock ops, of h [R, hidden], and whether the MLP is gated.
var mlpFormulas = map[string]struct {
	activation func(r *reference, h *gorgonia.Node) *gorgonia.Node
	gated      bool
}{
	"gelu":      {geluFormula, false},
	"gelu_tanh": {geluTanhFormula, false},
	"relu":      {reluFormula, false},
	"relu2": {func(r *reference, h *gorgonia.Node) *gorgonia.Node {
		return r.had(reluFormula(r, h), h)
	}, false},
	"swiglu": {func(r *reference, h *gorgonia.Node) *gorgonia.Node { return r.had(h, r.sigmoid(h)) }, true},
	"geglu":  {geluFormula, true},
}

func geluFormula(r *reference, h *gorgonia.Node) *gorgonia.Node {
	return r.had(h, r.must(gorgonia.ApplyOp(elementwise{order: 0}, h)))
}

func geluTanhFormula(r *reference, h *gorgonia.Node) *gorgonia.Node {
	u := r.scale(r.add(h, r.scale(r.had(r.had(h, h), h), 0.044715)), math.Sqrt(2/math.Pi))
	return r.scale(r.had(h, r.add(r.tanh(u), r.full(h, 1))), 0.5)
}

func reluFormula(r *reference, h *gorgonia.Node) *gorgonia.Node { return r.must(gorgonia.Rectify(h)) }

// TestHidden: the hidden width of each form, 4 D and 8/3 D to a multiple of 8 (for D = 64, 170.7).
func TestHidden(t *testing.T) {
	for name, want := range map[string]int{"gelu": 256, "relu": 256, "swiglu": 168, "geglu": 168} {
		c := Default()
		choose(t, &c.MLP, name)
		if got := c.hidden(); got != want {
			t.Errorf("%s: %d hidden channels, want %d", name, got, want)
		}
	}
}
