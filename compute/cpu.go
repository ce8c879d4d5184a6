package compute

/*
#cgo CFLAGS: -O3 -std=gnu11 -Wno-psabi -Wno-unused-function
#cgo LDFLAGS: -lm
#cgo noescape oc_sum_squares
#cgo nocallback oc_sum_squares
#include "kernels.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

var paths = []string{C.OC_PORTABLE: "portable", C.OC_AVX2: "avx2", C.OC_AVX512: "avx512", C.OC_AMX: "amx"}

// Paths lists the kernel paths that this machine supports, from the best to the worst.
func Paths() []string {
	names := slices.Clone(paths[:C.oc_best_path()+1])
	slices.Reverse(names)
	return names
}

// CPU is a Device on the host, with an arena outside the Go heap and kernels in C. Each kernel runs on the thread that
// calls it.
type CPU struct {
	// Limit is the most memory that the CPU may allocate, in bytes (see Bytes). If it is 0, only the system limits the
	// memory.
	Limit   int
	path    C.int
	bf16    bool // MatMul rounds its operands to bf16
	regions [][]byte
	free    [][]byte // the unused tail of each region
	bytes   int
	own     int // bytes taken by the kernels themselves
	pack    []float32
	scratch []float32
	ropes   map[rope]Buffer // cos then sin, each [T, pairs]
	slopes  map[int]Buffer  // of ALiBi, by the number of heads
}

var _ Device = (*CPU)(nil)

// NewCPU returns a CPU that uses the kernels of the named path and computes products in the given precision. The path
// "" stands for the best path of the machine.
func NewCPU(path string, p Precision) (*CPU, error) {
	if err := Can(path, p); err != nil {
		return nil, fmt.Errorf("compute: %w", err)
	}
	if path == "" {
		path = Paths()[0]
	}
	c := &CPU{path: C.int(slices.Index(paths, path)), bf16: p == BF16}
	c.ropes, c.slopes = map[rope]Buffer{}, map[int]Buffer{}
	// Gram computes in float32 at any precision.
	pack, err := c.allocOwn(int(max(C.oc_matmul_scratch(c.path, 0), C.oc_matmul_scratch(c.path, flag(c.bf16)))))
	if err != nil {
		return nil, err
	}
	c.pack = pack.Host()
	return c, nil
}

// Can returns nil if this machine supports a CPU of the given path and precision; otherwise the error says why it does
// not. BF16 needs the avx512 or amx path and the instruction vdpbf16ps.
func Can(path string, p Precision) error {
	known := Paths()
	if path == "" {
		path = known[0]
	}
	switch {
	case !slices.Contains(known, path):
		return fmt.Errorf("no kernel path %q on this machine (%s)", path, strings.Join(known, ", "))
	case p == Float32 || p == BF16 && Instruction(path) != "":
		return nil
	case p == BF16 && path == "avx512":
		return errors.New("bf16 needs the instruction vdpbf16ps (avx512_bf16), " +
			"which this processor lacks: use float32 or another machine")
	case p == BF16:
		return fmt.Errorf("bf16 needs the instruction vdpbf16ps (avx512_bf16), "+
			"which the %s kernels lack: use float32, or a machine and kernels that have it", path)
	}
	return fmt.Errorf("no precision %q (%s, %s)", p, Float32, BF16)
}

// Instruction returns the instruction with which a CPU of the given path multiplies bf16 operands: tdpbf16ps on the amx
// path, and vdpbf16ps on the avx512 path. It returns "" if the path or the machine has no such instruction.
func Instruction(path string) string {
	if path == "" {
		path = Paths()[0]
	}
	switch {
	case C.oc_has_bf16(C.int(slices.Index(paths, path))) == 0:
		return ""
	case path == "amx":
		return "tdpbf16ps"
	}
	return "vdpbf16ps"
}

// Kind implements Device.
func (c *CPU) Kind() string { return "cpu" }

// Path implements Device.
func (c *CPU) Path() string { return paths[c.path] }

// Bytes implements Device.
func (c *CPU) Bytes() int { return c.bytes }

// Scratch returns how many of the Bytes are used by the kernels themselves: for packed operands, for tables and as
// scratch memory of attention.
func (c *CPU) Scratch() int { return c.own }

// allocOwn allocates memory for the kernels themselves.
func (c *CPU) allocOwn(n int) (Buffer, error) {
	before := c.bytes
	b, err := c.Alloc(n)
	c.own += c.bytes - before
	return b, err
}

const region = 4 << 20

// take cuts n bytes, rounded up to a multiple of 64, from the arena. The arena is anonymous memory, in huge pages if
// the system provides them.
func (c *CPU) take(n int) (unsafe.Pointer, error) {
	n = max(64, (n+63)&^63)
	if c.Limit > 0 && c.bytes+n > c.Limit {
		return nil, refused(n)
	}
	at := slices.IndexFunc(c.free, func(left []byte) bool { return len(left) >= n })
	if at < 0 {
		size := max(region, (n+region-1)/region*region)
		m, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			return nil, refused(size)
		}
		_ = unix.Madvise(m, 14) // MADV_HUGEPAGE, a hint
		at, c.regions, c.free = len(c.free), append(c.regions, m), append(c.free, m)
	}
	p := unsafe.Pointer(&c.free[at][0])
	c.free[at] = c.free[at][n:]
	c.bytes += n
	return p, nil
}

func refused(bytes int) error {
	return fmt.Errorf("compute: %d MiB of memory: %w", (bytes+1<<20-1)>>20, ErrMemory)
}

// Alloc implements Device.
func (c *CPU) Alloc(n int) (Buffer, error) {
	p, err := c.take(4 * n)
	if err != nil {
		return Buffer{}, err
	}
	return Buffer{ptr: p, n: n}, nil
}

// AllocInts implements Device.
func (c *CPU) AllocInts(n int) (Ints, error) {
	p, err := c.take(4 * n)
	if err != nil {
		return Ints{}, err
	}
	return Ints{ptr: p, n: n}, nil
}

// Free implements Device.
func (c *CPU) Free() {
	for _, m := range c.regions {
		_ = unix.Munmap(m)
	}
	*c = CPU{Limit: c.Limit, path: c.path, bf16: c.bf16}
}

// Upload implements Device.
func (c *CPU) Upload(dst Buffer, src []float32) {
	same(dst.n, len(src))
	copy(dst.Host(), src)
}

// Download implements Device.
func (c *CPU) Download(dst []float32, src Buffer) {
	same(len(dst), src.n)
	copy(dst, src.Host())
}

// UploadInts implements Device.
func (c *CPU) UploadInts(dst Ints, src []int32) {
	same(dst.n, len(src))
	copy(dst.Host(), src)
}

// same panics unless all lengths agree: a wrong shape here is a bug in the program.
func same(n int, others ...int) {
	for _, o := range others {
		if o != n {
			panic(fmt.Sprintf("compute: got %d elements, want %d", o, n))
		}
	}
}

// within panics unless every token lies in [least, n): any other would index memory outside the table.
func within(tokens Ints, least, n int) {
	for _, token := range tokens.Host() {
		if int(token) < least || int(token) >= n {
			panic(fmt.Sprintf("compute: token %d outside a vocabulary of %d", token, n))
		}
	}
}

// floats returns the buffer as a kernel's argument; null for the zero Buffer.
func floats(b Buffer) *C.float { return (*C.float)(b.ptr) }

// ints returns the integers as a kernel's argument.
func ints(b Ints) *C.int { return (*C.int)(b.ptr) }

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

// MatMul implements Device.
func (c *CPU) MatMul(y, a, b Buffer, m, n, k int, transA, transB, add bool) {
	c.product(y, a, b, m, n, k, transA, transB, add, C.oc_epilogue{})
}

// MatMulEpilogue implements Device.
func (c *CPU) MatMulEpilogue(y, a, b Buffer, m, n, k int, transA, transB bool, epilogue Epilogue) {
	for _, beside := range []Buffer{epilogue.Y, epilogue.Kept} {
		if beside != (Buffer{}) {
			same(y.n, beside.n)
		}
	}
	c.product(y, a, b, m, n, k, transA, transB, false,
		C.oc_epilogue{f: C.int(epilogue.F), grad: flag(epilogue.Grad), y: floats(epilogue.Y), kept: floats(epilogue.Kept)})
}

// Fuses implements Device. It returns false if a row is longer than a block of c, because the start of the row has then
// left the cache before the row is complete.
func (c *CPU) Fuses(n int) bool { return n <= int(C.oc_block_columns(c.path, flag(c.bf16))) }

func (c *CPU) product(y, a, b Buffer, m, n, k int, transA, transB, add bool, epilogue C.oc_epilogue) {
	same(y.n, m*n)
	same(a.n, m*k)
	same(b.n, k*n)
	if c.bf16 {
		C.oc_matmul_bf16(c.path, floats(y), floats(a), floats(b), C.long(m), C.long(n), C.long(k), flag(transA),
			flag(transB), flag(add), epilogue, (*C.float)(&c.pack[0]))
		return
	}
	C.oc_matmul(c.path, floats(y), floats(a), floats(b), C.long(m), C.long(n), C.long(k), flag(transA), flag(transB),
		flag(add), epilogue, (*C.float)(&c.pack[0]))
}

// Gram implements Device.
func (c *CPU) Gram(y, a Buffer, m, k int, trans bool) {
	same(y.n, m*m)
	same(a.n, m*k)
	C.oc_gram(c.path, floats(y), floats(a), C.long(m), C.long(k), flag(trans), (*C.float)(&c.pack[0]))
}

// Add implements Device.
func (c *CPU) Add(y, a, b Buffer) {
	same(y.n, a.n, b.n)
	C.oc_add(c.path, floats(y), floats(a), floats(b), C.long(y.n))
}

// Scale implements Device.
func (c *CPU) Scale(x Buffer, s float32) { C.oc_scale(c.path, floats(x), C.float(s), C.long(x.n)) }

// Axpby implements Device.
func (c *CPU) Axpby(y, x Buffer, a, b float32) {
	same(y.n, x.n)
	C.oc_axpby(c.path, floats(y), floats(x), C.float(a), C.float(b), C.long(y.n))
}

// SumSquares implements Device.
func (c *CPU) SumSquares(x Buffer) float64 {
	var sum C.double
	C.oc_sum_squares(c.path, &sum, floats(x), C.long(x.n))
	return float64(sum)
}

// exp computes y = e^x as every kernel does. It is separate so that its error can be tested.
func (c *CPU) exp(y, x Buffer) {
	same(y.n, x.n)
	C.oc_expf(c.path, floats(y), floats(x), C.long(x.n))
}

// Embedding implements Device.
func (c *CPU) Embedding(y, w Buffer, tokens Ints, d int) {
	same(y.n, tokens.n*d)
	within(tokens, 0, w.n/d)
	C.oc_embedding(c.path, floats(y), floats(w), ints(tokens), C.long(tokens.n), C.long(d))
}

// EmbeddingGrad implements Device.
func (c *CPU) EmbeddingGrad(dw, dy Buffer, tokens Ints, d int) {
	same(dy.n, tokens.n*d)
	within(tokens, 0, dw.n/d)
	C.oc_embedding_grad(c.path, floats(dw), floats(dy), ints(tokens), C.long(tokens.n), C.long(dw.n), C.long(d))
}

// AddPositions implements Device.
func (c *CPU) AddPositions(y, x, p Buffer, t, d int) {
	same(y.n, x.n)
	same(p.n, t*d)
	C.oc_positions(c.path, floats(y), floats(x), floats(p), C.long(x.n/d), C.long(t), C.long(d))
}

// AddPositionsGrad implements Device.
func (c *CPU) AddPositionsGrad(dp, dy Buffer, t, d int) {
	same(dp.n, t*d)
	C.oc_positions_grad(c.path, floats(dp), floats(dy), C.long(dy.n/d), C.long(t), C.long(d))
}

// CrossEntropy implements Device.
func (c *CPU) CrossEntropy(loss, lse, logits Buffer, targets Ints, v int, scale float32) {
	same(logits.n, targets.n*v, lse.n*v)
	within(targets, math.MinInt32, v)
	C.oc_cross_entropy(c.path, floats(loss), floats(lse), floats(logits), ints(targets), C.long(targets.n), C.long(v),
		C.float(scale))
}

// CrossEntropyGrad implements Device.
func (c *CPU) CrossEntropyGrad(dlogits, dloss, logits, lse Buffer, targets Ints, v int, scale float32) {
	same(dlogits.n, logits.n, targets.n*v)
	within(targets, math.MinInt32, v)
	C.oc_cross_entropy_grad(c.path, floats(dlogits), floats(dloss), floats(logits), floats(lse), ints(targets),
		C.long(targets.n), C.long(v), C.float(scale))
}

// AdamW implements Device.
func (c *CPU) AdamW(w, g, m, v Buffer, lr, b1, b2, eps, wd, c1, c2 float32) {
	same(w.n, g.n, m.n, v.n)
	C.oc_adamw(c.path, floats(w), floats(g), floats(m), floats(v), C.long(w.n), C.float(lr), C.float(b1), C.float(b2),
		C.float(eps), C.float(wd), C.float(c1), C.float(c2))
}
