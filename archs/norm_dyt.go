package archs

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/ops"
	"github.com/outcrop-lab/outcrop/variant"
)

// DyT is g tanh(a x) + b in place of a norm (arXiv 2503.10622). The number a is learned and shared by all channels; g
// and b are learned per channel. `beta: false, embed_scale: true` gives the paper's version for LLaMA.
type DyT struct {
	AlphaAttention float64 `json:"alpha_attention" doc:"a at first, before attention; 0 takes the paper's for the width: 1, from 4096 on .8"`
	Alpha          float64 `json:"alpha" doc:"a at first, elsewhere; 0 takes the paper's for the width: 1, from 2048 on .5, from 4096 on .2"`
	Beta           bool    `json:"beta" doc:"b, 0 at first; without it b = 0"`
	EmbedScale     bool    `json:"embed_scale" doc:"multiply the embedded tokens by one learned number, sqrt(width) at first"`
}

// Validate implements Norm.
func (n *DyT) Validate(Config) error {
	for _, alpha := range []struct {
		key   string
		value float64
	}{{"alpha_attention", n.AlphaAttention}, {"alpha", n.Alpha}} {
		if !(alpha.value >= 0) || math.IsInf(alpha.value, 0) {
			return variant.Errorf(alpha.key, "must be a finite number of at least 0, is %g", alpha.value)
		}
	}
	return nil
}

// start returns alpha's initial value. The paper gives none for widths below 1024; they use that of 1024.
func (n *DyT) start(width int, attention bool) float64 {
	asked, paper := n.Alpha, [...]float64{1, .5, .2}
	if attention {
		asked, paper = n.AlphaAttention, [...]float64{1, 1, .8}
	}
	switch {
	case asked > 0:
		return asked
	case width >= 4096:
		return paper[2]
	case width >= 2048:
		return paper[1]
	}
	return paper[0]
}

func (n *DyT) apply(b *builder, name string, attention bool, x node) node {
	alpha := b.param(name+".alpha", "scalar", constant(n.start(b.D, attention)), 1)
	gain := b.ones(name+".gain", "vector", b.D)
	var bias node
	if n.Beta {
		bias = b.zeros(name+".bias", b.D)
	}
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) {
		return c.DyT(x.Node, alpha.Node, gain.Node, bias.Node)
	})
}

func (n *DyT) embed(b *builder, x node) node {
	if !n.EmbedScale {
		return x
	}
	scale := b.param("embed_scale", "scalar", constant(math.Sqrt(float64(b.D))), 1)
	return b.combine(x, scale, compute.Broadcast{Span: b.B * b.T * b.D}, false)
}
