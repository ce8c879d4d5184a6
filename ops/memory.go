package ops

import (
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// memory is a free list with reference counts: it hands out what the values of a graph lie in. During the first run each op
// takes memory for its result, and returns that of the values that nobody reads after it. A result takes what was returned
// last, if the lengths agree. Later runs make the same calls in the same order, so that this holds for them too.
type memory struct {
	dev     compute.Device
	of      map[span]compute.Buffer
	lent    map[span]bool            // taken by a result, not kept
	readers map[span]int             // ops that read the value and have not run
	forward map[span]int             // of these, ops of the forward pass
	again   map[span]*fused          // what computes a value again that the backward pass reads
	free    map[int][]compute.Buffer // by length
}

// span identifies a value by where its tensor lies; two views at one address differ in length.
type span struct {
	at uintptr
	n  int
}

func spanOf(t tensor.Tensor) span { return span{at: t.Uintptr(), n: t.Shape().TotalSize()} }

func newMemory(dev compute.Device) memory {
	return memory{
		dev:     dev,
		of:      make(map[span]compute.Buffer),
		lent:    make(map[span]bool),
		readers: make(map[span]int),
		forward: make(map[span]int),
		again:   make(map[span]*fused),
		free:    make(map[int][]compute.Buffer),
	}
}

// keep gives a value memory of its own: what is free, or new.
func (m *memory) keep(at span) (b compute.Buffer, err error) {
	if free := m.free[at.n]; len(free) > 0 {
		b, m.free[at.n] = free[len(free)-1], free[:len(free)-1] // the last given back: it is in the cache yet
	} else {
		if b, err = m.dev.Alloc(at.n); err != nil {
			return b, err
		}
	}
	m.of[at] = b
	return b, nil
}

// take finds memory for a value that is about to be computed.
func (m *memory) take(at span) (compute.Buffer, error) {
	if b, ok := m.of[at]; ok {
		return b, nil
	}
	m.lent[at] = true
	return m.keep(at)
}

// read decrements the reference count of each distinct value that an op reads. Memory that has no readers left returns to
// the free list; that of a value which can be computed again does so after its last reader of the forward pass.
func (m *memory) read(backward bool, values ...gorgonia.Value) {
	for i, v := range values {
		t, ok := v.(*tensor.Dense)
		if !ok {
			continue
		}
		at := spanOf(t)
		if again(values[:i], t) {
			continue
		}
		m.readers[at]--
		if !backward {
			m.forward[at]--
		}
		b, there := m.of[at]
		if there && m.lent[at] && (m.readers[at] == 0 || !backward && m.forward[at] == 0 && m.again[at] != nil) {
			m.free[at.n] = append(m.free[at.n], b)
			delete(m.of, at)
		}
	}
}

func again(values []gorgonia.Value, t *tensor.Dense) bool {
	for _, v := range values {
		if other, ok := v.(*tensor.Dense); ok && spanOf(other) == spanOf(t) {
			return true
		}
	}
	return false
}

// countReaders counts the ops that read each value, and finds what will be computed again: an op more that reads its
// inputs.
func (c *Context) countReaders() {
	m := &c.memory
	wanted := make(map[span]bool) // by the backward pass, and not only so that what lies beside it is there
	for _, n := range c.graph.AllNodes() {
		op, ours := n.Op().(*fused)
		for _, at := range c.reads(n) {
			m.readers[at]++
			if ours && !op.backward() {
				m.forward[at]++
			}
			wanted[at] = wanted[at] || !ours || op.backward() && op.bind != nil
		}
	}
	for _, n := range c.graph.AllNodes() {
		op, ours := n.Op().(*fused)
		if !ours || !c.recompute || !op.cheap || op.backward() {
			continue
		}
		at := spanOf(op.value)
		if _, kept := m.of[at]; !kept && wanted[at] && m.forward[at] > 0 {
			m.again[at] = op
			for _, in := range c.reads(n) {
				m.readers[in]++
			}
		}
	}
}

// reads lists the values that a node reads, each once.
func (c *Context) reads(n *gorgonia.Node) (spans []span) {
	for _, child := range children(c.graph, n) {
		if at, ok := c.spanOf(child); ok && !slices.Contains(spans, at) {
			spans = append(spans, at)
		}
	}
	return spans
}
