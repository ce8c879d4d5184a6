package archs

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/count"
	"github.com/outcrop-lab/outcrop/variant"
)

// RoPE rotates queries and keys by angles proportional to the position (arXiv 2104.09864). In each head it rotates the
// pairs of channels (i, i+n/2) of the first n channels, where n is the head's width or an even part of it (arXiv
// 2204.06745). Registers count as positions.
type RoPE struct {
	Theta    float64 `json:"theta" doc:"base of the angles' frequencies"`
	Fraction float64 `json:"fraction" doc:"share of a head's channels that turn, rounded down to an even number of them"`
}

// Validate implements Position.
func (p *RoPE) Validate(c Config) error {
	switch {
	case !(p.Fraction > 0 && p.Fraction <= 1):
		return variant.Errorf("fraction", "must be above 0 and at most 1, is %g", p.Fraction)
	case p.Fraction == 1 && c.headWidth()%2 != 0:
		return variant.Errorf("name",
			"rope needs an even head width, but arch.width / arch.heads is %d; change either, or use learned", c.headWidth())
	case p.channels(c) == 0:
		return variant.Errorf("fraction", "%g of a head's %s is less than one pair", p.Fraction,
			count.Of(c.headWidth(), "channel"))
	}
	return positive("theta", p.Theta)
}

// channels returns how many channels of a head are rotated.
func (p *RoPE) channels(c Config) int { return 2 * int(p.Fraction*float64(c.headWidth())/2) }

func (p *RoPE) embed(_ *builder, x node) node { return x }

func (p *RoPE) turn(c Config, a *compute.Attention) {
	a.Rope, a.Theta, a.Turn = true, float32(p.Theta), p.channels(c)
}
