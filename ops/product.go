package ops

import (
	"slices"

	"github.com/outcrop-lab/outcrop/compute"
)

// product is the matrix product c[m,n] = a[m,k] op(b)[k,n] with which a kernel call computes its value, and its
// epilogue: what the next op computes from c while c is in the cache.
type product struct {
	dev      compute.Device
	c, a, b  compute.Buffer
	m, n, k  int
	transB   bool
	reads    []compute.Buffer // everything that the call reads
	epilogue compute.Epilogue
}

func (p *product) run() {
	p.dev.MatMulEpilogue(p.c, p.a, p.b, p.m, p.n, p.k, false, p.transB, p.epilogue)
}

// record appends a kernel call to the list. value is the product that computes its value, or nil.
func (c *Context) record(call func(), value *product) {
	c.calls, c.last = append(c.calls, call), value
}

// gives reports whether the product computes that value and an epilogue would be faster than a call of its own.
func (p *product) gives(value compute.Buffer) bool {
	return p != nil && p.c == value && p.dev.Fuses(p.n)
}

// fuse makes the next op the epilogue of the last product from the second run on, unless its output overlaps the
// product's inputs. It reports whether it did.
func (c *Context) fuse(epilogue compute.Epilogue) bool {
	p := c.last
	if slices.ContainsFunc(p.reads, epilogue.Y.Overlaps) || slices.ContainsFunc(p.reads, epilogue.Kept.Overlaps) {
		return false
	}
	p.epilogue, c.last = epilogue, nil
	return true
}
