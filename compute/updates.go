package compute

/*
#cgo noescape oc_moments
#cgo nocallback oc_moments
#include "kernels.h"
*/
import "C"

// Updates holds the kernels that optimizers and after-step rules need in addition to AdamW.
type Updates interface {
	// Lion performs one step (arXiv 2302.06675): w -= lr (sign(b1 m + (1-b1) g) + wd w), then m = b2 m + (1-b2) g.
	Lion(w, g, m Buffer, lr, b1, b2, wd float32)
	// Affine computes x = a x + b.
	Affine(x Buffer, a, b float32)
	// Moments returns the mean of x and the sum of squared deviations from the mean, both accumulated in float64 in a
	// fixed order. Both are 0 if x is empty.
	Moments(x Buffer) (mean, squares float64)
}

// Lion implements Updates.
func (c *CPU) Lion(w, g, m Buffer, lr, b1, b2, wd float32) {
	same(w.n, g.n, m.n)
	C.oc_lion(c.path, floats(w), floats(g), floats(m), C.long(w.n), C.float(lr), C.float(b1), C.float(b2), C.float(wd))
}

// Affine implements Updates.
func (c *CPU) Affine(x Buffer, a, b float32) {
	C.oc_affine(c.path, floats(x), C.float(a), C.float(b), C.long(x.n))
}

// Moments implements Updates.
func (c *CPU) Moments(x Buffer) (mean, squares float64) {
	var out [2]C.double
	C.oc_moments(c.path, &out[0], floats(x), C.long(x.n))
	return float64(out[0]), float64(out[1])
}
