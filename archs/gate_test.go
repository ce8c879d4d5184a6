package archs

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"
)

var gateActivationFormulas = map[string]func(r *reference, z *gorgonia.Node) *gorgonia.Node{
	"sigmoid": (*reference).sigmoid,
	"ns_sigmoid": func(r *reference, z *gorgonia.Node) *gorgonia.Node {
		return r.add(r.scale(r.sigmoid(z), .5), r.full(z, .5))
	},
	"silu":     func(r *reference, z *gorgonia.Node) *gorgonia.Node { return r.had(z, r.sigmoid(z)) },
	"identity": func(_ *reference, z *gorgonia.Node) *gorgonia.Node { return z },
}

// gate is the gate in stock ops, if it stands at that place: y [R, heads*width] by x [R, D].
func (r *reference) gate(place, name string, x, y *gorgonia.Node, heads int) *gorgonia.Node {
	g, ok := r.c.Gate.Value.(*LearnedGate)
	if !ok || g.at != place {
		return y
	}
	all := y.Shape()[1]
	width := all / heads
	n := all
	if g.Granularity == "headwise" {
		n = heads
	}
	var z *gorgonia.Node
	switch {
	case g.InputIndependent:
		z = r.leaf(name+".gate", r.R, n)
	case g.Sparse:
		z = r.linear(r.mul(x, r.where(r.D, 12, func(i, j int) bool { return i == j })), name+".gate", n, 12)
	default:
		z = r.linear(x, name+".gate", n, r.D)
	}
	s := formula(r, "gate activation", gateActivationFormulas, g.Activation)(r, z)
	each := n / heads // scores of a head
	s = r.mul(s, r.matrix(n, all, func(from, to int) float64 {
		switch {
		case each > 1 && from%each != to%width:
			return 0
		case g.Shared:
			return 1 / float64(heads)
		case from/each == to/width:
			return 1
		}
		return 0
	}))
	if g.Combine == "add" {
		return r.add(y, s)
	}
	return r.had(y, s)
}

// TestMatchParams: the gated model has the parameters of the ungated one within 1 %, whatever the gate reads.
func TestMatchParams(t *testing.T) {
	count := func(c Config) (n int) {
		params, err := Params(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range params {
			n += p.Size()
		}
		return n
	}
	for _, mlp := range []string{"gelu", "swiglu"} {
		for _, place := range []string{"g1", "g2", "g5"} {
			for _, biases := range []bool{false, true} {
				c := Default()
				c.Vocab, c.KVHeads, c.MLP.Biases = 100, 1, biases
				choose(t, &c.MLP, mlp)
				want := count(c)
				choose(t, &c.Gate, place)
				free := count(c)
				c.Gate.Value.(*LearnedGate).MatchParams = true
				got := count(c)
				if off := math.Abs(float64(got)/float64(want) - 1); off > 0.01 || free <= want || got >= free {
					t.Errorf("%s, %s: %d parameters ungated, %d gated, %d matched", mlp, place, want, free, got)
				}
			}
		}
	}
}
