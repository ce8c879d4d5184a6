package compute

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hugePage  = 2 << 20
	chunkSize = 16 << 20
	alignment = 64
)

// arena gives zeroed memory outside the Go heap, from chunks of huge pages that are mapped once and unmapped together.
type arena struct {
	maps  [][]byte
	next  unsafe.Pointer // the free part of the newest chunk
	left  int
	bytes int // given so far
}

// alloc returns size zeroed bytes at an address divisible by 64. It panics where the system has no memory.
func (a *arena) alloc(size int) unsafe.Pointer {
	if size < 0 {
		panic(fmt.Sprintf("compute: allocating %d bytes", size))
	}
	padded := roundUp(size, alignment)
	if padded > a.left || a.next == nil {
		a.grow(padded)
	}
	p := a.next
	a.next = unsafe.Add(a.next, padded)
	a.left -= padded
	a.bytes += size
	return p
}

func (a *arena) grow(size int) {
	length := roundUp(max(size, chunkSize), hugePage)
	m, err := unix.Mmap(-1, 0, length+hugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		panic(fmt.Sprintf("compute: mapping %d bytes: %v", length, err))
	}
	a.maps = append(a.maps, m)
	base := unsafe.Pointer(unsafe.SliceData(m))
	skip := int(-uintptr(base) & (hugePage - 1))
	wantHugePages(m[skip : skip+length])
	a.next, a.left = unsafe.Add(base, skip), length
}

func (a *arena) free() {
	for _, m := range a.maps {
		if err := unix.Munmap(m); err != nil {
			panic(fmt.Sprintf("compute: unmapping: %v", err))
		}
	}
	*a = arena{}
}

func roundUp(n, to int) int { return (n + to - 1) / to * to }
