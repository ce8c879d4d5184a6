package archs

import (
	"math"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
)

// positionFormula is the effect of positions on a head's queries and keys [P, E], and what they add to the scores [P,
// P].
type positionFormula struct {
	turn func(r *reference, x *gorgonia.Node) *gorgonia.Node
	add  func(r *reference, s *gorgonia.Node, head int) *gorgonia.Node
}

// positionFormulas are the positions in stock ops; learned positions are added to the embedded tokens.
var positionFormulas = map[string]positionFormula{
	"rope":    {ropeFormula, noBias},
	"learned": {noTurn, noBias},
	"none":    {noTurn, noBias},
	"alibi":   {noTurn, alibiFormula},
}

func noTurn(_ *reference, x *gorgonia.Node) *gorgonia.Node        { return x }
func noBias(_ *reference, s *gorgonia.Node, _ int) *gorgonia.Node { return s }

// ropeFormula rotates x [P, E] by position: the pairs (i, i+n/2) of the first n channels, by t theta^(-2i/n).
func ropeFormula(r *reference, x *gorgonia.Node) *gorgonia.Node {
	p := r.c.Position.Value.(*RoPE)
	n := int(p.Fraction * float64(r.E))
	n -= n % 2
	half := n / 2
	angle := func(t, j int) float64 {
		if j >= n {
			return 0
		}
		return float64(t) * math.Pow(p.Theta, -2*float64(j%half)/float64(n))
	}
	cos := r.matrix(r.P, r.E, func(t, j int) float64 { return math.Cos(angle(t, j)) })
	sin := r.matrix(r.P, r.E, func(t, j int) float64 { return math.Sin(angle(t, j)) })
	swap := r.matrix(r.E, r.E, func(i, j int) float64 {
		switch {
		case i < n && i == j+half:
			return -1
		case j < n && j == i+half:
			return 1
		}
		return 0
	})
	return r.add(r.had(x, cos), r.had(r.mul(x, swap), sin))
}

// alibiFormula adds 2^(-8h/H) (j - i), h from 1.
func alibiFormula(r *reference, s *gorgonia.Node, head int) *gorgonia.Node {
	slope := math.Pow(2, -8*float64(head+1)/float64(r.H))
	return r.add(s, r.matrix(r.P, r.P, func(i, j int) float64 { return slope * float64(j-i) }))
}

// TestALiBiSlopes: 8 heads have 1/2 … 1/256 (arXiv 2108.12409, section 3); 12 heads have these eight and the first,
// third, fifth and seventh slopes of 16 heads (the authors' rule).
func TestALiBiSlopes(t *testing.T) {
	eight := []float64{1. / 2, 1. / 4, 1. / 8, 1. / 16, 1. / 32, 1. / 64, 1. / 128, 1. / 256}
	twelve := append(append([]float64{}, eight...), math.Pow(2, -.5), math.Pow(2, -1.5), math.Pow(2, -2.5),
		math.Pow(2, -3.5))
	for _, want := range [][]float64{eight, twelve} {
		for h, got := range compute.ALiBiSlopes(len(want)) {
			if math.Abs(got-want[h]) > 1e-15 {
				t.Errorf("%d heads: slope %d is %v, want %v", len(want), h, got, want[h])
			}
		}
	}
}
