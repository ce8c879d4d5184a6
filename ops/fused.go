package ops

import (
	"fmt"
	"hash"
	"hash/fnv"
	"slices"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// fused is every op of this package as gorgonia sees it. What differs between ops is bind and diff.
type fused struct {
	name  string
	shape tensor.Shape  // of the node
	value *tensor.Dense // what Do returns: of the shape, or what is there already
	// bind returns the kernel call for the result's memory and the inputs'. Without it the op hands out memory that its
	// input filled.
	bind func(y compute.Buffer, in []compute.Buffer) func()
	// product is that by which the bound call computes the value, where it does by one.
	product *product
	// then is what the op makes of its last input, where it can do so right after the product that gives it, and in its
	// place.
	then func(y compute.Buffer, in []compute.Buffer) compute.Epilogue
	// cheap says that the value may be computed again for the backward pass, see Context.Recompute.
	cheap bool
	// inPlace says that the result may lie where an input does.
	inPlace bool
	// beside is a second value that the op computes: it gets its memory with the first.
	beside *tensor.Dense
	// kept is what the op keeps beside its value for the backward pass, if that reads anything of it.
	kept *tensor.Dense
	// diff returns the gradient of each input. Without it the op is not differentiable.
	diff func(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error)
	// side is memory that the op fills beside its value, which Side makes a node of.
	side compute.Buffer

	ctx    *Context
	id     int
	inputs []hm.Type
	result hm.Type
	values []gorgonia.Value // that it read in the first run
}

// apply puts the op into the graph.
func (c *Context) apply(op *fused, inputs ...*gorgonia.Node) (*gorgonia.Node, error) {
	if op.value == nil {
		var err error
		if op.value, err = c.value(op.shape...); err != nil {
			return nil, fmt.Errorf("ops: applying %s: %w", op.name, err)
		}
	}
	op.ctx, op.id = c, c.count
	c.count++
	for _, in := range inputs {
		op.inputs = append(op.inputs, in.Type())
	}
	op.result = gorgonia.TensorType{Dims: op.value.Dims(), Of: tensor.Float32}
	op.shape = op.value.Shape().Clone()
	if op.value.Shape().IsScalar() {
		op.result = tensor.Float32
	}
	node, err := gorgonia.ApplyOp(op, inputs...)
	if err != nil {
		return nil, fmt.Errorf("ops: applying %s: %w", op.name, err)
	}
	return node, nil
}

// Do implements gorgonia.Op. It runs once, in the first run: it binds the kernel to the memory of inputs and result,
// and puts it on the context's list.
func (f *fused) Do(values ...gorgonia.Value) (v gorgonia.Value, err error) {
	defer f.ctx.note(&err)
	if f.bind == nil {
		f.ctx.memory.read(f.backward(), values...)
		return f.value, nil
	}
	in := make([]compute.Buffer, len(values))
	for i, v := range values {
		if in[i], err = f.ctx.find(v); err != nil {
			return nil, fmt.Errorf("%s, input %d: %w", f.name, i, err)
		}
	}
	follows := f.then != nil && f.ctx.last.gives(in[len(in)-1])
	y, call, err := f.place(in, values, f.inPlace || follows, f.backward())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	f.values = slices.Clone(values)
	if !follows || !f.ctx.join(f.then(y, in)) {
		f.ctx.record(call, f.product)
	}
	call()
	return f.value, nil
}

// note keeps the first error that goes through gorgonia.
func (c *Context) note(err *error) {
	if c.refused == nil {
		c.refused = *err
	}
}

// again computes a value once more that has lent its memory since.
func (f *fused) again() (compute.Buffer, error) {
	in := make([]compute.Buffer, len(f.values))
	for i, v := range f.values {
		var err error
		if in[i], err = f.ctx.find(v); err != nil {
			return compute.Buffer{}, fmt.Errorf("%s again, input %d: %w", f.name, i, err)
		}
	}
	y, call, err := f.place(in, f.values, f.inPlace, true)
	if err != nil {
		return compute.Buffer{}, fmt.Errorf("%s again: %w", f.name, err)
	}
	f.ctx.record(call, nil)
	call()
	return y, nil
}

// place finds memory for what the op computes, over an input that nobody else reads if it may lie there, and binds the
// kernel call.
func (f *fused) place(in []compute.Buffer, values []gorgonia.Value, over, backward bool) (y compute.Buffer,
	call func(), err error) {
	memory := &f.ctx.memory
	if over {
		memory.read(backward, values...)
	}
	if f.keepsNow() {
		if _, err := memory.take(spanOf(f.kept)); err != nil {
			return y, nil, err
		}
	}
	if y, err = memory.take(spanOf(f.value)); err != nil {
		return y, nil, err
	}
	if f.beside != nil {
		if _, err := memory.take(spanOf(f.beside)); err != nil {
			return y, nil, err
		}
	}
	call = f.bind(y, in)
	if !over {
		memory.read(backward, values...)
	}
	return y, call, nil
}

// keepsNow reports whether the op keeps something when it is placed. Of a value that is computed again nothing is kept
// the first time.
func (f *fused) keepsNow() bool {
	return f.kept != nil && (f.values != nil || f.ctx.memory.again[spanOf(f.value)] != f)
}

// keeps is the memory of what is kept, once the op is placed: first of all that of an input whose last reader it is.
func (f *fused) keeps() compute.Buffer {
	if !f.keepsNow() {
		return compute.Buffer{}
	}
	return f.ctx.memory.of[spanOf(f.kept)]
}

// backward reports whether the op came by differentiation.
func (f *fused) backward() bool { return f.ctx.forward > 0 && f.id >= f.ctx.forward }

// Arity implements gorgonia.Op.
func (f *fused) Arity() int { return len(f.inputs) }

// Type implements gorgonia.Op.
func (f *fused) Type() hm.Type {
	types := append([]hm.Type(nil), f.inputs...)
	return hm.NewFnType(append(types, f.result)...)
}

// InferShape implements gorgonia.Op.
func (f *fused) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) { return f.shape, nil }

// ReturnsPtr implements gorgonia.Op.
func (f *fused) ReturnsPtr() bool { return true }

// CallsExtern implements gorgonia.Op: false, so that the machine allocates nothing for the result.
func (f *fused) CallsExtern() bool { return false }

// OverwritesInput implements gorgonia.Op.
func (f *fused) OverwritesInput() int { return -1 }

// WriteHash implements gorgonia.Op. Each op is unique: its value is its own.
func (f *fused) WriteHash(h hash.Hash) { _, _ = fmt.Fprintf(h, "outcrop %s %d", f.name, f.id) }

// Hashcode implements gorgonia.Op.
func (f *fused) Hashcode() uint32 {
	h := fnv.New32a()
	f.WriteHash(h)
	return h.Sum32()
}

func (f *fused) String() string { return f.name }

// DiffWRT implements gorgonia.SDOp.
func (f *fused) DiffWRT(inputs int) []bool {
	wrt := make([]bool, inputs)
	for i := range wrt {
		wrt[i] = f.diff != nil
	}
	return wrt
}

// SymDiff implements gorgonia.SDOp.
func (f *fused) SymDiff(in gorgonia.Nodes, out, grad *gorgonia.Node) (grads gorgonia.Nodes, err error) {
	defer f.ctx.note(&err)
	if f.diff == nil {
		return nil, fmt.Errorf("ops: %s has no gradient", f.name)
	}
	return f.diff(in, out, grad)
}

var _ gorgonia.SDOp = (*fused)(nil)
