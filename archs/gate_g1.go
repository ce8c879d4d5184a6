package archs

import (
	"slices"

	"github.com/outcrop-lab/outcrop/variant"
)

// G1 multiplies attention's output by sigmoid(x W^T), x being the normalised stream (arXiv 2505.06708, position G1).
type G1 struct {
	// Granularity is "elementwise", a score per channel, or "headwise", a score per head.
	Granularity string `json:"granularity"`
}

var granularities = []string{"elementwise", "headwise"}

// Validate implements Gate.
func (g *G1) Validate(Config) error {
	if !slices.Contains(granularities, g.Granularity) {
		return variant.Errorf("granularity", "%s", variant.Unknown("granularity", g.Granularity, granularities))
	}
	return nil
}

func (g *G1) apply(b *builder, name string, x, y node) node {
	scores := b.D
	if g.Granularity == "headwise" {
		scores = b.H
	}
	return b.gate(y, b.linear(x, b.weight(name+".gate", scores, b.D)))
}
