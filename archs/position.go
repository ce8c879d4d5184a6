package archs

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// Position tells the model the positions of the tokens.
type Position interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.position`, or nil.
	Validate(Config) error
	// embed adds positions to the embedded tokens x [R, D].
	embed(b *builder, x node) node
	// turn sets the effect of positions on queries, keys and scores.
	turn(c Config, a *compute.Attention)
}

var positions = variant.Registry[Position]{
	"rope": {New: func() Position { return &RoPE{Theta: 10000, Fraction: 1} },
		Formula: "q and k turn by t theta^(-2i/n) in the channel pairs (i, i+n/2), n = fraction E", Source: "2104.09864"},
	"learned": {New: func() Position { return &Learned{} }, Formula: "x_t = x_t + p_t, p_t learned", Source: "1706.03762"},
	"alibi": {New: func() Position { return &ALiBi{} },
		Formula: "s_ij = s_ij + m_h (j - i), m_h = 2^(-8h/H)", Source: "2108.12409"},
	"none": {New: func() Position { return &NoPosition{} }, Formula: "the causal mask alone", Source: "2305.19466"},
}
