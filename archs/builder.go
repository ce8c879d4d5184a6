package archs

import (
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/ops"
)

// builder builds a model. Without a context it only declares the parameters and builds no graph.
type builder struct {
	config   Config
	B, T, P  int // batch, context, positions seen by attention (registers and context)
	D        int // width
	H, KV, E int // heads, heads of keys and values, width of a head
	layer    int // of the block being built; -1 outside the blocks

	params []Param // declared so far

	ctx     *ops.Context
	weights *Weights
	tokens  compute.Ints
	leaves  []*gorgonia.Node // in the order of params
	wanted  map[string]bool
	sites   []Site
}

// node is a value in the graph. The zero node is any value of a declaring builder, or an absent one.
type node struct {
	*gorgonia.Node
	param int // index of a parameter
}

// failure is the panic that carries gorgonia's errors out of the builder to Build.
type failure struct{ err error }

func must[T any](value T, err error) T {
	if err != nil {
		panic(failure{err})
	}
	return value
}

func newBuilder(c Config) *builder {
	return &builder{config: c, T: c.Context, P: c.positions(), D: c.Width, H: c.Heads, KV: c.kvHeads(), E: c.headWidth(),
		layer: -1, wanted: make(map[string]bool)}
}

// model is the whole network: tokens [B*T] to logits [B*T, V]. Between the embedding and the last block the stream has
// B*P rows; the registers come first in each sequence.
func (b *builder) model() node {
	c := b.config
	embedding := b.param("embedding", "embedding", weights, c.Vocab, b.D)
	x := b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Embedding(embedding.Node, b.tokens) })
	if c.EmbedProj {
		x = b.linear(x, b.param("embed_proj.in", "matrix", orthogonal, b.D, b.D))
	}
	x = c.Norm.Value.embed(b, x)
	x = c.Position.Value.embed(b, x)
	if c.Registers > 0 {
		first, tokens := b.param("registers", "embedding", weights, c.Registers, b.D), x
		x = b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Prepend(first.Node, tokens.Node, b.T) })
	}
	for b.layer = range c.Layers {
		b.site("resid_pre", x, b.D)
		x = c.Block.Value.apply(b, fmt.Sprintf("blocks.%d", b.layer), x)
		b.site("resid_post", x, b.D)
	}
	b.layer = -1
	if c.Registers > 0 {
		x = b.tail(x, b.D)
		b.P = b.T
	}
	x = c.NormPlacement.Value.final(b, x)
	if c.EmbedProj {
		x = b.linear(x, b.param("embed_proj.out", "matrix", orthogonal, b.D, b.D))
	}
	head := embedding
	if !c.Tied {
		head = b.param("head", "head", weights, c.Vocab, b.D)
	}
	logits := b.linear(x, head)
	b.site("logits", logits, c.Vocab)
	return logits
}

// norm is the configured norm; the names of its parameters begin with name.
func (b *builder) norm(name string, x node) node {
	x = b.config.Norm.Value.apply(b, name, strings.HasSuffix(name, ".attn.norm"), x)
	for _, at := range normSites {
		if strings.HasSuffix(name, at.end) {
			b.site(at.site, x, b.D)
		}
	}
	return x
}

// param declares a parameter. With a context it returns its leaf over the weights.
func (b *builder) param(name, kind string, first draw, shape ...int) node {
	return b.declare(Param{Name: name, Layer: b.layer, Shape: shape, Kind: kind, draw: first})
}

func (b *builder) declare(p Param) node {
	i := len(b.params)
	b.params = append(b.params, p)
	if b.ctx == nil {
		return node{param: i}
	}
	if i >= len(b.weights.params) || b.weights.params[i].Name != p.Name ||
		!slices.Equal(b.weights.params[i].Shape, p.Shape) {
		panic(failure{fmt.Errorf("the weights have no parameter %s of shape %v at index %d", p.Name, p.Shape, i)})
	}
	leaf := b.ctx.Leaf(p.Name, b.weights.Value(i), p.Shape...)
	b.leaves = append(b.leaves, leaf)
	return node{leaf, i}
}

// weight declares a matrix [out, in] of a block.
func (b *builder) weight(name string, out, in int) node {
	return b.param(name, "matrix", weights, out, in)
}

// residual declares a weight whose product is added to the stream.
func (b *builder) residual(name string, out, in int) node {
	return b.declare(Param{Name: name, Layer: b.layer, Shape: []int{out, in}, Kind: "matrix", draw: weights,
		residual: true})
}

func (b *builder) ones(name, kind string, n int) node { return b.param(name, kind, constant(1), n) }

func (b *builder) zeros(name string, n int) node { return b.param(name, "vector", constant(0), n) }

// op applies an op, unless the builder only declares.
func (b *builder) op(apply func(*ops.Context) (*gorgonia.Node, error)) node {
	if b.ctx == nil {
		return node{}
	}
	return node{Node: must(apply(b.ctx))}
}

func (b *builder) linear(x, w node) node { return b.linears(x, w) }

// linears computes the products with several weights, declared one after another, side by side.
func (b *builder) linears(x node, weights ...node) node {
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) {
		return c.Linear(x.Node, b.weights.span(weights[0].param, len(weights)), leaves(weights)...)
	})
}

// bias adds biases, declared one after another, side by side. Without biases it returns x.
func (b *builder) bias(x node, biases ...node) node {
	if len(biases) == 0 {
		return x
	}
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) {
		return c.Bias(x.Node, b.weights.span(biases[0].param, len(biases)), leaves(biases)...)
	})
}

func leaves(nodes []node) (all []*gorgonia.Node) {
	for _, n := range nodes {
		all = append(all, n.Node)
	}
	return all
}

func (b *builder) join(q, k, v node) node {
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Join(q.Node, k.Node, v.Node) })
}

// tail drops the registers' rows from x [B*P, width].
func (b *builder) tail(x node, width int) node {
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Tail(x.Node, b.P-b.T, b.P, width) })
}

func (b *builder) activate(f compute.Activation, x node) node {
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Activate(f, x.Node) })
}

func (b *builder) combine(x, s node, over compute.Broadcast, add bool) node {
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Combine(x.Node, s.Node, over, add) })
}

func (b *builder) add(x, y node) node {
	return b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Add(x.Node, y.Node) })
}
