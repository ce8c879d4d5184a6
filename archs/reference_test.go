package archs

import (
	"hash"
	"hash/fnv"
	"math"
	"strconv"
	"testing"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// reference is a second implementation of the transformer, in float64 and in stock gorgonia ops alone: products,
// elementwise arithmetic, exp, log, square root, transposition. A broadcast is a product with a constant matrix; a leaf
// that covers rows is repeated by rows, and its gradient is summed over rows afterwards. The variants' formulas are in
// the tests of their slots, under the names of their registries.
type reference struct {
	t         *testing.T
	c         Config
	g         *gorgonia.ExprGraph
	B, T, P   int // batch, context, positions with registers
	R         int // rows of the stream, B*P
	D, E      int
	H, KV     int
	values    map[string][]float64
	leaves    map[string]*gorgonia.Node
	order     []string
	constants int
}

// gradient is the gradient of one parameter, and the size that an error in it is compared with: its largest entry. A
// parameter that serves many rows sums one term per row, of either sign, and these may cancel (the gradient of a bias
// of the keys is 0); its size is that of its largest term, if that is larger.
type gradient struct {
	entries []float64
	size    float64
}

// referenceLoss computes the loss and, if asked for, the gradients by parameter name, from float64 parameters.
func referenceLoss(t *testing.T, c Config, batch int, values map[string][]float64, tokens, targets []int32, divisor int,
	grads bool) (float64, map[string]gradient) {
	t.Helper()
	r := &reference{t: t, c: c, g: gorgonia.NewGraph(), B: batch, T: c.Context, P: c.positions(), R: batch * c.positions(),
		D: c.Width, E: c.headWidth(),
		H: c.Heads, KV: c.kvHeads(), values: values, leaves: make(map[string]*gorgonia.Node)}
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
	// gorgonia reuses its registers after their last reader; Read keeps copies.
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
			folded.size = max(folded.size, math.Abs(x))
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

func (r *reference) must(n *gorgonia.Node, err error) *gorgonia.Node {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// formula returns a variant's formula, or fails the test.
func formula[T any](r *reference, slot string, known map[string]T, name string) T {
	r.t.Helper()
	f, ok := known[name]
	if !ok {
		r.t.Fatalf("the reference has no %s %q: write its formula in stock ops", slot, name)
	}
	return f
}

func (r *reference) matrix(rows, cols int, at func(i, j int) float64) *gorgonia.Node {
	data := make([]float64, rows*cols)
	for i := range rows {
		for j := range cols {
			data[i*cols+j] = at(i, j)
		}
	}
	r.constants++
	return gorgonia.NewMatrix(r.g, tensor.Float64, gorgonia.WithShape(rows, cols),
		gorgonia.WithName("c"+strconv.Itoa(r.constants)),
		gorgonia.WithValue(tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(data))))
}

// where is a matrix of ones where a condition holds, and zeros elsewhere.
func (r *reference) where(rows, cols int, holds func(i, j int) bool) *gorgonia.Node {
	return r.matrix(rows, cols, func(i, j int) float64 { return map[bool]float64{true: 1}[holds(i, j)] })
}

// leaf is a parameter, repeated until it fills [rows, cols].
func (r *reference) leaf(name string, rows, cols int) *gorgonia.Node {
	r.t.Helper()
	if n, ok := r.leaves[name]; ok {
		return n
	}
	v := r.values[name]
	if len(v) == 0 {
		r.t.Fatalf("the model has no parameter %s", name)
	}
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

// full is a matrix of one number, of x's shape.
func (r *reference) full(x *gorgonia.Node, v float64) *gorgonia.Node {
	return r.ones(x.Shape()[0], x.Shape()[1], v)
}
func (r *reference) scale(x *gorgonia.Node, v float64) *gorgonia.Node { return r.had(x, r.full(x, v)) }
func (r *reference) ones(rows, cols int, x float64) *gorgonia.Node {
	return r.matrix(rows, cols, func(int, int) float64 { return x })
}

// linear is x W^T for W [out, in].
func (r *reference) linear(x *gorgonia.Node, name string, out, in int) *gorgonia.Node {
	return r.mul(x, r.must(gorgonia.Transpose(r.leaf(name, out, in))))
}

// affine is linear, with a bias if asked for.
func (r *reference) affine(x *gorgonia.Node, name string, out, in int, bias bool) *gorgonia.Node {
	y := r.linear(x, name, out, in)
	if bias {
		y = r.add(y, r.leaf(name+".bias", x.Shape()[0], out))
	}
	return y
}

// power is x^p by the logarithm; x must be positive.
func (r *reference) power(x *gorgonia.Node, p float64) *gorgonia.Node {
	return r.must(gorgonia.Exp(r.scale(r.must(gorgonia.Log(x)), p)))
}

func (r *reference) reciprocal(x *gorgonia.Node) *gorgonia.Node { return r.power(x, -1) }

func (r *reference) sigmoid(x *gorgonia.Node) *gorgonia.Node {
	e := r.must(gorgonia.Exp(r.scale(x, -1)))
	return r.reciprocal(r.add(e, r.full(x, 1)))
}

// tanh is 2 sigmoid(2x) - 1.
func (r *reference) tanh(x *gorgonia.Node) *gorgonia.Node {
	return r.add(r.scale(r.sigmoid(r.scale(x, 2)), 2), r.full(x, -1))
}

func (r *reference) norm(x *gorgonia.Node, name string, attention bool) *gorgonia.Node {
	return formula(r, "norm", normFormulas, r.c.Norm.Name)(r, x, name, attention)
}

// block is one layer of the stream x [R, D].
func (r *reference) block(x *gorgonia.Node, name string) *gorgonia.Node {
	place := r.c.NormPlacement.Name
	sub := func(x *gorgonia.Node, part string) *gorgonia.Node { // what is added to the stream
		name, attention := name+"."+part, part == "attn"
		if place != "post" {
			x = r.norm(x, name+".norm", attention)
		}
		if attention {
			x = r.attention(x, name)
		} else {
			x = r.mlp(x, name)
		}
		if place == "sandwich" {
			x = r.norm(x, name+".post_norm", false)
		}
		return x
	}
	switch {
	case r.c.Block.Name == "parallel":
		return r.add(r.add(x, sub(x, "attn")), sub(x, "mlp"))
	case place == "post":
		x = r.norm(r.add(x, sub(x, "attn")), name+".attn.norm", true)
		return r.norm(r.add(x, sub(x, "mlp")), name+".mlp.norm", false)
	}
	x = r.add(x, sub(x, "attn"))
	return r.add(x, sub(x, "mlp"))
}

func (r *reference) mlp(x *gorgonia.Node, name string) *gorgonia.Node {
	f := formula(r, "mlp", mlpFormulas, r.c.MLP.Name)
	hidden, biases := len(r.values[name+".down"])/r.D, r.c.MLP.Biases
	h := r.affine(x, name+".up", hidden, r.D, biases)
	if f.gated {
		h = r.had(f.activation(r, r.affine(x, name+".gate", hidden, r.D, biases)), h)
	} else {
		h = f.activation(r, h)
	}
	return r.affine(h, name+".down", r.D, hidden, biases)
}

func (r *reference) loss(tokens, targets []int32, divisor int) *gorgonia.Node {
	formula(r, "placement", map[string]bool{"pre": true, "post": true, "sandwich": true}, r.c.NormPlacement.Name)
	formula(r, "block", map[string]bool{"sequential": true, "parallel": true}, r.c.Block.Name)
	rows := r.B * r.T
	onehot := r.where(rows, r.c.Vocab, func(i, j int) bool { return int(tokens[i]) == j })
	x := r.mul(onehot, r.leaf("embedding", r.c.Vocab, r.D))
	if r.c.EmbedProj {
		x = r.linear(x, "embed_proj.in", r.D, r.D)
	}
	if n, ok := r.c.Norm.Value.(*DyT); ok && n.EmbedScale {
		x = r.had(x, r.leaf("embed_scale", rows, r.D))
	}
	if r.c.Position.Name == "learned" {
		x = r.add(x, r.leaf("positions", rows, r.D))
	}
	token := func(row, of int) bool { return row == of/r.T*r.P+r.c.Registers+of%r.T } // row of the stream, of the tokens
	if n := r.c.Registers; n > 0 {
		x = r.mul(r.where(r.R, rows, token), x)
		x = r.add(x, r.mul(r.where(r.R, n, func(i, j int) bool { return i%r.P == j }), r.leaf("registers", n, r.D)))
	}
	for l := range r.c.Layers {
		x = r.block(x, "blocks."+strconv.Itoa(l))
	}
	if r.c.Registers > 0 {
		x = r.mul(r.where(rows, r.R, func(i, j int) bool { return token(j, i) }), x)
	}
	if r.c.NormPlacement.Name != "post" {
		x = r.norm(x, "final_norm", false)
	}
	if r.c.EmbedProj {
		x = r.linear(x, "embed_proj.out", r.D, r.D)
	}
	head := "head"
	if r.c.Tied {
		head = "embedding"
	}
	logits := r.linear(x, head, r.c.Vocab, r.D)
	// Each row's log-sum-exp appears V times, so its weight is 1/V; a row without a target has weight 0.
	v := r.c.Vocab
	lse := r.must(gorgonia.Log(r.mul(r.must(gorgonia.Exp(logits)), r.ones(v, v, 1))))
	weigh := r.matrix(rows, v, func(i, _ int) float64 {
		return map[bool]float64{true: 1 / float64(v*divisor)}[targets[i] >= 0]
	})
	minus := r.matrix(rows, v, func(i, j int) float64 {
		return map[bool]float64{true: -1 / float64(divisor)}[int(targets[i]) == j]
	})
	return r.must(gorgonia.Sum(r.add(r.had(lse, weigh), r.had(logits, minus))))
}

// elementwise is the normal distribution function Phi (order 0), which stock gorgonia lacks, or its density (order 1).
// The central differences over the whole reference check both.
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
