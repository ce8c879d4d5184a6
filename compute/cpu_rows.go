package compute

// #include "kernels.h"
import "C"

// RMSNorm implements Device.
func (c *CPU) RMSNorm(y, rinv, x, g Buffer, d int, eps float32) {
	same(y.n, x.n, rinv.n*d)
	C.oc_rmsnorm(c.path, floats(y), floats(rinv), floats(x), floats(g), C.long(rinv.n), C.long(d), C.long(g.n),
		C.float(eps))
}

// RMSNormGrad implements Device.
func (c *CPU) RMSNormGrad(dx, dg, dy, x, g, rinv Buffer, d int) {
	same(dx.n, dy.n, x.n, rinv.n*d)
	same(dg.n, g.n)
	C.oc_rmsnorm_grad(c.path, floats(dx), floats(dg), floats(dy), floats(x), floats(g), floats(rinv), C.long(rinv.n),
		C.long(d), C.long(g.n))
}

// LayerNorm implements Device.
func (c *CPU) LayerNorm(y, n, rinv, x, g, b Buffer, d int, eps float32) {
	same(y.n, x.n, n.n, rinv.n*d)
	C.oc_layernorm(c.path, floats(y), floats(n), floats(rinv), floats(x), floats(g), floats(b), C.long(rinv.n), C.long(d),
		C.float(eps))
}

// LayerNormGrad implements Device.
func (c *CPU) LayerNormGrad(dx, dg, db, dy, g, n, rinv Buffer, d int) {
	same(dx.n, dy.n, n.n, rinv.n*d)
	same(dg.n, g.n, d)
	C.oc_layernorm_grad(c.path, floats(dx), floats(dg), floats(db), floats(dy), floats(g), floats(n), floats(rinv),
		C.long(rinv.n), C.long(d))
}

// DyT implements Device.
func (c *CPU) DyT(y, s, x, a, g, b Buffer) {
	same(y.n, x.n, s.n)
	C.oc_dyt(c.path, floats(y), floats(s), floats(x), floats(a), floats(g), floats(b), C.long(x.n/g.n), C.long(g.n))
}

// DyTGrad implements Device.
func (c *CPU) DyTGrad(dx, da, dg, db, dy, x, a, g, s Buffer) {
	same(dx.n, dy.n, x.n, s.n)
	same(dg.n, g.n)
	C.oc_dyt_grad(c.path, floats(dx), floats(da), floats(dg), floats(db), floats(dy), floats(x), floats(a), floats(g),
		floats(s), C.long(x.n/g.n), C.long(g.n))
}

// Activate implements Device.
func (c *CPU) Activate(a Activation, y, kept, x Buffer) {
	same(y.n, x.n)
	if kept.n > 0 {
		same(kept.n, x.n)
	}
	C.oc_activate(c.path, C.int(a), floats(y), floats(kept), floats(x), C.long(x.n))
}

// ActivateGrad implements Device.
func (c *CPU) ActivateGrad(a Activation, dx, dy, kept Buffer) {
	same(dx.n, dy.n, kept.n)
	C.oc_activate_grad(c.path, C.int(a), floats(dx), floats(dy), floats(kept), C.long(dx.n))
}

// Gate implements Device.
func (c *CPU) Gate(y, s, x, z Buffer) {
	same(y.n, x.n)
	same(s.n, z.n)
	C.oc_gate(c.path, floats(y), floats(s), floats(x), floats(z), C.long(x.n), C.long(x.n/z.n))
}

// GateGrad implements Device.
func (c *CPU) GateGrad(dx, dz, dy, x, s Buffer) {
	same(dx.n, dy.n, x.n)
	same(dz.n, s.n)
	C.oc_gate_grad(c.path, floats(dx), floats(dz), floats(dy), floats(x), floats(s), C.long(x.n), C.long(x.n/s.n))
}

// Combine implements Device.
func (c *CPU) Combine(y, x, s Buffer, b Broadcast, add bool) {
	same(y.n, x.n)
	b.check(x.n, s.n)
	C.oc_combine(c.path, floats(y), floats(x), floats(s), C.long(x.n), C.long(b.Span), C.long(b.Heads), flag(add))
}

// CombineGrad implements Device.
func (c *CPU) CombineGrad(dx, ds, dy, x, s Buffer, b Broadcast, add bool) {
	same(dx.n, dy.n, x.n)
	b.check(x.n, s.n)
	same(ds.n, s.n)
	C.oc_combine_grad(c.path, floats(dx), floats(ds), floats(dy), floats(x), floats(s), C.long(x.n), C.long(b.Span),
		C.long(b.Heads), flag(add))
}

// check panics unless n elements of x match s elements of s.
func (b Broadcast) check(n, s int) {
	if b.Heads == 0 {
		same(n, s*b.Span)
		return
	}
	same(n, s*b.Heads)
	same(n%(b.Span*b.Heads), 0)
}

// HeadMean implements Device.
func (c *CPU) HeadMean(y, x Buffer, heads, e int) {
	same(x.n, y.n*heads)
	C.oc_head_mean(c.path, floats(y), floats(x), C.long(y.n/e), C.long(heads), C.long(e))
}

// HeadMeanGrad implements Device.
func (c *CPU) HeadMeanGrad(dx, dy Buffer, heads, e int) {
	same(dx.n, dy.n*heads)
	C.oc_head_mean_grad(c.path, floats(dx), floats(dy), C.long(dy.n/e), C.long(heads), C.long(e))
}

// CopyRows implements Device.
func (c *CPU) CopyRows(y, x Buffer, rows, width, to, from int) {
	if (rows-1)*to+width > y.n || (rows-1)*from+width > x.n {
		panic("compute: rows out of range")
	}
	C.oc_copy_rows(c.path, floats(y), floats(x), C.long(rows), C.long(width), C.long(to), C.long(from))
}
