package archs

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/ops"
)

// builder writes a model down. Without a context it only declares: it collects the parameters and makes no graph.
type builder struct {
	config     Config
	B, T, D, H int // batch, context, width, heads
	layer      int // of the block being written; -1 outside

	params []Param // declared so far

	ctx     *ops.Context
	weights *Weights
	tokens  compute.Ints
	leaves  []*gorgonia.Node // in the order of params
	wanted  map[string]bool
	sites   []Site
}

// node is a value in the graph; its zero is a value of a declaring builder.
type node struct {
	*gorgonia.Node
	param int // index of a parameter
}

// failure carries an error of gorgonia out of the model's text, to Build.
type failure struct{ err error }

func must[T any](value T, err error) T {
	if err != nil {
		panic(failure{err})
	}
	return value
}

func newBuilder(c Config) *builder {
	return &builder{config: c, T: c.Context, D: c.Width, H: c.Heads, layer: -1, wanted: make(map[string]bool)}
}

// model is the whole network, pre-norm and without biases: tokens [B*T] to logits [B*T, V].
func (b *builder) model() *gorgonia.Node {
	c := b.config
	embedding := b.param("embedding", "embedding", normal, c.Vocab, b.D)
	x := b.embed(embedding)
	if c.EmbedProj {
		x = b.linear(x, b.param("embed_proj.in", "matrix", orthogonal, b.D, b.D))
	}
	x = c.Position.Value.embed(b, x)
	for b.layer = range c.Layers {
		x = b.block(x)
	}
	b.layer = -1
	x = c.Norm.Value.apply(b, "final_norm", x)
	if c.EmbedProj {
		x = b.linear(x, b.param("embed_proj.out", "matrix", orthogonal, b.D, b.D))
	}
	head := embedding
	if !c.Tied {
		head = b.param("head", "head", normal, c.Vocab, b.D)
	}
	return b.linear(x, head).Node
}

// block is one layer of the stream x [B*T, D].
func (b *builder) block(x node) node {
	name := fmt.Sprintf("blocks.%d", b.layer)
	c := b.config
	x = b.add(x, c.Attention.Value.apply(b, name+".attn", c.Norm.Value.apply(b, name+".attn.norm", x)))
	x = b.add(x, c.MLP.Value.apply(b, name+".mlp", c.Norm.Value.apply(b, name+".mlp.norm", x)))
	b.site("resid_post", x.Node, b.B, b.T, b.D)
	return x
}

// param declares a parameter, or finds it among the weights.
func (b *builder) param(name, kind string, first draw, shape ...int) node {
	i := len(b.params)
	b.params = append(b.params, Param{Name: name, Layer: b.layer, Shape: shape, Kind: kind, draw: first})
	if b.ctx == nil {
		return node{param: i}
	}
	if i >= len(b.weights.params) || b.weights.params[i].Name != name || !slices.Equal(b.weights.params[i].Shape, shape) {
		panic(failure{fmt.Errorf("the weights have no parameter %s of shape %v at place %d", name, shape, i)})
	}
	leaf := b.ctx.Leaf(name, b.weights.Value(i), shape...)
	b.leaves = append(b.leaves, leaf)
	return node{leaf, i}
}

// weight is a matrix [out, in] drawn from N(0, std^2).
func (b *builder) weight(name string, out, in int) node {
	return b.param(name, "matrix", normal, out, in)
}

func (b *builder) embed(w node) node {
	if b.ctx == nil {
		return node{}
	}
	return node{Node: must(b.ctx.Embedding(w.Node, b.tokens))}
}

func (b *builder) addPositions(x, p node) node {
	if b.ctx == nil {
		return node{}
	}
	return node{Node: must(b.ctx.AddPositions(x.Node, p.Node))}
}

func (b *builder) linear(x, w node) node { return b.linears(x, w) }

// linears is the product with several weights that were declared one after the other, side by side.
func (b *builder) linears(x node, weights ...node) node {
	if b.ctx == nil {
		return node{}
	}
	var leaves []*gorgonia.Node
	for _, w := range weights {
		leaves = append(leaves, w.Node)
	}
	return node{Node: must(b.ctx.Linear(x.Node, b.weights.span(weights[0].param, len(weights)), leaves...))}
}

func (b *builder) rmsnorm(x, gain node, eps float64) node {
	if b.ctx == nil {
		return node{}
	}
	return node{Node: must(b.ctx.RMSNorm(x.Node, gain.Node, float32(eps)))}
}

// attend is attention over qkv [R, 3D], with its pattern where that is wanted.
func (b *builder) attend(qkv node, bias []node) node {
	if b.ctx == nil {
		return node{}
	}
	a := compute.Attention{B: b.B, T: b.T, H: b.H, E: b.D / b.H, KVBias: len(bias) > 0}
	b.config.Position.Value.rotate(&a)
	var leaves []*gorgonia.Node
	for _, p := range bias {
		leaves = append(leaves, p.Node)
	}
	if b.wanted["attn.pattern"] {
		b.site("attn.pattern", must(b.ctx.AttendPattern(a, qkv.Node, leaves...)), a.B, a.H, a.T, a.Keys())
	}
	return node{Node: must(b.ctx.Attend(a, qkv.Node, leaves...))}
}

// gate is y sigmoid(scores), with the scores where they are wanted.
func (b *builder) gate(y, scores node) node {
	if b.ctx == nil {
		return node{}
	}
	gated := must(b.ctx.Gate(y.Node, scores.Node))
	if b.wanted["attn.gate"] {
		shape := scores.Shape()
		b.site("attn.gate", must(b.ctx.Side(gated, shape...)), shape...)
	}
	return node{Node: gated}
}

func (b *builder) activate(f compute.Activation, x node) node {
	if b.ctx == nil {
		return node{}
	}
	return node{Node: must(b.ctx.Activate(f, x.Node))}
}

func (b *builder) add(x, y node) node {
	if b.ctx == nil {
		return node{}
	}
	return node{Node: must(b.ctx.Add(x.Node, y.Node))}
}

// site notes where activations are read.
func (b *builder) site(name string, at *gorgonia.Node, shape ...int) {
	if b.ctx == nil || !b.wanted[name] {
		return
	}
	b.sites = append(b.sites, Site{Layer: b.layer, Name: name, Node: at, Value: must(b.ctx.Buffer(at)), Shape: shape})
}
