package archs

import (
	"hash"
	"hash/fnv"
	"math"
	"slices"
	"testing"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// reference is the transformer again, in float64, of stock gorgonia ops alone: products, elementwise arithmetic, exp,
// log, square root, transposition. Whatever broadcasts is a product with a constant matrix; whatever a row of leaves
// covers is a leaf repeated by rows, whose gradient is summed by rows afterwards.
type reference struct {
	t      *testing.T
	c      Config
	g      *gorgonia.ExprGraph
	B, T   int
	R      int // rows, B*T
	D, H   int
	E      int // width of a head
	values map[string][]float64
	leaves map[string]*gorgonia.Node
	order  []string
	count  int
}

// gradient is that of one parameter, and the size to which an error in it is compared: its largest entry. A gain that is
// a single number sums terms of either sign, which may cancel to anything; its size is that of its largest term.
type gradient struct {
	entries []float64
	size    float64
}

// referenceLoss computes the loss, and the gradients by parameter name if asked, of float64 parameters.
func referenceLoss(t *testing.T, c Config, batch int, values map[string][]float64, tokens, targets []int32, divisor int, grads bool) (float64, map[string]gradient) {
	t.Helper()
	r := &reference{t: t, c: c, g: gorgonia.NewGraph(), B: batch, T: c.Context, R: batch * c.Context, D: c.Width, H: c.Heads, E: c.Width / c.Heads,
		values: values, leaves: make(map[string]*gorgonia.Node)}
	r.knows("norm", c.Norm.Name, "rmsnorm", "ssnorm") // they differ in how many numbers the gain has
	r.knows("attention", c.Attention.Name, "softmax")
	r.knows("gate", c.Gate.Name, "none", "g1")
	r.knows("kv_bias", c.KVBias.Name, "none", "kv")
	r.knows("position", c.Position.Name, "rope", "learned")
	r.knows("mlp", c.MLP.Name, "gelu", "relu")
	loss := r.loss(tokens, targets, divisor)
	var gradients gorgonia.Nodes
	if grads {
		var wrt gorgonia.Nodes
		for _, name := range r.order {
			wrt = append(wrt, r.leaves[name])
		}
		var err error
		if gradients, err = gorgonia.Grad(loss, wrt...); err != nil {
			t.Fatal(err)
		}
	}
	// Registers are reused as soon as nobody reads them; Read keeps copies.
	var lossValue gorgonia.Value
	gorgonia.Read(loss, &lossValue)
	read := make([]gorgonia.Value, len(gradients))
	for i, n := range gradients {
		gorgonia.Read(n, &read[i])
	}
	vm := gorgonia.NewTapeMachine(r.g)
	if err := vm.RunAll(); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]gradient)
	for i, name := range r.order[:len(gradients)] {
		data := read[i].Data().([]float64)
		folded := gradient{entries: make([]float64, len(values[name]))}
		for j, x := range data { // a leaf that was repeated by rows, or a scalar everywhere, is summed
			folded.entries[j%len(folded.entries)] += x
			if len(folded.entries) == 1 {
				folded.size = max(folded.size, math.Abs(x))
			}
		}
		for _, x := range folded.entries {
			folded.size = max(folded.size, math.Abs(x))
		}
		out[name] = folded
	}
	if err := vm.Close(); err != nil {
		t.Fatal(err)
	}
	return lossValue.Data().(float64), out
}

// knows fails a variant that has no float64 formula here yet.
func (r *reference) knows(slot, name string, known ...string) {
	r.t.Helper()
	if !slices.Contains(known, name) {
		r.t.Fatalf("the reference has no %s %q: write its formula in stock ops", slot, name)
	}
}

func (r *reference) must(n *gorgonia.Node, err error) *gorgonia.Node {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *reference) matrix(rows, cols int, at func(i, j int) float64) *gorgonia.Node {
	data := make([]float64, rows*cols)
	for i := range rows {
		for j := range cols {
			data[i*cols+j] = at(i, j)
		}
	}
	r.count++
	return gorgonia.NewMatrix(r.g, tensor.Float64, gorgonia.WithShape(rows, cols), gorgonia.WithName(string(rune('A'+r.count%26))+string(rune(0x4e00+r.count))),
		gorgonia.WithValue(tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data))))
}

// leaf is a parameter, repeated until it fills [rows, cols].
func (r *reference) leaf(name string, rows, cols int) *gorgonia.Node {
	if n, ok := r.leaves[name]; ok {
		return n
	}
	v := r.values[name]
	n := r.matrix(rows, cols, func(i, j int) float64 { return v[(i*cols+j)%len(v)] })
	r.leaves[name] = n
	r.order = append(r.order, name)
	return n
}

func (r *reference) mul(a, b *gorgonia.Node) *gorgonia.Node { return r.must(gorgonia.Mul(a, b)) }
func (r *reference) add(a, b *gorgonia.Node) *gorgonia.Node { return r.must(gorgonia.Add(a, b)) }
func (r *reference) had(a, b *gorgonia.Node) *gorgonia.Node {
	return r.must(gorgonia.HadamardProd(a, b))
}
func (r *reference) ones(rows, cols int, x float64) *gorgonia.Node {
	return r.matrix(rows, cols, func(int, int) float64 { return x })
}

// linear is x W^T for W [out, in].
func (r *reference) linear(x *gorgonia.Node, name string, out, in int) *gorgonia.Node {
	return r.mul(x, r.must(gorgonia.Transpose(r.leaf(name, out, in))))
}

// reciprocal is 1/x, by way of the logarithm: x is positive.
func (r *reference) reciprocal(x *gorgonia.Node) *gorgonia.Node {
	return r.must(gorgonia.Exp(r.had(r.must(gorgonia.Log(x)), r.ones(x.Shape()[0], x.Shape()[1], -1))))
}

func (r *reference) norm(x *gorgonia.Node, name string) *gorgonia.Node {
	mean := r.mul(r.had(x, x), r.ones(r.D, r.D, 1/float64(r.D)))
	mean = r.add(mean, r.ones(r.R, r.D, 1e-6))
	inverse := r.must(gorgonia.Exp(r.had(r.must(gorgonia.Log(mean)), r.ones(r.R, r.D, -0.5))))
	return r.had(r.had(x, inverse), r.leaf(name+".gain", r.R, r.D))
}

// rotate turns x [T, E] by position: pairs (i, i+E/2), angle t theta^(-2i/E).
func (r *reference) rotate(x *gorgonia.Node) *gorgonia.Node {
	half := r.E / 2
	angle := func(t, j int) float64 { return float64(t) * math.Pow(10000, -2*float64(j%half)/float64(r.E)) }
	cos := r.matrix(r.T, r.E, func(t, j int) float64 { return math.Cos(angle(t, j)) })
	sin := r.matrix(r.T, r.E, func(t, j int) float64 { return math.Sin(angle(t, j)) })
	swap := r.matrix(r.E, r.E, func(i, j int) float64 {
		switch {
		case i == j+half:
			return -1
		case j == i+half:
			return 1
		}
		return 0
	})
	return r.add(r.had(x, cos), r.had(r.mul(x, swap), sin))
}

func (r *reference) attention(x *gorgonia.Node, name string) *gorgonia.Node {
	q, k, v := r.linear(x, name+".q", r.D, r.D), r.linear(x, name+".k", r.D, r.D), r.linear(x, name+".v", r.D, r.D)
	causal := r.matrix(r.T, r.T, func(i, j int) float64 { return map[bool]float64{true: 1}[j <= i] })
	scale := 1 / math.Sqrt(float64(r.E))
	var sum *gorgonia.Node
	for b := range r.B {
		for h := range r.H {
			rows := r.matrix(r.T, r.R, func(i, j int) float64 { return map[bool]float64{true: 1}[j == b*r.T+i] })
			back := r.matrix(r.R, r.T, func(i, j int) float64 { return map[bool]float64{true: 1}[i == b*r.T+j] })
			cols := r.matrix(r.D, r.E, func(i, j int) float64 { return map[bool]float64{true: 1}[i == h*r.E+j] })
			spread := r.matrix(r.E, r.D, func(i, j int) float64 { return map[bool]float64{true: 1}[j == h*r.E+i] })
			pick := func(x *gorgonia.Node) *gorgonia.Node { return r.mul(r.mul(rows, x), cols) }
			qh, kh, vh := pick(q), pick(k), pick(v)
			if r.c.Position.Name == "rope" {
				qh, kh = r.rotate(qh), r.rotate(kh)
			}
			scores := r.mul(qh, r.must(gorgonia.Transpose(kh)))
			e := r.had(r.must(gorgonia.Exp(r.had(scores, r.ones(r.T, r.T, scale)))), causal)
			over := r.mul(e, vh)
			under := r.mul(e, r.ones(r.T, r.E, 1))
			if r.c.KVBias.Name == "kv" {
				kb := r.mul(r.leaf(name+".k_bias", r.T, r.D), cols)
				vb := r.mul(r.leaf(name+".v_bias", r.T, r.D), cols)
				eb := r.must(gorgonia.Exp(r.mul(r.had(qh, kb), r.ones(r.E, r.E, scale))))
				over, under = r.add(over, r.had(eb, vb)), r.add(under, eb)
			}
			y := r.mul(r.mul(back, r.had(over, r.reciprocal(under))), spread)
			if sum == nil {
				sum = y
			} else {
				sum = r.add(sum, y)
			}
		}
	}
	if gate, ok := r.c.Gate.Value.(*G1); ok {
		scores := r.D
		if gate.Granularity == "headwise" {
			scores = r.H
		}
		z := r.linear(x, name+".gate", scores, r.D)
		if gate.Granularity == "headwise" {
			z = r.mul(z, r.matrix(r.H, r.D, func(i, j int) float64 { return map[bool]float64{true: 1}[j/r.E == i] }))
		}
		e := r.must(gorgonia.Exp(r.had(z, r.ones(r.R, r.D, -1))))
		sum = r.had(sum, r.reciprocal(r.add(e, r.ones(r.R, r.D, 1))))
	}
	return r.linear(sum, name+".out", r.D, r.D)
}

func (r *reference) mlp(x *gorgonia.Node, name string) *gorgonia.Node {
	h := r.linear(x, name+".up", 4*r.D, r.D)
	switch r.c.MLP.Name {
	case "gelu":
		phi := r.must(gorgonia.ApplyOp(elementwise{order: 0}, h))
		h = r.had(h, phi)
	case "relu":
		h = r.must(gorgonia.Rectify(h))
	}
	return r.linear(h, name+".down", r.D, 4*r.D)
}

func (r *reference) loss(tokens, targets []int32, divisor int) *gorgonia.Node {
	onehot := r.matrix(r.R, r.c.Vocab, func(i, j int) float64 { return map[bool]float64{true: 1}[int(tokens[i]) == j] })
	x := r.mul(onehot, r.leaf("embedding", r.c.Vocab, r.D))
	if r.c.EmbedProj {
		x = r.linear(x, "embed_proj.in", r.D, r.D)
	}
	if r.c.Position.Name == "learned" {
		x = r.add(x, r.leaf("positions", r.R, r.D))
	}
	for l := range r.c.Layers {
		name := "blocks." + string(rune('0'+l))
		x = r.add(x, r.attention(r.norm(x, name+".attn.norm"), name+".attn"))
		x = r.add(x, r.mlp(r.norm(x, name+".mlp.norm"), name+".mlp"))
	}
	x = r.norm(x, "final_norm")
	if r.c.EmbedProj {
		x = r.linear(x, "embed_proj.out", r.D, r.D)
	}
	head := "head"
	if r.c.Tied {
		head = "embedding"
	}
	logits := r.linear(x, head, r.c.Vocab, r.D)
	// Each row's log-sum-exp appears V times, so it is weighed by 1/V; a row without a target weighs nothing.
	v := r.c.Vocab
	lse := r.must(gorgonia.Log(r.mul(r.must(gorgonia.Exp(logits)), r.ones(v, v, 1))))
	weigh := r.matrix(r.R, v, func(i, _ int) float64 {
		return map[bool]float64{true: 1 / float64(v*divisor)}[targets[i] >= 0]
	})
	minus := r.matrix(r.R, v, func(i, j int) float64 {
		return map[bool]float64{true: -1 / float64(divisor)}[int(targets[i]) == j]
	})
	return r.must(gorgonia.Sum(r.add(r.had(lse, weigh), r.had(logits, minus))))
}

// elementwise is the normal distribution function Phi (order 0), which stock gorgonia lacks, or its density (order 1). Both are checked by
// the central differences over the whole reference.
type elementwise struct{ order int }

func (e elementwise) Arity() int { return 1 }
func (e elementwise) Type() hm.Type {
	t := gorgonia.TensorType{Dims: 2, Of: tensor.Float64}
	return hm.NewFnType(t, t)
}
func (e elementwise) InferShape(in ...gorgonia.DimSizer) (tensor.Shape, error) {
	return in[0].(tensor.Shape), nil
}
func (e elementwise) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	x := in[0].Data().([]float64)
	y := make([]float64, len(x))
	for i, x := range x {
		if e.order == 0 {
			y[i] = 0.5 * math.Erfc(-x/math.Sqrt2)
		} else {
			y[i] = math.Exp(-x*x/2) / math.Sqrt(2*math.Pi)
		}
	}
	return tensor.New(tensor.WithShape(in[0].Shape().Clone()...), tensor.WithBacking(y)), nil
}
func (e elementwise) ReturnsPtr() bool      { return true }
func (e elementwise) CallsExtern() bool     { return false }
func (e elementwise) OverwritesInput() int  { return -1 }
func (e elementwise) WriteHash(h hash.Hash) { _, _ = h.Write([]byte(e.String())) }
func (e elementwise) Hashcode() uint32 {
	h := fnv.New32a()
	e.WriteHash(h)
	return h.Sum32()
}
func (e elementwise) String() string     { return [...]string{"Phi", "phi"}[e.order] }
func (e elementwise) DiffWRT(int) []bool { return []bool{e.order == 0} }
func (e elementwise) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	density, err := gorgonia.ApplyOp(elementwise{order: 1}, in[0])
	if err != nil {
		return nil, err
	}
	n, err := gorgonia.HadamardProd(grad, density)
	return gorgonia.Nodes{n}, err
}
