// Package ops holds the fused gorgonia ops of a transformer: forward and symbolic gradient, over a compute.Device.
//
// Gorgonia is the graph, the type and shape checker, the differentiator and the scheduler; the ops are the arithmetic.
// What an op writes is its own until the last op has read it. All activations are matrices [R, width], R = B*T rows;
// weights are [out, in].
package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	// Without it gorgonia's tensors panic at start on a current Go; they never move here, being off the heap.
	_ "go4.org/unsafe/assume-no-moving-gc"

	"github.com/outcrop-lab/outcrop/compute"
)

// Context is one graph under construction on one device: it finds the memory behind each value, and lists the kernel
// calls in the order of their first run.
type Context struct {
	dev    compute.Device
	graph  *gorgonia.ExprGraph
	engine engine
	memory memory
	sums   map[[2]span]*tensor.Dense // of stock additions, by their operands
	bound  map[*gorgonia.Node]span   // where they lie
	calls  []func()
	last   *product // which gives the value of the last of them, and may yet do more
	count  int
	// forward is how many ops there were before the loss was differentiated; 0 where it was not.
	forward   int
	recompute bool
	weights   map[compute.Buffer]*weightGrad // by the weights
	onto      *Context
	refused   error // what gorgonia was told when an op of ours failed: its own error does not unwrap
}

// NewContext returns a context with an empty graph.
func NewContext(dev compute.Device) *Context {
	c := &Context{
		dev:    dev,
		graph:  gorgonia.NewGraph(),
		memory: newMemory(dev),
		sums:   make(map[[2]span]*tensor.Dense),
		bound:  make(map[*gorgonia.Node]span),

		weights: make(map[compute.Buffer]*weightGrad),
	}
	c.engine.ctx = c
	return c
}

// Reuse has this graph's values lie where the other's do as far as their lengths agree. Both graphs are of one device,
// and neither needs what the other computed while it runs, but for what was asked for by Buffer and what an op keeps.
func (c *Context) Reuse(other *Context) { c.memory.free = other.memory.free }

// Recompute has the backward pass compute norms again, to the same bits, rather than keep them: their memory is
// free for others between the last op of the forward pass and the first of the backward pass that read them.
func (c *Context) Recompute() { c.recompute = true }

// Graph is the gorgonia graph that the ops are applied in.
func (c *Context) Graph() *gorgonia.ExprGraph { return c.graph }

// Leaf is an input node that stands for the buffer, of that shape: a parameter.
func (c *Context) Leaf(name string, b compute.Buffer, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(c.graph, tensor.Float32, len(shape), gorgonia.WithShape(shape...),
		gorgonia.WithName(name), gorgonia.WithValue(c.view(b, shape...)))
}

// Buffer is the memory in which the node's value lies once the graph has run. What is asked for before the first run
// stays; a value that no one asked for has lent its memory to later ones by then, unless no op reads it.
func (c *Context) Buffer(n *gorgonia.Node) (compute.Buffer, error) {
	at, ok := c.spanOf(n)
	if !ok {
		return c.find(n.Value())
	}
	if b, ok := c.memory.of[at]; ok {
		return b, nil
	}
	if len(c.calls) > 0 {
		return compute.Buffer{}, fmt.Errorf("ops: the memory of %v has been given to later values: "+
			"it must be asked for before the first run", n)
	}
	return c.memory.keep(at)
}

// spanOf is where the value of one of our ops, or of a bound sum, lies; false of another node.
func (c *Context) spanOf(n *gorgonia.Node) (span, bool) {
	if own, ok := n.Op().(*fused); ok {
		return spanOf(own.value), true
	}
	at, ok := c.bound[n]
	return at, ok
}

// view makes the tensor that stands for a buffer.
func (c *Context) view(b compute.Buffer, shape ...int) *tensor.Dense {
	if size := tensor.Shape(shape).TotalSize(); size != b.Len() {
		panic(fmt.Sprintf("ops: a buffer of %d seen as %v", b.Len(), shape))
	}
	t := c.tensor(b, shape...)
	c.memory.of[spanOf(t)] = b
	return t
}

// value makes the tensor that stands for the result of an op. It has an address of its own, by which it is known, and
// gets its memory when the op first runs; gorgonia looks at neither.
func (c *Context) value(shape ...int) (*tensor.Dense, error) {
	at, err := c.dev.Alloc(1)
	if err != nil {
		return nil, err
	}
	return c.tensor(at, shape...), nil
}

func (c *Context) tensor(at compute.Buffer, shape ...int) *tensor.Dense {
	return tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...), tensor.WithEngine(c.engine),
		tensor.FromMemory(uintptr(at.Pointer()), uintptr(4*tensor.Shape(shape).TotalSize())))
}

// find returns the buffer behind a value. A constant is uploaded into a buffer of its own.
func (c *Context) find(v gorgonia.Value) (compute.Buffer, error) {
	if constant, ok := v.(*gorgonia.F32); ok {
		b, err := c.dev.Alloc(1)
		if err != nil {
			return b, err
		}
		c.dev.Upload(b, []float32{float32(*constant)})
		return b, nil
	}
	t, ok := v.(*tensor.Dense)
	if !ok {
		return compute.Buffer{}, fmt.Errorf("ops: a value of type %T has no device memory", v)
	}
	b, ok := c.memory.of[spanOf(t)]
	if op := c.memory.again[spanOf(t)]; !ok && op != nil && op.values != nil {
		return op.again()
	}
	if !ok {
		return compute.Buffer{}, fmt.Errorf("ops: a tensor %v lies outside the device memory of this graph", t.Shape())
	}
	return b, nil
}
