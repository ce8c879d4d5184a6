// Package compute does the arithmetic: devices, buffers and kernels. It does not depend on gorgonia.
package compute

import (
	"syscall"
	"unsafe"
)

// ErrMemory is wrapped by every error that says that a device is out of memory. It is the system's ENOMEM, so that one
// errors.Is also finds memory that the system refuses elsewhere.
var ErrMemory error = syscall.ENOMEM

// Buffer is a run of float32 in a device's memory. The zero Buffer means "absent".
type Buffer struct {
	ptr unsafe.Pointer
	n   int
}

// Len returns the number of float32 in the buffer.
func (b Buffer) Len() int { return b.n }

// Pointer is the address in the device's memory.
func (b Buffer) Pointer() unsafe.Pointer { return b.ptr }

// Slice returns the part [from, to) of the buffer. It shares the memory.
func (b Buffer) Slice(from, to int) Buffer {
	if from < 0 || to < from || to > b.n {
		panic("compute: slice out of range")
	}
	return Buffer{ptr: unsafe.Add(b.ptr, 4*from), n: to - from}
}

// Overlaps reports whether the two buffers share an element.
func (b Buffer) Overlaps(o Buffer) bool {
	return uintptr(b.ptr) < uintptr(o.ptr)+4*uintptr(o.n) && uintptr(o.ptr) < uintptr(b.ptr)+4*uintptr(b.n)
}

// Host returns the buffer's memory as a slice. It works only on a device whose memory the host can access (the CPU).
func (b Buffer) Host() []float32 { return unsafe.Slice((*float32)(b.ptr), b.n) }

// Ints is a run of int32 in a device's memory (tokens, targets).
type Ints struct {
	ptr unsafe.Pointer
	n   int
}

// Len returns the number of int32.
func (b Ints) Len() int { return b.n }

// Pointer is the address in the device's memory.
func (b Ints) Pointer() unsafe.Pointer { return b.ptr }

// Host returns the memory as a slice, on a device whose memory the host can access.
func (b Ints) Host() []int32 { return unsafe.Slice((*int32)(b.ptr), b.n) }

// Precision is the format to which a device's MatMul rounds its operands. All buffers, MatMul's sums and every other
// kernel are float32.
type Precision string

// The precisions. BF16 has 8 bits of significand, against 24 for float32, and the same range. It rounds to nearest,
// ties to even.
const (
	Float32 Precision = "float32"
	BF16    Precision = "bf16"
)

// Activation names an elementwise non-linearity.
type Activation int

// The activations. Every device has them all.
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

// The kinds of weights. Every device has them all.
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
	Extra      bool // an extra slot before the first position, visible to every query
}

// Extra is the content of the extra slot, to which neither RoPE nor ALiBi applies: a key and a value, each [KV*E]
// (arXiv 2402.17762), zero if absent; or, in place of q.k, one score per head, Logit [H] (without a value: a sink
// logit).
type Extra struct{ K, V, Logit Buffer }

// Keys returns the number of key columns in a row of the pattern: T, plus one in front for the extra slot.
func (a Attention) Keys() int {
	if a.Extra {
		return a.T + 1
	}
	return a.T
}

// Row returns the width of a row of qkv.
func (a Attention) Row() int { return (a.H + 2*a.KV) * a.E }

// Broadcast says how s is broadcast over x in Combine. If Heads is 0, each element of s applies to Span neighbours in
// x. Otherwise each vector [Span] of s applies to Heads consecutive groups of Span elements of x; Heads 1 is
// elementwise.
type Broadcast struct{ Span, Heads int }

// Epilogue is applied elementwise to a product's result c [m,n] while c is in the cache. It is Activate of F, or
// ActivateGrad if Grad is set. Y and Kept are [m,n]. Either may be c itself, and with Grad Y may be Kept; c holds the
// product's result unless one of them overwrites it. The zero Epilogue does nothing.
type Epilogue struct {
	F       Activation
	Grad    bool
	Y, Kept Buffer
}

// Device owns memory and runs kernels on it. One goroutine at a time uses a Device; its kernels may read and write
// buffers of another Device of the same kind. All matrices are row-major float32, R = B*T rows; weights are [out, in].
// Kernels do not allocate: only Alloc, AllocInts and Prepare do, and they return ErrMemory if memory runs out. A kernel
// overwrites its outputs unless its comment says that it adds, and no output may overlap an input unless its comment
// says so.
type Device interface {
	// Kind returns "cpu". Path returns the kernel path in use: "amx", "avx512", "avx2" or "portable".
	Kind() string
	Path() string
	// Alloc returns zeroed memory that lives until Free, which releases everything that the device allocated.
	Alloc(n int) (Buffer, error)
	AllocInts(n int) (Ints, error)
	Free()
	// Prepare allocates the tables and scratch that the kernels of this attention need. Call it before the first of these
	// kernels runs.
	Prepare(a Attention) error
	// Bytes returns how much memory the device has allocated, including what its kernels use themselves.
	Bytes() int
	// Upload and Download copy between the host and the device; lengths must agree.
	Upload(dst Buffer, src []float32)
	Download(dst []float32, src Buffer)
	UploadInts(dst Ints, src []int32)

	// MatMul computes c[m,n] = op(a)[m,k] op(b)[k,n], or adds it to c. With transA, a is stored [k,m]; with transB, b is
	// stored [n,k]. The device's Precision applies to a and b in MatMul and MatMulEpilogue only.
	MatMul(c, a, b Buffer, m, n, k int, transA, transB, add bool)
	// MatMulEpilogue computes MatMul without adding to c, then applies the epilogue, with the same bits as Activate and
	// ActivateGrad.
	MatMulEpilogue(c, a, b Buffer, m, n, k int, transA, transB bool, epilogue Epilogue)
	// Fuses reports whether MatMulEpilogue is faster than two calls if a row of c has n elements.
	Fuses(n int) bool
	// Gram computes c[m,m] = op(a)[m,k] op(a)^T at half of MatMul's cost, always in Float32. The result is symmetric to
	// the bit; on and below the diagonal it has the bits of MatMul in Float32.
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

	// RMSNorm: y = g x / sqrt(mean(x^2) + eps) by rows of d, rinv[r] = 1/sqrt(...); g has d elements or one (SSNorm, arXiv
	// 2506.19697).
	RMSNorm(y, rinv, x, g Buffer, d int, eps float32)
	// RMSNormGrad overwrites dx and dg.
	RMSNormGrad(dx, dg, dy, x, g, rinv Buffer, d int)

	// LayerNorm: n = (x - mean)/sqrt(var + eps) by rows of d, rinv[r] = 1/sqrt(...), y = g n + b (arXiv 1607.06450); b may
	// be absent. LayerNormGrad overwrites dx, dg and, if present, db.
	LayerNorm(y, n, rinv, x, g, b Buffer, d int, eps float32)
	LayerNormGrad(dx, dg, db, dy, g, n, rinv Buffer, d int)
	// DyT: s = tanh(a x), y = g s + b (arXiv 2503.10622); a is one number, g [D], b [D] or absent. DyTGrad overwrites dx,
	// da, dg and, if present, db.
	DyT(y, s, x, a, g, b Buffer)
	DyTGrad(dx, da, dg, db, dy, x, a, g, s Buffer)

	// Activate: y = f(x). Unless kept is absent, kept receives what the gradient needs of x. y or kept may be x.
	// ActivateGrad: dx = dy f'(x), from kept; dx may be dy or kept.
	Activate(f Activation, y, kept, x Buffer)
	ActivateGrad(f Activation, dx, dy, kept Buffer)
	// Gate: s = sigmoid(z), y = x s (arXiv 2505.06708). x is [R, H*E]; z and s are [R, H*E], or [R, H] if one score gates
	// a whole head: each score covers x.Len()/z.Len() neighbours.
	Gate(y, s, x, z Buffer)
	// GateGrad overwrites dx and dz.
	GateGrad(dx, dz, dy, x, s Buffer)

	// Combine: y = x s, or x + s. CombineGrad overwrites dx and ds.
	Combine(y, x, s Buffer, b Broadcast, add bool)
	CombineGrad(dx, ds, dy, x, s Buffer, b Broadcast, add bool)
	// HeadMean: y[r,:] = mean over h of x[r,h,:]; x is [R, heads*e], y [R, e]. HeadMeanGrad overwrites dx.
	HeadMean(y, x Buffer, heads, e int)
	HeadMeanGrad(dx, dy Buffer, heads, e int)
	// CopyRows: y[r*to+j] = x[r*from+j], j < width. The rest of y is unchanged; from = 0 repeats one row.
	CopyRows(y, x Buffer, rows, width, to, from int)

	// Attend: y[B*T, H*E] = weights(q k^T / sqrt(E), causal) v. lse[B,H,T] receives what the gradient needs of each row:
	// its log-sum-exp, or its sum of sigmoids.
	Attend(a Attention, y, lse, qkv Buffer, x Extra)
	// AttendGrad overwrites dqkv, and each field of dx whose counterpart in x is present. It recomputes the pattern from
	// lse.
	AttendGrad(a Attention, dqkv Buffer, dx Extra, dy, y, lse, qkv Buffer, x Extra)
	// AttendPattern: p[B,H,T,Keys] is the attention pattern, zero above the diagonal; an extra slot is column 0, and
	// position j is then column j+1.
	AttendPattern(a Attention, p, qkv Buffer, x Extra)

	// CrossEntropy: loss[0] = scale * sum over rows of (logsumexp(logits[r,:]) - logits[r, targets[r]]), in nats,
	// accumulated in float64; lse[r] receives the logsumexp. A row with a negative target is left out. logits is [R, V].
	CrossEntropy(loss, lse, logits Buffer, targets Ints, v int, scale float32)
	// CrossEntropyGrad: dlogits[r,:] = dloss[0] * scale * (softmax(logits[r,:]) - onehot(targets[r])).
	CrossEntropyGrad(dlogits, dloss, logits, lse Buffer, targets Ints, v int, scale float32)

	// AdamW performs one step with decoupled decay (arXiv 1711.05101): m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2, w -= lr
	// (m/c1 / (sqrt(v/c2) + eps) + wd w), with c1 = 1-b1^t, c2 = 1-b2^t.
	AdamW(w, g, m, v Buffer, lr, b1, b2, eps, wd, c1, c2 float32)

	Updates
}
