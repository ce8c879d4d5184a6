// Package compute holds the devices, buffers and kernels that do the arithmetic. It does not depend on gorgonia.
package compute

import (
	"syscall"
	"unsafe"
)

// ErrMemory is wrapped by every error that reports that a device is out of memory. It is the system's ENOMEM, so
// errors.Is with ErrMemory also matches the system's own out-of-memory errors.
var ErrMemory error = syscall.ENOMEM

// Buffer is a contiguous run of float32 values in a device's memory. The zero Buffer means "absent".
type Buffer struct {
	ptr unsafe.Pointer
	n   int
}

// Len returns the number of float32 values in the buffer.
func (b Buffer) Len() int { return b.n }

// Pointer returns the buffer's address in the device's memory.
func (b Buffer) Pointer() unsafe.Pointer { return b.ptr }

// Slice returns the elements [from, to) of the buffer as a Buffer that shares its memory.
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

// Host returns the buffer's memory as a slice. It works only on a device whose memory the host can access, such as the
// CPU.
func (b Buffer) Host() []float32 { return unsafe.Slice((*float32)(b.ptr), b.n) }

// Ints is a contiguous run of int32 values, such as tokens or targets, in a device's memory.
type Ints struct {
	ptr unsafe.Pointer
	n   int
}

// Len returns the number of int32 values.
func (b Ints) Len() int { return b.n }

// Pointer returns the address of the values in the device's memory.
func (b Ints) Pointer() unsafe.Pointer { return b.ptr }

// Host returns the memory as a slice. It works only on a device whose memory the host can access, such as the CPU.
func (b Ints) Host() []int32 { return unsafe.Slice((*int32)(b.ptr), b.n) }

// Precision is the format to which a device rounds the operands of MatMul and MatMulEpilogue. Buffers hold float32,
// both kernels add in float32, and every other kernel takes its operands in float32.
type Precision string

// The precisions. BF16 has the same range as float32, but 8 bits of significand instead of 24. Rounding to BF16 is to
// the nearest value, with ties to even.
const (
	Float32 Precision = "float32"
	BF16    Precision = "bf16"
)

// Activation names an elementwise non-linearity.
type Activation int

// The activations. Every device supports all of them.
const (
	GELU      Activation = iota // x Phi(x), computed with erf
	ReLU                        // max(x, 0)
	GELUTanh                    // x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2
	ReLU2                       // max(x, 0)^2
	SiLU                        // x sigmoid(x)
	Sigmoid                     // 1/(1 + exp(-x))
	NSSigmoid                   // (1 + sigmoid(x))/2
	Identity                    // x
)

// Weights is the rule by which an attention's scores s = q.k/sqrt(E) become the weights of the visible values.
type Weights int

// The kinds of weights. Every device supports all of them.
const (
	Softmax           Weights = iota // exp(s) divided by its sum over the row
	Sigmoids                         // sigmoid(s + Bias) (arXiv 2409.04431)
	SigmoidNormalised                // sigmoid(s + Bias) divided by its sum over the row
	ReLURows                         // max(s, 0)/i for the query at position i, counted from 1 (arXiv 2410.13835)
)

// Attention describes one causal multi-head attention. Each row of its input qkv [B*T, (H+2KV)*E] holds q, k and v side
// by side.
type Attention struct {
	B, T, H, E int     // batch size, context length, heads, width of a head
	KV         int     // heads of k and v, a divisor of H: each serves H/KV neighbouring heads of q (arXiv 2305.13245)
	Rope       bool    // rotate q and k by position (arXiv 2104.09864)
	Theta      float32 // base of the frequencies of RoPE
	Turn       int     // number of a head's channels that RoPE rotates, even; the pairs are (i, i+Turn/2)
	ALiBi      bool    // add ALiBiSlopes[h] (j-i) to the score of query i and key j (arXiv 2108.12409)
	Weights    Weights
	Bias       float32 // added to the scores by Sigmoids and SigmoidNormalised
	Extra      bool    // an extra slot before the first position, visible to every query
}

// Extra holds the contents of the extra slot, to which neither RoPE nor ALiBi applies. K and V are its key and value,
// each [KV*E] (arXiv 2402.17762); if one is absent, it counts as zero. Logit [H], if present, replaces q.k/sqrt(E) by
// one score per head. A Logit without V is a sink logit.
type Extra struct{ K, V, Logit Buffer }

// Keys returns the number of key columns in a row of the attention pattern: T, plus one in front if there is an extra
// slot.
func (a Attention) Keys() int {
	if a.Extra {
		return a.T + 1
	}
	return a.T
}

// Row returns the width of a row of qkv.
func (a Attention) Row() int { return (a.H + 2*a.KV) * a.E }

// Broadcast says how Combine broadcasts s over x. If Heads is 0, each element of s applies to Span neighbouring
// elements of x. Otherwise each vector [Span] of s applies to Heads consecutive groups of Span elements of x; with
// Heads 1, s applies to x elementwise.
type Broadcast struct{ Span, Heads int }

// Epilogue is applied elementwise to a product's result c [m,n] while c is in the cache. It does Activate with F, x =
// c, y = Y and kept = Kept; or, if Grad is set, ActivateGrad with F, dy = c, dx = Y and kept = Kept. Y and Kept are
// [m,n]. Either may be c itself, and with Grad, Y may be Kept. Unless Y or Kept overwrites it, c keeps the product's
// result. The zero Epilogue does nothing.
type Epilogue struct {
	F       Activation
	Grad    bool
	Y, Kept Buffer
}

// Device owns memory and runs kernels on it. Only one goroutine at a time may use a Device, but its kernels may read
// and write buffers of another Device of the same kind. All matrices are row-major float32; activations have R = B*T
// rows, and weights are [out, in]. Kernels do not allocate memory: only Alloc, AllocInts and Prepare do, and they
// return an error that wraps ErrMemory if memory runs out. A kernel overwrites its outputs unless its comment says that
// it adds to them. No output may overlap an input unless the kernel's comment allows it.
type Device interface {
	// Kind returns "cpu". Path returns the kernel path in use: "amx", "avx512", "avx2" or "portable".
	Kind() string
	Path() string
	// Alloc and AllocInts return zeroed memory for n elements. It lives until Free, which releases everything that the
	// device has allocated.
	Alloc(n int) (Buffer, error)
	AllocInts(n int) (Ints, error)
	Free()
	// Prepare allocates the tables and scratch memory that the kernels of attention a need. Call it before the first of
	// these kernels runs.
	Prepare(a Attention) error
	// Bytes returns how much memory the device has allocated, in bytes, including what its kernels use themselves.
	Bytes() int
	// Upload, UploadInts and Download copy between the host and the device. Both arguments must have the same length.
	Upload(dst Buffer, src []float32)
	Download(dst []float32, src Buffer)
	UploadInts(dst Ints, src []int32)

	// MatMul computes c[m,n] = op(a)[m,k] op(b)[k,n] or, if add is set, adds this product to c. With transA, a is stored
	// as [k,m]; with transB, b is stored as [n,k]. Only MatMul and MatMulEpilogue round a and b to the device's Precision.
	MatMul(c, a, b Buffer, m, n, k int, transA, transB, add bool)
	// MatMulEpilogue computes the product like MatMul without add, then applies the epilogue. The results are bit for bit
	// those of MatMul followed by Activate or ActivateGrad.
	MatMulEpilogue(c, a, b Buffer, m, n, k int, transA, transB bool, epilogue Epilogue)
	// Fuses reports whether, for a c with rows of n elements, MatMulEpilogue is faster than MatMul and a second call.
	Fuses(n int) bool
	// Gram computes c[m,m] = op(a)[m,k] op(a)^T, always in Float32, at half the cost of MatMul. With trans, a is stored as
	// [k,m]. The result is exactly symmetric; on and below the diagonal it equals, bit for bit, that of MatMul in Float32.
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
	// EmbeddingGrad: dw[v,:] = the sum of dy[r,:] over all rows r with tokens[r] = v, added in row order.
	EmbeddingGrad(dw, dy Buffer, tokens Ints, d int)
	// AddPositions: y[b*T+t,:] = x[b*T+t,:] + p[t,:]; p is [T, D].
	AddPositions(y, x, p Buffer, t, d int)
	// AddPositionsGrad: dp[t,:] = the sum of dy[b*T+t,:] over all b.
	AddPositionsGrad(dp, dy Buffer, t, d int)

	// RMSNorm: y = g x rinv[r] with rinv[r] = 1/sqrt(mean(x^2) + eps), where the mean is over each row r of d elements; g
	// has d elements, or one (SSNorm, arXiv 2506.19697).
	RMSNorm(y, rinv, x, g Buffer, d int, eps float32)
	// RMSNormGrad overwrites dx and dg.
	RMSNormGrad(dx, dg, dy, x, g, rinv Buffer, d int)

	// LayerNorm: n = (x - mean) rinv[r] with rinv[r] = 1/sqrt(var + eps), where mean and var are those of each row r of d
	// elements, and y = g n + b (arXiv 1607.06450); b may be absent. LayerNormGrad overwrites dx, dg and, if present, db.
	LayerNorm(y, n, rinv, x, g, b Buffer, d int, eps float32)
	LayerNormGrad(dx, dg, db, dy, g, n, rinv Buffer, d int)
	// DyT: s = tanh(a x) and y = g s + b (arXiv 2503.10622). a is one number, g is [D], and b is [D] or absent. DyTGrad
	// overwrites dx, da, dg and, if present, db.
	DyT(y, s, x, a, g, b Buffer)
	DyTGrad(dx, da, dg, db, dy, x, a, g, s Buffer)

	// Activate: y = f(x). If kept is present, it receives what ActivateGrad needs of x. Either y or kept may be x.
	// ActivateGrad: dx = dy f'(x), computed from kept; dx may be dy or kept.
	Activate(f Activation, y, kept, x Buffer)
	ActivateGrad(f Activation, dx, dy, kept Buffer)
	// Gate: s = sigmoid(z) and y = x s (arXiv 2505.06708). x is [R, H*E]; z and s are [R, H*E] too, or [R, H] if one score
	// gates a whole head. Each score applies to x.Len()/z.Len() neighbouring elements of x.
	Gate(y, s, x, z Buffer)
	// GateGrad overwrites dx and dz.
	GateGrad(dx, dz, dy, x, s Buffer)

	// Combine: y = x s or, if add is set, y = x + s, with s broadcast over x as b says. CombineGrad overwrites dx and ds.
	Combine(y, x, s Buffer, b Broadcast, add bool)
	CombineGrad(dx, ds, dy, x, s Buffer, b Broadcast, add bool)
	// HeadMean: y[r,:] = the mean of x[r,h,:] over all heads h; x is [R, heads*e] and y is [R, e]. HeadMeanGrad overwrites
	// dx.
	HeadMean(y, x Buffer, heads, e int)
	HeadMeanGrad(dx, dy Buffer, heads, e int)
	// CopyRows: y[r*to+j] = x[r*from+j] for all r < rows and j < width. The rest of y is unchanged. With from = 0, the
	// first row of x is copied to every row of y.
	CopyRows(y, x Buffer, rows, width, to, from int)

	// Attend: y[B*T, H*E] = weights(q k^T / sqrt(E), causal) v. For each query of each head, lse[B,H,T] receives what the
	// gradient needs: the log-sum-exp of the scores for Softmax, or the sum of the sigmoids for SigmoidNormalised. The
	// other kinds of weights need nothing of it.
	Attend(a Attention, y, lse, qkv Buffer, x Extra)
	// AttendGrad overwrites dqkv, and every field of dx whose counterpart in x is present. It recomputes the attention
	// pattern from qkv, x and lse.
	AttendGrad(a Attention, dqkv Buffer, dx Extra, dy, y, lse, qkv Buffer, x Extra)
	// AttendPattern: p[B,H,T,Keys] is the attention pattern, zero above the diagonal. If there is an extra slot, it is
	// column 0 and position j is column j+1.
	AttendPattern(a Attention, p, qkv Buffer, x Extra)

	// CrossEntropy: loss[0] = scale * the sum of logsumexp(logits[r,:]) - logits[r, targets[r]] over all rows r, in nats,
	// accumulated in float64. logits is [R, V]. The sum leaves out rows with a negative target. lse[r] receives the
	// logsumexp of every row.
	CrossEntropy(loss, lse, logits Buffer, targets Ints, v int, scale float32)
	// CrossEntropyGrad: dlogits[r,:] = dloss[0] * scale * (softmax(logits[r,:]) - onehot(targets[r])), or 0 if targets[r]
	// is negative; dlogits may be logits.
	CrossEntropyGrad(dlogits, dloss, logits, lse Buffer, targets Ints, v int, scale float32)

	// AdamW performs step t of Adam with decoupled decay (arXiv 1711.05101): m = b1 m + (1-b1) g, v = b2 v + (1-b2) g^2,
	// then w -= lr (m/c1 / (sqrt(v/c2) + eps) + wd w). The caller passes c1 = 1-b1^t and c2 = 1-b2^t.
	AdamW(w, g, m, v Buffer, lr, b1, b2, eps, wd, c1, c2 float32)

	Updates
}
