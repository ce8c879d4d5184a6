package ops

import (
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/outcrop-lab/outcrop/compute"
)

// memory is a free list with reference counts: it allocates the values of a graph. During the first run each op takes
// memory for its result and releases the values that it reads; one that no later op reads returns to the free list. A
// result takes the buffer of its length that was returned last. Later runs make the same calls in the same order, so
// the assignment holds for them too.
type memory struct {
	dev     compute.Device
	of      map[span]compute.Buffer
	lent    map[span]bool // taken by a result, and not for Buffer's caller
	readers map[span]int  // ops that read the value and have not yet run
	forward map[span]int  // those of the forward pass among them
	// recomputed holds the op that computes a value again for the backward pass.
	recomputed map[span]*fused
	free       map[int][]compute.Buffer // by length
}

// span identifies a value by the address of its tensor and its length; two views at one address differ in length.
type span struct {
	at uintptr
	n  int
}

func spanOf(t tensor.Tensor) span { return span{at: t.Uintptr(), n: t.Shape().TotalSize()} }

func newMemory(dev compute.Device) memory {
	return memory{
		dev:        dev,
		of:         make(map[span]compute.Buffer),
		lent:       make(map[span]bool),
		readers:    make(map[span]int),
		forward:    make(map[span]int),
		recomputed: make(map[span]*fused),
		free:       make(map[int][]compute.Buffer),
	}
}

// alloc gives a value its memory: from the free list, or new.
func (m *memory) alloc(at span) (b compute.Buffer, err error) {
	if free := m.free[at.n]; len(free) > 0 {
		b, m.free[at.n] = free[len(free)-1], free[:len(free)-1] // the one returned last: it is still in the cache
	} else {
		if b, err = m.dev.Alloc(at.n); err != nil {
			return b, err
		}
	}
	m.of[at] = b
	return b, nil
}

// take returns the memory of a value that is about to be computed. It allocates it if need be.
func (m *memory) take(at span) (compute.Buffer, error) {
	if b, ok := m.of[at]; ok {
		return b, nil
	}
	m.lent[at] = true
	return m.alloc(at)
}

// release decrements the reference count of each distinct value that an op reads. A buffer with no readers left returns
// to the free list; a recomputable one does so after its last reader of the forward pass.
func (m *memory) release(backward bool, values ...gorgonia.Value) {
	for i, v := range values {
		t, ok := v.(*tensor.Dense)
		if !ok {
			continue
		}
		at := spanOf(t)
		if contains(values[:i], t) {
			continue
		}
		m.readers[at]--
		if !backward {
			m.forward[at]--
		}
		b, there := m.of[at]
		if there && m.lent[at] && (m.readers[at] == 0 || !backward && m.forward[at] == 0 && m.recomputed[at] != nil) {
			m.free[at.n] = append(m.free[at.n], b)
			delete(m.of, at)
		}
	}
}

// contains reports whether the tensor is among the values.
func contains(values []gorgonia.Value, t *tensor.Dense) bool {
	for _, v := range values {
		if other, ok := v.(*tensor.Dense); ok && spanOf(other) == spanOf(t) {
			return true
		}
	}
	return false
}

// countReaders counts the ops that read each value, and finds the values to recompute. The recomputation is one more
// reader of its inputs.
func (c *Context) countReaders() {
	m := &c.memory
	wanted := make(map[span]bool) // the value itself is read by the backward pass, not only what its op computes beside it
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
			m.recomputed[at] = op
			for _, in := range c.reads(n) {
				m.readers[in]++
			}
		}
	}
}

// reads returns the distinct values that a node reads.
func (c *Context) reads(n *gorgonia.Node) (spans []span) {
	for _, child := range children(c.graph, n) {
		if at, ok := c.spanOf(child); ok && !slices.Contains(spans, at) {
			spans = append(spans, at)
		}
	}
	return spans
}
