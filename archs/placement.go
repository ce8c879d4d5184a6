package archs

import "github.com/outcrop-lab/outcrop/variant"

// Placement arranges the norms around a sub-layer f.
type Placement interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.norm_placement`, or nil.
	Validate(Config) error
	// before acts on the input of f, after on its output, and merged on the stream after that output was added; the names
	// of their parameters begin with name, which ends in "attn" or "mlp".
	before(b *builder, name string, x node) node
	after(b *builder, name string, x node) node
	merged(b *builder, name string, x node) node
	// final acts on the stream after the last block.
	final(b *builder, x node) node
}

var placements = variant.Registry[Placement]{
	"pre": {New: func() Placement { return &PreNorm{} }, Formula: "x + f(norm(x)), norm(x) before the head",
		Source: "2002.04745"},
	"post": {New: func() Placement { return &PostNorm{} }, Formula: "norm(x + f(x)), none before the head",
		Source: "1706.03762"},
	"sandwich": {New: func() Placement { return &SandwichNorm{} },
		Formula: "x + norm(f(norm(x))), norm(x) before the head", Source: "2105.13290"},
}

// PreNorm is x + f(norm(x)), with one more norm before the head (arXiv 2002.04745).
type PreNorm struct{ parameterless }

func (*PreNorm) before(b *builder, name string, x node) node { return b.norm(name+".norm", x) }
func (*PreNorm) after(_ *builder, _ string, x node) node     { return x }
func (*PreNorm) merged(_ *builder, _ string, x node) node    { return x }
func (*PreNorm) final(b *builder, x node) node               { return b.norm("final_norm", x) }

// PostNorm is norm(x + f(x)) (arXiv 1706.03762). The head needs no norm of its own, because the last block already
// normalises the stream.
type PostNorm struct{}

// Validate implements Placement.
func (*PostNorm) Validate(c Config) error {
	if c.Block.Name == "parallel" {
		return variant.Errorf("name",
			"post needs a sum after each sub-layer, which arch.block parallel does not have; use pre or sandwich")
	}
	return placed(c)
}

func (*PostNorm) before(_ *builder, _ string, x node) node    { return x }
func (*PostNorm) after(_ *builder, _ string, x node) node     { return x }
func (*PostNorm) merged(b *builder, name string, x node) node { return b.norm(name+".norm", x) }
func (*PostNorm) final(_ *builder, x node) node               { return x }

// SandwichNorm is x + norm(f(norm(x))), with two norms per sub-layer and one more before the head (arXiv 2105.13290).
type SandwichNorm struct{ PreNorm }

// Validate implements Placement.
func (*SandwichNorm) Validate(c Config) error { return placed(c) }

func (*SandwichNorm) after(b *builder, name string, x node) node {
	return b.norm(name+".post_norm", x)
}

// placed returns an error if there is no norm to place.
func placed(c Config) error {
	if c.Norm.Name == "none" {
		return variant.Errorf("name", "arch.norm none leaves nothing to place; use pre")
	}
	return nil
}
