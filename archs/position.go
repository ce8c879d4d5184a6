package archs

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/variant"
)

// Position tells attention where a token stands.
type Position interface {
	// Validate returns a *variant.Error with a key below `arch.position`.
	Validate(Config) error
	// embed adds to the embedded tokens x [R, D].
	embed(b *builder, x node) node
	// rotate sets how attention turns its queries and keys.
	rotate(a *compute.Attention)
}

var positions = variant.Registry[Position]{
	"rope":    {New: func() Position { return &RoPE{Theta: 10000} }},
	"learned": {New: func() Position { return &Learned{} }},
}
