package archs

import (
	"math"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"
)

// attentionFormula is an attention in stock ops: weights, before they are divided, from scores s [P, n], one row per
// query; the score of the extra slot of a head, [P, E] of equal columns, if the variant has one; and whether the
// weights are divided by their sum.
type attentionFormula struct {
	weights func(r *reference, s *gorgonia.Node) *gorgonia.Node
	extra   func(r *reference, name string, head int) *gorgonia.Node
	divided func(c Config) bool
}

var attentionFormulas = map[string]attentionFormula{
	"softmax":    {expFormula, nil, always},
	"softmax1":   {expFormula, func(r *reference, _ string, _ int) *gorgonia.Node { return r.ones(r.P, r.E, 0) }, always},
	"sink_logit": {expFormula, sinkFormula, always},
	"sigmoid":    {sigmoidFormula, nil, func(c Config) bool { return c.Attention.Value.(*Sigmoid).Normalised }},
	"relu":       {reluRowsFormula, nil, func(Config) bool { return false }},
}

func always(Config) bool { return true }

func expFormula(r *reference, s *gorgonia.Node) *gorgonia.Node { return r.must(gorgonia.Exp(s)) }

func sinkFormula(r *reference, name string, head int) *gorgonia.Node {
	return r.mul(r.leaf(name+".sink", r.P, r.H), r.where(r.H, r.E, func(i, _ int) bool { return i == head }))
}

func sigmoidFormula(r *reference, s *gorgonia.Node) *gorgonia.Node {
	if r.c.Attention.Value.(*Sigmoid).Bias == "minus_log_n" {
		s = r.add(s, r.full(s, -math.Log(float64(r.P))))
	}
	return r.sigmoid(s)
}

func reluRowsFormula(r *reference, s *gorgonia.Node) *gorgonia.Node {
	return r.had(r.must(gorgonia.Rectify(s)),
		r.matrix(r.P, s.Shape()[1], func(i, _ int) float64 { return 1 / float64(i+1) }))
}

func (r *reference) attention(x *gorgonia.Node, name string) *gorgonia.Node {
	kv, biases := r.KV*r.E, r.c.Attention.Biases
	q, k := r.affine(x, name+".q", r.D, r.D, biases), r.affine(x, name+".k", kv, r.D, biases)
	v := r.affine(x, name+".v", kv, r.D, biases)
	if r.c.QKNorm {
		q, k = r.headNorm(q, name+".q_norm"), r.headNorm(k, name+".k_norm")
	}
	q, k, v = r.gate("g4", name, x, q, r.H), r.gate("g3", name, x, k, r.KV), r.gate("g2", name, x, v, r.KV)
	var sum *gorgonia.Node
	for b := range r.B {
		for h := range r.H {
			back := r.where(r.R, r.P, func(i, j int) bool { return i == b*r.P+j })
			spread := r.where(r.E, r.D, func(i, j int) bool { return j == h*r.E+i })
			y := r.mul(r.mul(back, r.head(q, k, v, name, b, h)), spread)
			if sum == nil {
				sum = y
			} else {
				sum = r.add(sum, y)
			}
		}
	}
	y := r.affine(r.gate("g1", name, x, sum, r.H), name+".out", r.D, r.D, biases)
	return r.gate("g5", name, x, y, 1)
}

// headNorm is QK-norm of x [R, heads*E].
func (r *reference) headNorm(x *gorgonia.Node, name string) *gorgonia.Node {
	all := x.Shape()[1]
	mean := r.mul(r.had(x, x), r.matrix(all, all, func(i, j int) float64 {
		return map[bool]float64{true: 1 / float64(r.E)}[i/r.E == j/r.E]
	}))
	inverse := r.power(r.add(mean, r.full(x, 1e-6)), -0.5)
	return r.had(r.had(x, inverse), r.leaf(name+".gain", r.R, all))
}

// head is the output of head h for sequence b, [P, E].
func (r *reference) head(q, k, v *gorgonia.Node, name string, b, h int) *gorgonia.Node {
	f := formula(r, "attention", attentionFormulas, r.c.Attention.Name)
	position := formula(r, "position", positionFormulas, r.c.Position.Name)
	rows := r.where(r.P, r.R, func(i, j int) bool { return j == b*r.P+i })
	part := func(width, head int) *gorgonia.Node { // picks a head's channels
		return r.where(width, r.E, func(i, j int) bool { return i == head*r.E+j })
	}
	shared := part(r.KV*r.E, h*r.KV/r.H)
	qh := position.turn(r, r.mul(r.mul(rows, q), part(r.D, h)))
	kh := position.turn(r, r.mul(r.mul(rows, k), shared))
	vh := r.mul(r.mul(rows, v), shared)
	scale := 1 / math.Sqrt(float64(r.E))
	scores := position.add(r, r.scale(r.mul(qh, r.must(gorgonia.Transpose(kh))), scale), h)
	w := r.had(f.weights(r, scores), r.where(r.P, r.P, func(i, j int) bool { return j <= i }))
	over, under := r.mul(w, vh), r.mul(w, r.ones(r.P, r.E, 1))
	if f.extra != nil {
		under = r.add(under, f.weights(r, f.extra(r, name, h)))
	}
	if bias := formula(r, "kv_bias", map[string]int{"none": 0, "k": 1, "kv": 2}, r.c.KVBias.Name); bias > 0 {
		kb := r.mul(r.leaf(name+".k_bias", r.P, r.KV*r.E), shared)
		wb := f.weights(r, r.mul(r.had(qh, kb), r.ones(r.E, r.E, scale)))
		under = r.add(under, wb)
		if bias == 2 {
			over = r.add(over, r.had(wb, r.mul(r.leaf(name+".v_bias", r.P, r.KV*r.E), shared)))
		}
	}
	if f.divided(r.c) {
		over = r.had(over, r.reciprocal(under))
	}
	return over
}

// TestLongContext: contexts of more than one block of queries, for each kind of weights.
func TestLongContext(t *testing.T) {
	attention := factors()[0]
	for _, l := range attention.levels {
		for _, bias := range kvBiases.Names() {
			c := small()
			c.Layers, c.Width, c.Heads, c.KVHeads, c.Context = 1, 8, 2, 1, 37
			choose(t, &c.KVBias, bias)
			choose(t, &c.Position, "alibi")
			if l.set(&c); c.Validate() != nil {
				continue // no architecture: TestValidateNamesTheKey holds the reasons
			}
			t.Run(l.name+"/"+bias, func(t *testing.T) {
				checkGradients(t, c)
			})
		}
	}
}

// TestOneDefinition: variants that coincide at some setting give the same bits.
func TestOneDefinition(t *testing.T) {
	logits := func(c Config, set func(w *Weights)) []float32 {
		m, w, _ := built(t, c, false, nil)
		if set != nil {
			set(w)
		}
		run(t, m)
		return slices.Clone(m.Logits.Host())
	}
	fill := func(part string, x float32) func(*Weights) {
		return func(w *Weights) {
			for i, p := range w.Params() {
				if len(p.Name) > len(part) && p.Name[len(p.Name)-len(part):] == part {
					for j := range w.Value(i).Host() {
						w.Value(i).Host()[j] = x
					}
				}
			}
		}
	}
	base := small()
	with := func(change func(c *Config)) Config {
		c := small()
		change(&c)
		return c
	}
	softmax1 := logits(with(func(c *Config) { choose(t, &c.Attention, "softmax1") }), nil)
	sink := with(func(c *Config) { choose(t, &c.Attention, "sink_logit") })
	key := with(func(c *Config) { choose(t, &c.KVBias, "k") })
	for name, other := range map[string][]float32{
		"sink_logit at 0":           logits(sink, fill(".sink", 0)),
		"kv_bias k with a key of 0": logits(key, fill(".k_bias", 0)),
	} {
		if !slices.Equal(softmax1, other) {
			t.Errorf("%s is not softmax1", name)
		}
	}
	if slices.Equal(softmax1, logits(sink, fill(".sink", 1))) || slices.Equal(softmax1, logits(base, nil)) {
		t.Error("the sink changes nothing")
	}
	// exp(-80) is below half a unit in the last place of 1.
	if !slices.Equal(logits(base, nil), logits(sink, fill(".sink", -80))) {
		if d := distance(logits(sink, fill(".sink", -80)), double(logits(base, nil))); d > 1e-6 {
			t.Errorf("a sink of weight 0 is not softmax, by %g", d)
		}
	}
	grouped := with(func(c *Config) { c.KVHeads = c.Heads })
	if !slices.Equal(logits(base, nil), logits(grouped, nil)) {
		t.Error("kv_heads of as many heads is not the default")
	}
}

func double(x []float32) (y []float64) {
	for _, v := range x {
		y = append(y, float64(v))
	}
	return y
}
