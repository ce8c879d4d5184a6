package archs

import "github.com/outcrop-lab/outcrop/variant"

// Block arranges attention and MLP along the residual stream.
type Block interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.block`, or nil.
	Validate(Config) error
	// apply is one layer on the stream x [R, D]; the names of its parameters begin with name.
	apply(b *builder, name string, x node) node
}

var blocks = variant.Registry[Block]{
	"sequential": {New: func() Block { return &Sequential{} }, Formula: "x = x + attn(norm(x)); x = x + mlp(norm(x))",
		Source: "1706.03762"},
	"parallel": {New: func() Block { return &Parallel{} }, Formula: "x = x + attn(norm1(x)) + mlp(norm2(x))",
		Source: "2204.06745"},
}

// Sequential applies attention, then the MLP.
type Sequential struct{ parameterless }

func (*Sequential) apply(b *builder, name string, x node) node {
	attn, mlp, at := name+".attn", name+".mlp", b.config.NormPlacement.Value
	x = at.merged(b, attn, b.add(x, at.after(b, attn, b.attention(attn, at.before(b, attn, x)))))
	b.site("resid_mid", x, b.D)
	return at.merged(b, mlp, b.add(x, at.after(b, mlp, b.mlp(mlp, at.before(b, mlp, x)))))
}

// Parallel applies attention and the MLP to the same stream, each with its own norm (arXiv 2204.06745).
type Parallel struct{ parameterless }

func (*Parallel) apply(b *builder, name string, x node) node {
	attn, mlp, at := name+".attn", name+".mlp", b.config.NormPlacement.Value
	y := at.after(b, attn, b.attention(attn, at.before(b, attn, x)))
	z := at.after(b, mlp, b.mlp(mlp, at.before(b, mlp, x)))
	return b.add(b.add(x, y), z)
}
