package archs

import (
	"testing"

	"gorgonia.org/gorgonia"
)

// normFormulas are the norms in stock ops, of x [rows, D].
var normFormulas = map[string]func(r *reference, x *gorgonia.Node, name string, attention bool) *gorgonia.Node{
	"rmsnorm":   rmsFormula, // they differ in how many numbers the gain has
	"ssnorm":    rmsFormula,
	"layernorm": layerNormFormula,
	"dyt":       dytFormula,
	"none":      func(_ *reference, x *gorgonia.Node, _ string, _ bool) *gorgonia.Node { return x },
}

func rmsFormula(r *reference, x *gorgonia.Node, name string, _ bool) *gorgonia.Node {
	mean := r.mul(r.had(x, x), r.ones(r.D, r.D, 1/float64(r.D)))
	inverse := r.power(r.add(mean, r.full(x, 1e-6)), -0.5)
	return r.had(r.had(x, inverse), r.leaf(name+".gain", x.Shape()[0], r.D))
}

func layerNormFormula(r *reference, x *gorgonia.Node, name string, _ bool) *gorgonia.Node {
	share := r.ones(r.D, r.D, 1/float64(r.D))
	x = r.add(x, r.scale(r.mul(x, share), -1))
	inverse := r.power(r.add(r.mul(r.had(x, x), share), r.full(x, 1e-5)), -0.5)
	y := r.had(r.had(x, inverse), r.leaf(name+".gain", x.Shape()[0], r.D))
	if r.c.Norm.Value.(*LayerNorm).Bias {
		y = r.add(y, r.leaf(name+".bias", x.Shape()[0], r.D))
	}
	return y
}

func dytFormula(r *reference, x *gorgonia.Node, name string, _ bool) *gorgonia.Node {
	rows := x.Shape()[0]
	y := r.had(r.tanh(r.had(x, r.leaf(name+".alpha", rows, r.D))), r.leaf(name+".gain", rows, r.D))
	if r.c.Norm.Value.(*DyT).Beta {
		y = r.add(y, r.leaf(name+".bias", rows, r.D))
	}
	return y
}

// TestDyTStart: alpha's initial value by width, for attention and elsewhere (arXiv 2503.10622's for LLaMA: 1024 1/1,
// 2048 1/.5, 4096 .8/.2; below 1024 as at 1024).
func TestDyTStart(t *testing.T) {
	for width, want := range map[int][2]float64{64: {1, 1}, 1024: {1, 1}, 2048: {1, .5}, 4096: {.8, .2}, 8192: {.8, .2}} {
		n := &DyT{}
		if got := [2]float64{n.start(width, true), n.start(width, false)}; got != want {
			t.Errorf("width %d: alpha begins at %v, want %v", width, got, want)
		}
	}
	n := &DyT{Alpha: .3, AlphaAttention: .7}
	if n.start(64, true) != .7 || n.start(64, false) != .3 {
		t.Error("the alpha asked for is not taken")
	}
}
