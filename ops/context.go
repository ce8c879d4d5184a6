// Package ops holds the fused gorgonia ops of a transformer: forward and symbolic gradient, over a compute.Device.
//
// Gorgonia is the graph, the type and shape checker, the differentiator and the scheduler; the ops are the arithmetic.
// Each op owns the buffer that it writes. All activations are matrices [R, width], R = B*T rows; weights are [out, in].
package ops

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	// Without it gorgonia's tensors panic at start on a current Go; they never move here, being off the heap.
	_ "go4.org/unsafe/assume-no-moving-gc"

	"github.com/outcrop-lab/outcrop/compute"
)

// Context is one graph under construction on one device: it finds the buffer behind each value, and lists the kernel
// calls in the order of their first run.
type Context struct {
	dev     compute.Device
	graph   *gorgonia.ExprGraph
	engine  engine
	buffers map[span]compute.Buffer
	sums    map[[2]span]*tensor.Dense
	calls   []func()
	count   int
}

// span identifies a buffer by where it lies; two views at one address differ in length.
type span struct {
	at uintptr
	n  int
}

// NewContext returns a context with an empty graph.
func NewContext(dev compute.Device) *Context {
	c := &Context{
		dev:     dev,
		graph:   gorgonia.NewGraph(),
		buffers: make(map[span]compute.Buffer),
		sums:    make(map[[2]span]*tensor.Dense),
	}
	c.engine.ctx = c
	return c
}

// Graph is the gorgonia graph that the ops are applied in.
func (c *Context) Graph() *gorgonia.ExprGraph { return c.graph }

// Leaf is an input node that stands for the buffer, of that shape: a parameter.
func (c *Context) Leaf(name string, b compute.Buffer, shape ...int) *gorgonia.Node {
	return gorgonia.NewTensor(c.graph, tensor.Float32, len(shape), gorgonia.WithShape(shape...),
		gorgonia.WithName(name), gorgonia.WithValue(c.view(b, shape...)))
}

// Buffer is the memory in which the node's value lies, once the graph has run.
func (c *Context) Buffer(n *gorgonia.Node) (compute.Buffer, error) {
	if own, ok := n.Op().(*fused); ok {
		return c.find(own.value)
	}
	if sum, ok := c.sums[c.operands(n)]; ok {
		return c.find(sum)
	}
	return c.find(n.Value())
}

// view makes the tensor that stands for a buffer, and remembers which one it is.
func (c *Context) view(b compute.Buffer, shape ...int) *tensor.Dense {
	if size := tensor.Shape(shape).TotalSize(); size != b.Len() {
		panic(fmt.Sprintf("ops: a buffer of %d seen as %v", b.Len(), shape))
	}
	t := tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(shape...), tensor.WithEngine(c.engine),
		tensor.FromMemory(uintptr(b.Pointer()), uintptr(4*b.Len())))
	c.buffers[spanOf(t)] = b
	return t
}

// alloc gives a fresh buffer of that shape, and the tensor that stands for it.
func (c *Context) alloc(shape ...int) (compute.Buffer, *tensor.Dense) {
	b := c.dev.Alloc(tensor.Shape(shape).TotalSize())
	return b, c.view(b, shape...)
}

// find returns the buffer behind a value. A constant is uploaded into a buffer of its own.
func (c *Context) find(v gorgonia.Value) (compute.Buffer, error) {
	if constant, ok := v.(*gorgonia.F32); ok {
		b := c.dev.Alloc(1)
		c.dev.Upload(b, []float32{float32(*constant)})
		return b, nil
	}
	t, ok := v.(*tensor.Dense)
	if !ok {
		return compute.Buffer{}, fmt.Errorf("ops: a value of type %T has no device memory", v)
	}
	b, ok := c.buffers[spanOf(t)]
	if !ok {
		return compute.Buffer{}, fmt.Errorf("ops: a tensor %v lies outside the device memory of this graph", t.Shape())
	}
	return b, nil
}

func spanOf(t tensor.Tensor) span { return span{at: t.Uintptr(), n: t.Shape().TotalSize()} }
