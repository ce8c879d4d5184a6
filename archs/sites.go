package archs

import (
	"gorgonia.org/gorgonia"

	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/ops"
)

// Site is a place in the network where activations are read.
type Site struct {
	Layer int    // -1 after the blocks
	Name  string // one of Sites
	Node  *gorgonia.Node
	Value compute.Buffer
	Shape []int
}

var sites = []string{"attn.gate", "attn.out", "attn.pattern", "final_norm.out", "k", "logits", "mlp.act", "mlp.down_in",
	"mlp.gate", "mlp.out", "mlp.up", "norm1.out", "norm2.out", "q", "resid_mid", "resid_post", "resid_pre", "v"}

// Sites returns the names of the sites, sorted. For B sequences of T tokens, H heads and KV heads of keys and values of
// width E, F hidden channels of the MLP and V tokens in the vocabulary, they are, in the order of a block:
//
//	resid_pre      [B,T,D]       the stream that enters the block
//	norm1.out      [B,T,D]       attention's norm: of its input, or of the sum after it (post)
//	q              [B,T,H,E]     queries, keys and values as they enter attention, with biases, QK-norm and gates G4,
//	k, v           [B,T,KV,E]      G3 and G2, before RoPE
//	attn.pattern   [B,H,T,Keys]  the weights of the values; 0 ahead of the query
//	attn.gate      [B*T,n]       the gate's scores after the activation and, if shared, mean over heads; n is H*E, H, E
//	                               or 1, with KV for H at G2 and G3, and D at G5
//	attn.out       [B,T,D]       after the output projection and G5, before sandwich's norm
//	resid_mid      [B,T,D]       the stream between attention and MLP; none in a parallel block
//	norm2.out      [B,T,D]       the MLP's norm, as norm1.out
//	mlp.gate       [B,T,F]       the gate projection of a gated MLP, before its activation
//	mlp.up         [B,T,F]       the up projection, before the activation of an ungated MLP
//	mlp.act        [B,T,F]       the activation's output
//	mlp.down_in    [B,T,F]       the down projection's input: mlp.act, times mlp.up in a gated MLP
//	mlp.out        [B,T,D]       after the down projection, before sandwich's norm
//	resid_post     [B,T,D]       the stream that leaves the block
//
// and in layer -1 final_norm.out [B,T,D] (none with post norm) and logits [B,T,V].
//
// Keys counts T columns, preceded by one for the extra slot and one for each register: position j of the sequence is
// always column Keys-T+j. The extra slot is column 0: the weight of a KV bias, of a sink logit, or of softmax1's
// off-by-one. Rows of normalised weights sum to 1 over all columns. Registers are keys there but never queries: every
// site drops their rows.
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
