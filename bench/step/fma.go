package main

/*
#cgo CFLAGS: -O2 -Wno-psabi
// Multiply-adds in enough independent registers to keep every unit busy. The sum is returned, so that the compiler
// drops none of them.
#define LOOP(path, lanes, registers, attribute) \
	attribute static float fma_##path(long n) { \
		typedef float vec __attribute__((vector_size(4 * lanes))); \
		vec a[registers] = {0}, x = {0}, y = {0}; \
		x += .999f, y += .001f; \
		_Pragma("GCC unroll 24") for (int i = 0; i < registers; i++) a[i] += (float)i; \
		for (long k = 0; k < n; k++) { \
			_Pragma("GCC unroll 24") for (int i = 0; i < registers; i++) a[i] = a[i] * x + y; \
		} \
		vec sum = a[0]; \
		_Pragma("GCC unroll 24") for (int i = 1; i < registers; i++) sum += a[i]; \
		return sum[0]; \
	}

#ifdef __x86_64__
#include <immintrin.h>
// The same for vdpbf16ps, with four operations per lane. 16 registers keep every unit busy.
__attribute__((target("avx512f,avx512bf16,prefer-vector-width=512"))) static float dot_loop(long n) {
	__m512 a[16];
	__m512bh x = (__m512bh)_mm512_set1_epi32(0x3f803f80), y = (__m512bh)_mm512_set1_epi32(0x3c003c00);
	_Pragma("GCC unroll 24") for (int i = 0; i < 16; i++) a[i] = _mm512_set1_ps((float)i);
	for (long k = 0; k < n; k++) {
		_Pragma("GCC unroll 24") for (int i = 0; i < 16; i++) a[i] = _mm512_dpbf16_ps(a[i], x, y);
	}
	_Pragma("GCC unroll 24") for (int i = 1; i < 16; i++) a[0] = _mm512_add_ps(a[0], a[i]);
	return a[0][0];
}
// The same for tdpbf16ps, with 16384 operations each, into four tiles of sums.
static const struct {
	unsigned char palette, start, reserved[14];
	unsigned short bytes[16];
	unsigned char rows[16];
} shape =
	{.palette = 1, .bytes = {64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16}};
__attribute__((target("amx-tile,amx-bf16"))) static float tile_loop(long n) {
	_tile_loadconfig(&shape);
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
	_tile_zero(4);
	_tile_zero(5);
	for (long k = 0; k < n; k++) {
		_tile_dpbf16ps(0, 4, 5);
		_tile_dpbf16ps(1, 4, 5);
		_tile_dpbf16ps(2, 4, 5);
		_tile_dpbf16ps(3, 4, 5);
	}
	_tile_release();
	return n;
}
LOOP(portable, 4, 12, )
LOOP(avx2, 8, 12, __attribute__((target("avx2,fma"))))
LOOP(avx512, 16, 24, __attribute__((target("avx512f,fma,prefer-vector-width=512"))))
static float fma_loop(int lanes, long n) {
	return lanes == 16 ? fma_avx512(n) : lanes == 8 ? fma_avx2(n) : fma_portable(n);
}
#else
static float fma_loop(int lanes, long n) { return lanes + n; }
static float dot_loop(long n) { return n; }
static float tile_loop(long n) { return n; }
#endif
*/
import "C"

import (
	"runtime"
	clock "time"

	"github.com/outcrop-lab/outcrop/compute"
)

// widths has the float32 lanes of each kernel path's vectors, and the registers that the loop keeps busy.
var widths = map[string]struct{ lanes, registers int }{
	"amx": {16, 24}, "avx512": {16, 24}, "avx2": {8, 12}, "portable": {4, 12},
}

// fmaRate returns a function that measures one thread's rate of multiply-adds, GFLOP/s, in a loop of about 10 ms, with
// that kernel path's vectors in that precision. The function returns 0 if the path is unknown or the processor cannot
// run it. It allocates nothing.
func fmaRate(path, precision string) func() float64 {
	w, ok := widths[path]
	if !ok || runtime.GOARCH != "amd64" || compute.Can(path, compute.Precision(precision)) != nil {
		return func() float64 { return 0 }
	}
	const n = 4_000_000
	operations, loop := 2*n*float64(w.lanes*w.registers), func() { C.fma_loop(C.int(w.lanes), n) }
	switch {
	case precision != string(compute.BF16):
	case compute.Instruction(path) == "tdpbf16ps":
		const times = n / 16
		operations, loop = times*4*2*16*16*32, func() { C.tile_loop(times) }
	default:
		operations, loop = 2*n*32*16, func() { C.dot_loop(n) }
	}
	return func() float64 {
		start := clock.Now()
		loop()
		return operations / clock.Since(start).Seconds() / 1e9
	}
}
