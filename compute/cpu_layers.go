package compute

// #include "kernels.h"
import "C"

import "fmt"

// RMSNorm: y = g x rinv by rows of d; g has d entries or one.
func (c *CPU) RMSNorm(y, rinv, x, g Buffer, d int, eps float32) {
	rows := rowsOf("rmsnorm", x.n, d)
	equal("rmsnorm", x.n, y.n)
	equal("rmsnorm: 1/rms", rows, rinv.n)
	C.oc_rmsnorm(c.table, at(y), at(rinv), at(x), at(g), C.long(rows), C.long(d), single(g, d), C.float(eps))
}

// RMSNormGrad overwrites dx and dg.
func (c *CPU) RMSNormGrad(dx, dg, dy, x, g, rinv Buffer, d int) {
	rows := rowsOf("rmsnorm gradient", x.n, d)
	equal("rmsnorm gradient", x.n, dx.n, dy.n)
	equal("rmsnorm gradient: scale", g.n, dg.n)
	equal("rmsnorm gradient: 1/rms", rows, rinv.n)
	C.oc_rmsnorm_grad(c.table, at(dx), at(dg), at(dy), at(x), at(g), at(rinv), C.long(rows), C.long(d), single(g, d))
}

// single tells a scale of one number from one of d.
func single(g Buffer, d int) C.int {
	if g.n != d {
		equal("rmsnorm: scale", 1, g.n)
		return 1
	}
	return 0
}

// Activate: y = f(x). GELU's absolute error is below 1e-6 max(1, |x|).
func (c *CPU) Activate(f Activation, y, x Buffer) {
	equal("activate", y.n, x.n)
	switch f {
	case GELU:
		C.oc_gelu(c.table, at(y), at(x), C.long(x.n))
	case ReLU:
		C.oc_relu(c.table, at(y), at(x), C.long(x.n))
	default:
		panic(fmt.Sprintf("compute: unknown activation %d", f))
	}
}

// ActivateGrad: dx = dy f'(x); ReLU's slope at 0 is 0.
func (c *CPU) ActivateGrad(f Activation, dx, dy, x Buffer) {
	equal("activate gradient", x.n, dx.n, dy.n)
	switch f {
	case GELU:
		C.oc_gelu_grad(c.table, at(dx), at(dy), at(x), C.long(x.n))
	case ReLU:
		C.oc_relu_grad(c.table, at(dx), at(dy), at(x), C.long(x.n))
	default:
		panic(fmt.Sprintf("compute: unknown activation %d", f))
	}
}

// Gate: s = sigmoid(z), y = x s, each score gating x.Len()/z.Len() neighbours.
func (c *CPU) Gate(y, s, x, z Buffer) {
	equal("gate", x.n, y.n)
	equal("gate: scores", z.n, s.n)
	C.oc_gate(c.table, at(y), at(s), at(x), at(z), C.long(z.n), C.long(rowsOf("gate", x.n, z.n)))
}

// GateGrad overwrites dx and dz.
func (c *CPU) GateGrad(dx, dz, dy, x, s Buffer) {
	equal("gate gradient", x.n, dx.n, dy.n)
	equal("gate gradient: scores", s.n, dz.n)
	C.oc_gate_grad(c.table, at(dx), at(dz), at(dy), at(x), at(s), C.long(s.n), C.long(rowsOf("gate gradient", x.n, s.n)))
}

// CrossEntropy: loss[0] = scale * sum over rows with a target of (lse - logits[target]), in nats.
func (c *CPU) CrossEntropy(loss, lse, logits Buffer, targets Ints, v int, scale float32) {
	equal("cross-entropy", targets.n*v, logits.n)
	equal("cross-entropy: lse", targets.n, lse.n)
	equal("cross-entropy: loss", 1, loss.n)
	inside("cross-entropy", targets, -1<<31, v)
	C.oc_cross_entropy(c.table, at(loss), at(lse), at(logits), atInts(targets), C.long(targets.n), C.long(v), C.float(scale))
}

// CrossEntropyGrad: dlogits[r,:] = dloss[0] scale (softmax - onehot); a row without a target is zero.
func (c *CPU) CrossEntropyGrad(dlogits, dloss, logits, lse Buffer, targets Ints, v int, scale float32) {
	equal("cross-entropy gradient", targets.n*v, dlogits.n, logits.n)
	equal("cross-entropy gradient: lse", targets.n, lse.n)
	equal("cross-entropy gradient: loss", 1, dloss.n)
	inside("cross-entropy gradient", targets, -1<<31, v)
	C.oc_cross_entropy_grad(c.table, at(dlogits), at(dloss), at(logits), at(lse), atInts(targets), C.long(targets.n), C.long(v), C.float(scale))
}
