package ops

import (
	"slices"

	"github.com/outcrop-lab/outcrop/compute"
)

// product is the matrix product by which a kernel call computes its value, c[m,n] = a[m,k] op(b)[k,n], and what the next op makes
// of c while that is in the cache.
type product struct {
	dev     compute.Device
	c, a, b compute.Buffer
	m, n, k int
	transB  bool
	reads   []compute.Buffer // all that the call reads
	then    compute.Epilogue
}

func (p *product) run() {
	p.dev.MatMulEpilogue(p.c, p.a, p.b, p.m, p.n, p.k, false, p.transB, p.then)
}

// record puts a kernel call on the list, and keeps in mind the product that gives its value, if one does.
func (c *Context) record(call func(), value *product) {
	c.calls, c.last = append(c.calls, call), value
}

// gives reports whether the product's result is that value, and an epilogue gains anything.
func (p *product) gives(value compute.Buffer) bool {
	return p != nil && p.c == value && p.dev.Fuses(p.n)
}

// join makes the next op the epilogue of the last product, from the second run on, unless its output would overlap what the
// product reads. It reports whether it did.
func (c *Context) join(then compute.Epilogue) bool {
	p := c.last
	if slices.ContainsFunc(p.reads, then.Y.Overlaps) || slices.ContainsFunc(p.reads, then.Kept.Overlaps) {
		return false
	}
	p.then, c.last = then, nil
	return true
}
