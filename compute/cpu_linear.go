package compute

// #include "kernels.h"
import "C"

// MatMul computes c = op(a) op(b), or adds it to c; see Device.
func (c *CPU) MatMul(y, a, b Buffer, m, n, k int, transA, transB, add bool) {
	equal("matmul: result", m*n, y.n)
	equal("matmul: first operand", m*k, a.n)
	equal("matmul: second operand", k*n, b.n)
	scratch := c.workspace(C.oc_gemm_scratch(c.table, C.long(n)))
	C.oc_gemm(c.table, at(y), at(a), at(b), C.long(m), C.long(n), C.long(k), flag(transA), flag(transB), flag(add), scratch)
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// Add computes y = a + b.
func (c *CPU) Add(y, a, b Buffer) {
	equal("add", y.n, a.n, b.n)
	C.oc_add(c.table, at(y), at(a), at(b), C.long(y.n))
}

// Scale computes x *= s.
func (c *CPU) Scale(x Buffer, s float32) { C.oc_scale(c.table, at(x), C.float(s), C.long(x.n)) }

// Axpby computes y = a x + b y.
func (c *CPU) Axpby(y, x Buffer, a, b float32) {
	equal("axpby", y.n, x.n)
	C.oc_axpby(c.table, at(y), at(x), C.float(a), C.float(b), C.long(y.n))
}

// SumSquares is the sum of x^2 in float64, the same bits on every path.
func (c *CPU) SumSquares(x Buffer) float64 {
	return float64(C.oc_sum_squares(c.table, at(x), C.long(x.n)))
}

// Embedding: y[r,:] = w[tokens[r],:].
func (c *CPU) Embedding(y, w Buffer, tokens Ints, d int) {
	equal("embedding", tokens.n*d, y.n)
	inside("embedding", tokens, 0, rowsOf("embedding", w.n, d))
	C.oc_embedding(c.table, at(y), at(w), atInts(tokens), C.long(tokens.n), C.long(d))
}

// EmbeddingGrad: dw[v,:] = sum over rows r with tokens[r] = v of dy[r,:], in row order.
func (c *CPU) EmbeddingGrad(dw, dy Buffer, tokens Ints, d int) {
	equal("embedding gradient", tokens.n*d, dy.n)
	v := rowsOf("embedding gradient", dw.n, d)
	inside("embedding gradient", tokens, 0, v)
	C.oc_embedding_grad(c.table, at(dw), at(dy), atInts(tokens), C.long(tokens.n), C.long(v), C.long(d))
}

// inside panics unless all tokens are in [from, to).
func inside(what string, tokens Ints, from, to int) {
	for _, t := range tokens.Host() {
		if int(t) < from || int(t) >= to {
			panic("compute: " + what + ": a token is outside the vocabulary")
		}
	}
}

// AddPositions: y[b*T+t,:] = x[b*T+t,:] + p[t,:].
func (c *CPU) AddPositions(y, x, p Buffer, t, d int) {
	equal("positions", y.n, x.n)
	equal("positions: table", t*d, p.n)
	rowsOf("positions", y.n, t*d)
	C.oc_positions(c.table, at(y), at(x), at(p), C.long(y.n/d), C.long(t), C.long(d))
}

// AddPositionsGrad: dp[t,:] = sum over b of dy[b*T+t,:].
func (c *CPU) AddPositionsGrad(dp, dy Buffer, t, d int) {
	equal("positions gradient: table", t*d, dp.n)
	rowsOf("positions gradient", dy.n, t*d)
	C.oc_positions_grad(c.table, at(dp), at(dy), C.long(dy.n/d), C.long(t), C.long(d))
}

// AdamW does one step; see Device.
func (c *CPU) AdamW(w, g, m, v Buffer, lr, b1, b2, eps, wd, c1, c2 float32) {
	equal("adamw", w.n, g.n, m.n, v.n)
	C.oc_adamw(c.table, at(w), at(g), at(m), at(v), C.long(w.n), C.float(lr), C.float(b1), C.float(b2), C.float(eps), C.float(wd), C.float(c1), C.float(c2))
}
