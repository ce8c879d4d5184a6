package archs

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// RoPE turns queries and keys by angles that grow with the position (arXiv 2104.09864), in pairs of channels (i, i+E/2).
type RoPE struct {
	// Theta is the base of the angles' frequencies.
	Theta float64 `json:"theta"`
}

// Validate implements Position.
func (p *RoPE) Validate(c Config) error {
	if c.Width/c.Heads%2 != 0 {
		return variant.Errorf("name", "rope needs an even head width, but arch.width / arch.heads is %d; change either, or take learned", c.Width/c.Heads)
	}
	return positive("theta", p.Theta)
}

func (p *RoPE) embed(_ *builder, x node) node { return x }

func (p *RoPE) rotate(a *compute.Attention) { a.Rope, a.Theta = true, float32(p.Theta) }
