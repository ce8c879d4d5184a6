package compute

/*
#cgo CFLAGS: -O3
#cgo LDFLAGS: -lm
#include <stdlib.h>
#include "kernels.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// paths are the kernel paths, best first. avx512 needs AVX-512 F, BW, DQ and VL; avx2 needs AVX2 and FMA; portable runs
// anywhere and rounds as IEEE 754 says, without fused multiply-add.
var paths = []string{"avx512", "avx2", "portable"}

// CPU is the processor as a Device: kernels in C, one thread. Several CPUs may run side by side, each on a thread of its
// own. Wrong lengths and a lack of memory are panics.
type CPU struct {
	path    string
	table   *C.oc_kernels
	memory  arena
	scratch arena // the kernels' own, grown at first use
	pad     Buffer
	rope    []ropeTable
}

var _ Device = (*CPU)(nil)

// NewCPU returns a device on the kernel path of that name, "" for the best. An unknown path, or one that this processor
// lacks, is an error.
func NewCPU(path string) (*CPU, error) {
	if path == "" {
		path = Paths()[0]
	}
	table := lookUp(path)
	if table == nil {
		if slices.Contains(paths, path) {
			return nil, fmt.Errorf("compute: kernel path %q: this processor lacks it (it has %s)", path, strings.Join(Paths(), ", "))
		}
		return nil, fmt.Errorf("compute: unknown kernel path %q (%s)", path, strings.Join(paths, ", "))
	}
	return &CPU{path: path, table: table}, nil
}

// Paths lists the kernel paths that this machine supports, best first.
func Paths() []string {
	var supported []string
	for _, p := range paths {
		if lookUp(p) != nil {
			supported = append(supported, p)
		}
	}
	return supported
}

func lookUp(path string) *C.oc_kernels {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	return C.oc_path(name)
}

// Kind is "cpu".
func (c *CPU) Kind() string { return "cpu" }

// Path is the kernel path in use.
func (c *CPU) Path() string { return c.path }

// Alloc returns n zeroed floats outside the Go heap, at an address divisible by 64.
func (c *CPU) Alloc(n int) Buffer { return Buffer{c.memory.alloc(4 * n), n} }

// AllocInts returns n zeroed int32 outside the Go heap.
func (c *CPU) AllocInts(n int) Ints { return Ints{c.memory.alloc(4 * n), n} }

// Free unmaps all memory that the device gave, and its own scratch memory. Buffers given before must not be used.
func (c *CPU) Free() {
	c.memory.free()
	c.scratch.free()
	c.pad, c.rope = Buffer{}, nil
}

// Bytes is how much memory Alloc and AllocInts gave.
func (c *CPU) Bytes() int { return c.memory.bytes }

// Upload copies src to dst, of the same length.
func (c *CPU) Upload(dst Buffer, src []float32) {
	equal("upload", dst.n, len(src))
	copy(dst.Host(), src)
}

// Download copies src to dst, of the same length.
func (c *CPU) Download(dst []float32, src Buffer) {
	equal("download", len(dst), src.n)
	copy(dst, src.Host())
}

// UploadInts copies src to dst, of the same length.
func (c *CPU) UploadInts(dst Ints, src []int32) {
	equal("upload", dst.n, len(src))
	copy(dst.Host(), src)
}

// workspace returns scratch memory of at least n floats, the same for all kernels. Growing doubles, so that what is left
// behind in the arena is at most as large as what is used.
func (c *CPU) workspace(n C.long) *C.float {
	if c.pad.n < int(n) {
		size := max(int(n), 2*c.pad.n)
		c.pad = Buffer{c.scratch.alloc(4 * size), size}
	}
	return at(c.pad)
}

func at(b Buffer) *C.float { return (*C.float)(b.ptr) }
func atInts(b Ints) *C.int { return (*C.int)(b.ptr) }

// equal panics unless all lengths are want.
func equal(what string, want int, lengths ...int) {
	for _, n := range lengths {
		if n != want {
			panic(fmt.Sprintf("compute: %s: a length is %d, want %d", what, n, want))
		}
	}
}

// rowsOf is how many rows of d make n; it panics unless they are whole.
func rowsOf(what string, n, d int) int {
	if d <= 0 || n%d != 0 {
		panic(fmt.Sprintf("compute: %s: %d entries are no rows of %d", what, n, d))
	}
	return n / d
}
