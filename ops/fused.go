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

// fused is any op of this package, as gorgonia sees it. Ops differ in bind and diff.
type fused struct {
	name  string
	shape tensor.Shape  // of the result
	value *tensor.Dense // what Do returns: a new value of that shape, or an existing one
	// bind returns the kernel call, given the memory of the result and of the inputs. An op without bind hands out memory
	// that its input's op filled.
	bind func(y compute.Buffer, in []compute.Buffer) func()
	// product is the matrix product with which the bound call computes the value, if there is one.
	product *product
	// epilogue returns the op as the epilogue of the product that computes its last input. It is nil if the op cannot be
	// one.
	epilogue func(y compute.Buffer, in []compute.Buffer) compute.Epilogue
	// cheap allows the backward pass to recompute the value, see Context.Recompute.
	cheap bool
	// inPlace allows the result to take an input's memory.
	inPlace bool
	// beside is a second value that the op computes. It gets its memory together with the first.
	beside *tensor.Dense
	// kept is what the op stores beside its value for the backward pass; nil if that reads nothing of it.
	kept *tensor.Dense
	// diff returns the gradient of each input. An op without diff is not differentiable.
	diff func(in gorgonia.Nodes, out, grad *gorgonia.Node) (gorgonia.Nodes, error)
	// side is memory that the op fills beside its value. Side turns it into a node.
	side compute.Buffer

	ctx    *Context
	id     int
	inputs []hm.Type
	result hm.Type
	values []gorgonia.Value // the inputs of the first run
}

// apply adds the op to the graph.
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

// Do implements gorgonia.Op. It runs once, in the first run: it binds the kernel to the memory of its inputs and
// result, and appends the call to the context's list.
func (f *fused) Do(values ...gorgonia.Value) (v gorgonia.Value, err error) {
	defer f.ctx.note(&err)
	if f.bind == nil {
		f.ctx.memory.release(f.backward(), values...)
		return f.value, nil
	}
	in := make([]compute.Buffer, len(values))
	for i, v := range values {
		if in[i], err = f.ctx.find(v); err != nil {
			return nil, fmt.Errorf("%s, input %d: %w", f.name, i, err)
		}
	}
	fusible := f.epilogue != nil && f.ctx.last.gives(in[len(in)-1])
	y, call, err := f.place(in, values, f.inPlace || fusible, f.backward())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	f.values = slices.Clone(values)
	if !fusible || !f.ctx.fuse(f.epilogue(y, in)) {
		f.ctx.record(call, f.product)
	}
	call()
	return f.value, nil
}

// note stores the first error that passes through gorgonia.
func (c *Context) note(err *error) {
	if c.err == nil {
		c.err = *err
	}
}

// recompute computes a value again after its memory was given to others.
func (f *fused) recompute() (compute.Buffer, error) {
	in := make([]compute.Buffer, len(f.values))
	for i, v := range f.values {
		var err error
		if in[i], err = f.ctx.find(v); err != nil {
			return compute.Buffer{}, fmt.Errorf("recomputing %s, input %d: %w", f.name, i, err)
		}
	}
	y, call, err := f.place(in, f.values, f.inPlace, true)
	if err != nil {
		return compute.Buffer{}, fmt.Errorf("recomputing %s: %w", f.name, err)
	}
	f.ctx.record(call, nil)
	call()
	return y, nil
}

// place allocates what the op computes and binds the kernel call. With over, the result may take the memory of an input
// that no other op reads.
func (f *fused) place(in []compute.Buffer, values []gorgonia.Value, over, backward bool) (y compute.Buffer,
	call func(), err error) {
	memory := &f.ctx.memory
	if over {
		memory.release(backward, values...)
	}
	if f.storesKept() {
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
		memory.release(backward, values...)
	}
	return y, call, nil
}

// storesKept reports whether the op stores kept when it is placed. A value to be recomputed stores nothing the first
// time.
func (f *fused) storesKept() bool {
	return f.kept != nil && (f.values != nil || f.ctx.memory.recomputed[spanOf(f.value)] != f)
}

// keptBuffer returns the memory of kept once the op is placed. An input of which the op is the last reader gives its
// memory to kept first.
func (f *fused) keptBuffer() compute.Buffer {
	if !f.storesKept() {
		return compute.Buffer{}
	}
	return f.ctx.memory.of[spanOf(f.kept)]
}

// backward reports whether differentiation created the op.
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

// CallsExtern implements gorgonia.Op. It is false, so that the machine allocates nothing for the result.
func (f *fused) CallsExtern() bool { return false }

// OverwritesInput implements gorgonia.Op.
func (f *fused) OverwritesInput() int { return -1 }

// WriteHash implements gorgonia.Op. Each op is unique, because each has its own value.
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
