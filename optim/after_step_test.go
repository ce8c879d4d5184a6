package optim

import (
	"math"
	"testing"
)

// TVR by hand. W = (1, 2, 3, 6) has mean 3 and standard deviation sqrt(14/3) = 2.160; rescaled to a target of .5 it
// becomes 3 + (W - 3) .5/2.160, and its bias 0. In the fourth block, scaled by depth, the target is .25. A matrix
// within the threshold, one outside the blocks, a vector and the embedding are unchanged, and so is everything at other
// steps.
func TestTVRByHand(t *testing.T) {
	for _, depth := range []bool{false, true} {
		dev := device(t)
		make4 := func(name string, kind Kind, layer int, values ...float32) Param {
			p := param(dev, kind, []int{2, len(values) / 2}, values, make([]float32, len(values)))
			p.Name, p.Layer = name, layer
			return p
		}
		ps := []Param{
			make4("w.weight", Matrix, 3, 1, 2, 3, 6), make4("w.bias", Vector, 3, 5, 5), make4("v.bias", Vector, 3, 5, 5),
			make4("v.weight", Matrix, 3, .1, .2, .3, .4), make4("embed_proj.in", Matrix, -1, 1, 2, 3, 6),
			make4("embedding", Embedding, -1, 1, 2, 3, 6),
		}
		rule := &TVR{Every: 50, Std: .5, Threshold: 1.2, Depth: depth}
		after := rule.New(dev, ps)
		for _, updates := range []int{1, 49, 51} {
			after(updates)
		}
		if w := ps[0].Value.Host(); w[3] != 6 {
			t.Fatalf("rescaled off the fiftieth step: %v", w)
		}
		after(100)
		target := .5
		if depth {
			target = .25
		}
		for i, x := range []float64{1, 2, 3, 6} {
			want := 3 + (x-3)*target/math.Sqrt(14./3)
			if got := float64(ps[0].Value.Host()[i]); math.Abs(got-want) > 1e-6 {
				t.Errorf("depth %v: w[%d] %v, want %v", depth, i, got, want)
			}
		}
		if b := ps[1].Value.Host(); b[0] != 0 || b[1] != 0 {
			t.Errorf("the bias of a rescaled matrix is %v, want 0", b)
		}
		for _, i := range []int{2, 3, 4, 5} {
			want := []float32{2: 5, 3: .4, 4: 6, 5: 6}[i]
			if v := ps[i].Value.Host(); v[len(v)-1] != want {
				t.Errorf("depth %v: %s was changed: %v", depth, ps[i].Name, v)
			}
		}
	}
}
