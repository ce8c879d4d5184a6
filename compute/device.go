// Package compute is where the arithmetic happens: devices, buffers and kernels. It knows no gorgonia.
package compute

import (
	"syscall"
	"unsafe"
)

// ErrMemory is wrapped by every error that says that a device has no more memory. It is the system's own, so that one
// question finds what the system refuses to others too.
var ErrMemory error = syscall.ENOMEM

// Buffer is a run of float32 in a device's memory. The zero Buffer stands for "absent".
type Buffer struct {
	ptr unsafe.Pointer
	n   int
}

// Len is the number of float32 in the buffer.
func (b Buffer) Len() int { return b.n }

// Pointer is the address in the device's memory.
func (b Buffer) Pointer() unsafe.Pointer { return b.ptr }

// Slice is the part [from, to) of the buffer, sharing memory.
func (b Buffer) Slice(from, to int) Buffer {
	if from < 0 || to < from || to > b.n {
		panic("compute: slice out of range")
	}
	return Buffer{ptr: unsafe.Add(b.ptr, 4*from), n: to - from}
}

// Overlaps reports whether any number lies in both.
func (b Buffer) Overlaps(o Buffer) bool {
	return uintptr(b.ptr) < uintptr(o.ptr)+4*uintptr(o.n) && uintptr(o.ptr) < uintptr(b.ptr)+4*uintptr(b.n)
}

// Host is the buffer's memory as a slice. Only for devices whose memory the host can touch (the CPU).
func (b Buffer) Host() []float32 { return unsafe.Slice((*float32)(b.ptr), b.n) }

// Ints is a run of int32 in a device's memory (tokens, targets).
type Ints struct {
	ptr unsafe.Pointer
	n   int
}

// Len is the number of int32.
func (b Ints) Len() int { return b.n }

// Pointer is the address in the device's memory.
func (b Ints) Pointer() unsafe.Pointer { return b.ptr }

// Host is the memory as a slice, for devices whose memory the host can touch.
func (b Ints) Host() []int32 { return unsafe.Slice((*int32)(b.ptr), b.n) }

// Precision is what a device's MatMul rounds the numbers to that it multiplies. All buffers, its sums and every other
// kernel are float32.
type Precision string

// The precisions. BF16 has 8 bits of significand where float32 has 24, and its range; it rounds to the nearest, ties to
// even.
const (
	Float32 Precision = "float32"
	BF16    Precision = "bf16"
)

// Activation names an elementwise non-linearity.
type Activation int

// The activations that every device has.
const (
	GELU      Activation = iota // x Phi(x), with erf
	ReLU                        // max(x, 0)
	GELUTanh                    // x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
	ReLU2                       // max(x, 0)^2
	SiLU                        // x sigmoid(x)
	Sigmoid                     // 1/(1 + exp(-x))
	NSSigmoid                   // (1 + sigmoid(x))/2
	Identity                    // x
)

// Weights says how an attention's scores s = q.k/sqrt(E) become the weights of the visible values.
type Weights int

// The weights that every device has.
const (
	Softmax           Weights = iota // exp(s) over its sum
	Sigmoids                         // sigmoid(s + Bias) (arXiv 2409.04431)
	SigmoidNormalised                // sigmoid(s + Bias) over its sum
	ReLURows                         // max(s, 0)/i at position i, counted from 1 (arXiv 2410.13835)
)

// Attention describes one causal multi-head attention. Rows of qkv hold q, k and v side by side: [B*T, (H+2KV)*E].
type Attention struct {
	B, T, H, E int  // batch, context, heads, head width
	KV         int  // heads of keys and values, a divisor of H; each serves H/KV neighbouring heads (arXiv 2305.13245)
	Rope       bool // rotate q and k by position (arXiv 2104.09864)
	Theta      float32
	Turn       int  // channels of a head that RoPE rotates, even: pairs (i, i+Turn/2)
	ALiBi      bool // add slope (j-i) to the scores, see ALiBiSlopes (arXiv 2108.12409)
	Weights    Weights
	Bias       float32
	Extra      bool // one more slot before the first position, which every query sees
}

// Extra is what stands in the extra slot, after RoPE and out of ALiBi's reach: a key and a value, each [KV*E] (arXiv
// 2402.17762), zero where absent; or, in place of q.k, a score for each head, Logit [H] (with no value: a sink logit).
type Extra struct{ K, V, Logit Buffer }

// Keys is the number of key columns of a pattern row: T, and one before them for the extra slot.
func (a Attention) Keys() int {
	if a.Extra {
		return a.T + 1
	}
	return a.T
}

// Row is the width of a row of qkv.
func (a Attention) Row() int { return (a.H + 2*a.KV) * a.E }

// Broadcast says how s stretches over x in Combine. Heads 0: each number of s serves Span neighbours of x. Otherwise
// each vector [Span] of s serves Heads groups of Span of x, one after the other; 1 is elementwise.
type Broadcast struct{ Span, Heads int }

// Then is a product's epilogue: it is applied elementwise to the result c [m,n] while c is in the cache. It is Activate of
// F, or ActivateGrad if Grad is set. Y and Kept are [m,n]. Either may lie where c does, and with Grad Y may lie where Kept
// does; c keeps the product's result if neither lies there. The zero Then does nothing.
type Then struct {
	F       Activation
	Grad    bool
	Y, Kept Buffer
}

// Device owns memory and runs kernels on it. A Device is used by one goroutine at a time; its kernels may read and
// write buffers of another Device of the same kind. All matrices are row-major float32, R = B*T rows, weights are [out,
// in]. No kernel allocates: Alloc, AllocInts and Prepare alone take memory, and return ErrMemory if there is none.
// Outputs are overwritten unless the kernel says that it adds; an output never overlaps an input unless the kernel says
// so.
type Device interface {
	// Kind is "cpu"; Path is the kernel path taken, "amx", "avx512", "avx2" or "portable".
	Kind() string
	Path() string
	// Alloc returns zeroed memory that lives until Free, which releases everything that the device ever gave.
	Alloc(n int) (Buffer, error)
	AllocInts(n int) (Ints, error)
	Free()
	// Prepare takes the memory that the kernels of this attention keep for themselves: tables and scratch. It is called
	// before the first of them runs.
	Prepare(a Attention) error
	// Bytes is how much memory the device gave, with what its kernels keep.
	Bytes() int
	// Upload and Download copy between the host and the device; lengths must agree.
	Upload(dst Buffer, src []float32)
	Download(dst []float32, src Buffer)
	UploadInts(dst Ints, src []int32)

	// MatMul computes c[m,n] = op(a)[m,k] op(b)[k,n], or adds it to c. op transposes where told: a is then stored
	// [k,m], b [n,k]. The device's Precision is that of a and b in it, and in it alone.
	MatMul(c, a, b Buffer, m, n, k int, transA, transB, add bool)
	// MatMulThen is MatMul, without adding to c, and then what `then` says, to the bits that Activate and ActivateGrad
	// give.
	MatMulThen(c, a, b Buffer, m, n, k int, transA, transB bool, then Then)
	// Joins reports whether MatMulThen gains over two calls if rows of c are of n numbers.
	Joins(n int) bool
	// Gram computes c[m,m] = op(a)[m,k] op(a)^T at half of MatMul's cost, always in Float32. It is symmetric to the
	// bit; on the diagonal and below it, its bits are those of MatMul in Float32.
	Gram(c, a Buffer, m, k int, trans bool)
	// Add computes y = a + b; y may be a or b.
	Add(y, a, b Buffer)
	// Scale computes x *= s.
	Scale(x Buffer, s float32)
	// Axpby computes y = a*x + b*y.
	Axpby(y, x Buffer, a, b float32)
	// SumSquares returns the sum of x*x, accumulated in float64 in a fixed order.
	SumSquares(x Buffer) float64

	// Embedding: y[r,:] = w[tokens[r],:]; w is [V, D].
	Embedding(y, w Buffer, tokens Ints, d int)
	// EmbeddingGrad: dw[v,:] = sum over rows r with tokens[r] = v of dy[r,:], in row order.
	EmbeddingGrad(dw, dy Buffer, tokens Ints, d int)
	// AddPositions: y[b*T+t,:] = x[b*T+t,:] + p[t,:]; p is [T, D].
	AddPositions(y, x, p Buffer, t, d int)
	// AddPositionsGrad: dp[t,:] = sum over b of dy[b*T+t,:].
	AddPositionsGrad(dp, dy Buffer, t, d int)

	// RMSNorm: y = g x / sqrt(mean(x^2) + eps) by rows of d, rinv[r] = 1/sqrt(...); g has d entries or one (SSNorm,
	// arXiv 2506.19697).
	RMSNorm(y, rinv, x, g Buffer, d int, eps float32)
	// RMSNormGrad overwrites dx and dg.
	RMSNormGrad(dx, dg, dy, x, g, rinv Buffer, d int)

	// LayerNorm: n = (x - mean)/sqrt(var + eps) by rows of d, rinv[r] = 1/sqrt(...), y = g n + b (arXiv 1607.06450); b
	// may be absent. LayerNormGrad overwrites dx, dg and, where b is, db.
	LayerNorm(y, n, rinv, x, g, b Buffer, d int, eps float32)
	LayerNormGrad(dx, dg, db, dy, g, n, rinv Buffer, d int)
	// DyT: s = tanh(a x), y = g s + b (arXiv 2503.10622); a is one number, g [D], b [D] or absent. DyTGrad overwrites
	// dx, da, dg and, where b is, db.
	DyT(y, s, x, a, g, b Buffer)
	DyTGrad(dx, da, dg, db, dy, x, a, g, s Buffer)

	// Activate: y = f(x), and what the gradient needs of x unless kept is empty; either may be x. ActivateGrad: dx = dy
	// f'(x) by what was kept; dx may be dy or that.
	Activate(f Activation, y, kept, x Buffer)
	ActivateGrad(f Activation, dx, dy, kept Buffer)
	// Gate: s = sigmoid(z), y = x s (arXiv 2505.06708). x is [R, H*E]; z and s are [R, H*E], or [R, H] where one
	// score gates a whole head: each score covers x.Len()/z.Len() neighbours.
	Gate(y, s, x, z Buffer)
	// GateGrad overwrites dx and dz.
	GateGrad(dx, dz, dy, x, s Buffer)

	// Combine: y = x s, or x + s. CombineGrad overwrites dx and ds.
	Combine(y, x, s Buffer, b Broadcast, add bool)
	CombineGrad(dx, ds, dy, x, s Buffer, b Broadcast, add bool)
	// HeadMean: y[r,:] = mean over h of x[r,h,:]; x is [R, heads*e], y [R, e]. HeadMeanGrad overwrites dx.
	HeadMean(y, x Buffer, heads, e int)
	HeadMeanGrad(dx, dy Buffer, heads, e int)
	// CopyRows: y[r*to+j] = x[r*from+j], j < width. The rest of y stays; from = 0 repeats one row.
	CopyRows(y, x Buffer, rows, width, to, from int)

	// Attend: y[B*T, H*E] = weights(q k^T / sqrt(E), causal) v, and lse[B,H,T] what the gradient needs of each row: its
	// log-sum-exp, or its sum of sigmoids.
	Attend(a Attention, y, lse, qkv Buffer, x Extra)
	// AttendGrad overwrites dqkv and those of dx whose counterpart in x is there; it recomputes the pattern from lse.
	AttendGrad(a Attention, dqkv Buffer, dx Extra, dy, y, lse, qkv Buffer, x Extra)
	// AttendPattern: p[B,H,T,Keys] is the attention pattern, zero above the diagonal; with an extra slot, that is
	// column 0 and position j is column j+1.
	AttendPattern(a Attention, p, qkv Buffer, x Extra)

	// CrossEntropy: loss[0] = scale * sum over rows of (logsumexp(logits[r,:]) - logits[r, targets[r]]), in nats,
	// accumulated in float64; lse[r] is kept. A negative target leaves its row out. logits is [R, V].
	CrossEntropy(loss, lse, logits Buffer, targets Ints, v int, scale float32)
	// CrossEntropyGrad: dlogits[r,:] = dloss[0] * scale * (softmax(logits[r,:]) - onehot(targets[r])).
	CrossEntropyGrad(dlogits, dloss, logits, lse Buffer, targets Ints, v int, scale float32)

	// AdamW does one step with decoupled decay (arXiv 1711.05101): m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2,
	// w -= lr (m/c1 / (sqrt(v/c2) + eps) + wd w), with c1 = 1-b1^t, c2 = 1-b2^t.
	AdamW(w, g, m, v Buffer, lr, b1, b2, eps, wd, c1, c2 float32)

	Updates
}
