// Package ops holds the fused gorgonia ops of a transformer, with symbolic gradients, computed on a compute.Device.
//
// Gorgonia provides the graph, type and shape checks, differentiation and scheduling; the ops do the arithmetic. An
// op's result keeps its memory until the last op that needs it has read it. All activations are matrices [R, width]
// with R = B*T rows; weights are [out, in].
package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	// Without this import gorgonia's tensors panic at start on a current Go. Ours are off the heap and never move.
	_ "go4.org/unsafe/assume-no-moving-gc"

	"github.com/outcrop-lab/outcrop/compute"
)

// Context is one graph under construction on one device. It maps each value to its memory, and lists the kernel calls
// in the order in which the first run makes them.
type Context struct {
	dev    compute.Device
	graph  *gorgonia.ExprGraph
	engine engine
	memory memory
	sums   map[[2]span]*tensor.Dense // results of gorgonia's additions, by operands
	bound  map[*gorgonia.Node]span   // the spans of those results
	calls  []func()
	last   *product // computes the value of the last call and can still take an epilogue; or nil
	count  int
	// forward is the number of ops when the loss was differentiated; 0 before that.
	forward   int
	recompute bool
	weights   map[compute.Buffer]*weightGrad // by the weights multiplied
	target    *Context                       // see AccumulateInto
	err       error                          // of the first of our ops that failed: gorgonia's own error does not unwrap
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

// Reuse lets the values of this graph take the free memory of the other graph, where lengths agree. Both graphs must be
// on the same device and must not run at the same time. A run of either graph may overwrite the results of the other's
// ops, except those returned by Buffer and Side.
func (c *Context) Reuse(other *Context) { c.memory.free = other.memory.free }

// Recompute makes the backward pass recompute the results of norms, bit for bit, instead of keeping them. Other values
// can then use their memory from the last op that reads it in the forward pass to the first that reads it in the
// backward pass.
func (c *Context) Recompute() { c.recompute = true }

// Graph returns the gorgonia graph to which the ops are applied.
func (c *Context) Graph() *gorgonia.ExprGraph { return c.graph }

// Leaf returns an input node, such as a parameter, whose value is the buffer b in the given shape.
func (c *Context) Leaf(name string, b compute.Buffer, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(c.graph, tensor.Float32, len(shape), gorgonia.WithShape(shape...),
		gorgonia.WithName(name), gorgonia.WithValue(c.view(b, shape...)))
}

// Buffer returns the memory that holds the node's value once the graph has run. Call it before the first run: from then
// on, a result that other ops read has lost its memory to later values, unless Buffer was called for it.
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
			"ask for it before the first run", n)
	}
	return c.memory.alloc(at)
}

// spanOf returns the span of a node whose value belongs to one of our ops or a bound sum, and false for any other node.
func (c *Context) spanOf(n *gorgonia.Node) (span, bool) {
	if own, ok := n.Op().(*fused); ok {
		return spanOf(own.value), true
	}
	at, ok := c.bound[n]
	return at, ok
}

// view makes a tensor over a buffer.
func (c *Context) view(b compute.Buffer, shape ...int) *tensor.Dense {
	if size := tensor.Shape(shape).TotalSize(); size != b.Len() {
		panic(fmt.Sprintf("ops: viewing a buffer of %d elements as %v", b.Len(), shape))
	}
	t := c.tensor(b, shape...)
	c.memory.of[spanOf(t)] = b
	return t
}

// value makes the tensor of an op's result. It has a unique address, which identifies it, and gets its memory when the
// op first runs; gorgonia dereferences neither.
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

// find returns the buffer behind a value. It uploads a constant into a new buffer.
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
	if op := c.memory.recomputed[spanOf(t)]; !ok && op != nil && op.values != nil {
		return op.recompute()
	}
	if !ok {
		return compute.Buffer{}, fmt.Errorf("ops: a tensor of shape %v is outside this graph's device memory", t.Shape())
	}
	return b, nil
}
