package archs

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/ops"
)

// Site is a place in the network whose activations can be read.
type Site struct {
	Layer int    // the block, counted from 0; -1 after the blocks
	Name  string // one of those that Sites returns
	Node  *gorgonia.Node
	Value compute.Buffer
	Shape []int
}

var sites = []string{"attn.gate", "attn.out", "attn.pattern", "final_norm.out", "k", "logits", "mlp.act", "mlp.down_in",
	"mlp.gate", "mlp.out", "mlp.up", "norm1.out", "norm2.out", "q", "resid_mid", "resid_post", "resid_pre", "v"}

// Sites returns the names of the sites, sorted. The table lists those of a block in the order in which the block
// computes them. The shapes are for B sequences of T tokens, a stream of width D, H heads of queries and KV heads of
// keys and values, all of width E, and an MLP with F hidden channels.
//
//	resid_pre      [B,T,D]       the stream that enters the block
//	norm1.out      [B,T,D]       the output of attention's norm, which post placement applies to the sum after attention
//	q              [B,T,H,E]     the queries that enter attention, after biases, QK-norm and gate G4, before RoPE
//	k              [B,T,KV,E]    the keys that enter attention, after biases, QK-norm and gate G3, before RoPE
//	v              [B,T,KV,E]    the values that enter attention, after biases and gate G2
//	attn.pattern   [B,H,T,Keys]  the weights of the values; 0 for positions after the query
//	attn.gate      [B*T,n]       the gate's scores, after the activation and, if shared, after the mean over heads;
//	                             n is H*E (elementwise), H (headwise), E (elementwise, shared) or 1 (headwise, shared);
//	                             for H read KV at G2 and G3; at G5, n is D
//	attn.out       [B,T,D]       attention's output, after the output projection and G5, before sandwich's second norm
//	resid_mid      [B,T,D]       the stream between attention and MLP; a parallel block has none
//	norm2.out      [B,T,D]       the output of the MLP's norm, placed like norm1.out
//	mlp.gate       [B,T,F]       the gate projection of a gated MLP, before its activation
//	mlp.up         [B,T,F]       the up projection; in an ungated MLP, before the activation
//	mlp.act        [B,T,F]       the activation's output
//	mlp.down_in    [B,T,F]       the down projection's input: mlp.act, in a gated MLP times mlp.up
//	mlp.out        [B,T,D]       the MLP's output, after the down projection, before sandwich's second norm
//	resid_post     [B,T,D]       the stream that leaves the block
//
// Outside the blocks, in layer -1, there are two more: final_norm.out [B,T,D], which post placement lacks, and logits
// [B,T,V] for a vocabulary of V tokens.
//
// The Keys columns of a pattern are the extra slot (if the model has one), the registers, and the T positions of the
// sequence, in this order. Position j of the sequence is therefore always column Keys-T+j. The extra slot, column 0,
// holds the weight of a KV bias, of a sink logit, or of the 1 in softmax1. Rows of normalised weights sum to 1 over all
// Keys columns. Registers appear in the pattern as keys, but no site has rows for registers.
func Sites() []string { return sites }

// normSites names the site of each norm by the end of the norm's name. Sandwich's second norms have none.
var normSites = []struct{ end, site string }{
	{".attn.norm", "norm1.out"}, {".mlp.norm", "norm2.out"}, {"final_norm", "final_norm.out"}}

// site records activations x [B*P, width] as [B, T, shape…]; width is the product of shape.
func (b *builder) site(name string, x node, shape ...int) {
	if b.ctx == nil || !b.wanted[name] {
		return
	}
	width := 1
	for _, n := range shape {
		width *= n
	}
	if b.P > b.T {
		x = b.tail(x, width)
	}
	b.note(name, x.Node, append([]int{b.B, b.T}, shape...)...)
}

// scoreSite records a gate's scores [B*P, n].
func (b *builder) scoreSite(s node, n int) {
	if b.ctx == nil || !b.wanted["attn.gate"] {
		return
	}
	if b.P > b.T {
		s = b.tail(s, n)
	}
	b.note("attn.gate", s.Node, b.B*b.T, n)
}

// partSites records queries, keys and values if they come from one product, qkv [R, (H+2KV)*E].
func (b *builder) partSites(qkv node) {
	at := 0
	for _, part := range []struct {
		name  string
		heads int
	}{{"q", b.H}, {"k", b.KV}, {"v", b.KV}} {
		from, to := at, at+part.heads*b.E
		if at = to; b.wanted[part.name] {
			x := b.op(func(c *ops.Context) (*gorgonia.Node, error) { return c.Columns(qkv.Node, from, to) })
			b.site(part.name, x, part.heads, b.E)
		}
	}
}

func (b *builder) note(name string, at *gorgonia.Node, shape ...int) {
	b.sites = append(b.sites, Site{Layer: b.layer, Name: name, Node: at, Value: must(b.ctx.Buffer(at)), Shape: shape})
}
