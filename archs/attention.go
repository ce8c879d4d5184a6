package archs

import (
	"github.com/outcrop-lab/outcrop/compute"
	"github.com/outcrop-lab/outcrop/ops"
	"github.com/outcrop-lab/outcrop/variant"
)

// Attention turns the scores s_ij = q_i.k_j/sqrt(E) of query i and the keys j <= i into the weights w_ij by which the
// values are summed.
type Attention interface {
	// Validate returns a *variant.Error that names the faulty key below `arch.attention`, or nil.
	Validate(Config) error
	// weigh sets how the kernel computes the weights.
	weigh(c Config, a *compute.Attention)
	// logit returns a score [H] in the extra slot, or an absent node. Its parameters' names begin with name.
	logit(b *builder, name string) node
	// extra reports whether the variant occupies the extra slot. normalised reports whether the weights sum to 1 over all
	// slots.
	extra() bool
	normalised() bool
}

var attentions = variant.Registry[Attention]{
	"softmax": {New: func() Attention { return &Softmax{} },
		Formula: "w_ij = exp(s_ij) / sum_k exp(s_ik)", Source: "1706.03762"},
	"softmax1": {New: func() Attention { return &Softmax1{} },
		Formula: "w_ij = exp(s_ij) / (1 + sum_k exp(s_ik))", Source: "Miller 2023, 2410.10781"},
	"sink_logit": {New: func() Attention { return &SinkLogit{} },
		Formula: "w_ij = exp(s_ij) / (exp(b_h) + sum_k exp(s_ik)), b_h learned, 0 at first", Source: "2508.10925"},
	"sigmoid": {New: func() Attention { return &Sigmoid{Bias: "zero"} },
		Formula: "w_ij = sigmoid(s_ij + b), or that over its sum over j", Source: "2409.04431, 2410.10781"},
	"relu": {New: func() Attention { return &ReLUAttention{} },
		Formula: "w_ij = max(s_ij, 0) / i, i counted from 1", Source: "2410.13835"},
}

// attention maps the sub-layer's input x [R, D] to its output [R, D]; the names of its parameters begin with name. Gate
// positions are those of arXiv 2505.06708: G2, G3 and G4 act after the projections and QK-norm, before RoPE.
func (b *builder) attention(name string, x node) node {
	c := b.config
	kv := b.KV * b.E
	weights := []node{b.weight(name+".q", b.D, b.D), b.weight(name+".k", kv, b.D), b.weight(name+".v", kv, b.D)}
	var biases []node
	if c.Attention.Biases {
		biases = []node{b.zeros(name+".q.bias", b.D), b.zeros(name+".k.bias", kv), b.zeros(name+".v.bias", kv)}
	}
	var qkv node
	if place := c.Gate.Value.place(); c.QKNorm || place == "g2" || place == "g3" || place == "g4" {
		qkv = b.join(b.parts(name, x, weights, biases))
	} else {
		qkv = b.bias(b.linears(x, weights...), biases...) // one product
		b.partSites(qkv)
	}
	y := b.attend(name, qkv)
	y = b.gated("g1", name, x, y, b.H)
	y = b.linear(y, b.residual(name+".out", b.D, b.D))
	if c.Attention.Biases {
		y = b.bias(y, b.zeros(name+".out.bias", b.D))
	}
	y = b.gated("g5", name, x, y, 1)
	b.site("attn.out", y, b.D)
	return y
}

// parts computes q [R, H*E], k and v [R, KV*E] with one product each.
func (b *builder) parts(name string, x node, weights, biases []node) (q, k, v node) {
	var part [3]node
	for i, w := range weights {
		part[i] = b.linear(x, w)
		if biases != nil {
			part[i] = b.bias(part[i], biases[i])
		}
	}
	q, k, v = part[0], part[1], part[2]
	if b.config.QKNorm {
		q = b.headNorm(name+".q_norm", q)
		k = b.headNorm(name+".k_norm", k)
	}
	q = b.gated("g4", name, x, q, b.H)
	k = b.gated("g3", name, x, k, b.KV)
	v = b.gated("g2", name, x, v, b.KV)
	b.site("q", q, b.H, b.E)
	b.site("k", k, b.KV, b.E)
	b.site("v", v, b.KV, b.E)
	return q, k, v
}

// attend is attention over qkv [R, (H+2KV)*E]. It records the pattern if that is wanted.
func (b *builder) attend(name string, qkv node) node {
	c := b.config
	a := compute.Attention{B: b.B, T: b.P, H: b.H, KV: b.KV, E: b.E}
	k, v := c.KVBias.Value.params(b, name)
	extra := ops.Extra{K: k.Node, V: v.Node, Logit: c.Attention.Value.logit(b, name).Node}
	a.Extra = c.Attention.Value.extra() || k.Node != nil
	c.Attention.Value.weigh(c, &a)
	c.Position.Value.turn(c, &a)
	if b.ctx == nil {
		return node{}
	}
	if b.wanted["attn.pattern"] {
		p := must(b.ctx.AttendPattern(a, qkv.Node, extra))
		if c.Registers > 0 {
			p = must(b.ctx.Tail(p, c.Registers, b.P, a.Keys()))
		}
		b.note("attn.pattern", p, b.B, b.H, b.T, a.Keys())
	}
	return node{Node: must(b.ctx.Attend(a, qkv.Node, extra))}
}

// plain is embedded in attentions that leave the extra slot free.
type plain struct{}

func (plain) logit(*builder, string) node { return node{} }
func (plain) extra() bool                 { return false }
