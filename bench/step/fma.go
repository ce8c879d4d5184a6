package main

/*
#cgo CFLAGS: -O2 -Wno-psabi
// Multiplications with an addition each, in enough independent registers to keep every unit busy; what they come to is returned, so
// that none is left out.
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
LOOP(portable, 4, 12, )
LOOP(avx2, 8, 12, __attribute__((target("avx2,fma"))))
LOOP(avx512, 16, 24, __attribute__((target("avx512f,fma,prefer-vector-width=512"))))
static float fma_loop(int lanes, long n) { return lanes == 16 ? fma_avx512(n) : lanes == 8 ? fma_avx2(n) : fma_portable(n); }
#else
static float fma_loop(int lanes, long n) { return lanes + n; }
#endif
*/
import "C"

import (
	"runtime"
	clock "time"
)

var widths = map[string]struct{ lanes, registers int }{"avx512": {16, 24}, "avx2": {8, 12}, "portable": {4, 12}}

// fmaPeak is the rate of multiply-adds in float32 that one thread of this machine reaches with that kernel path's vectors when
// it does nothing else, GFLOP/s: the best of some tries of 20 ms or so. 0 where that is not known.
func fmaPeak(path string) float64 {
	w, ok := widths[path]
	if !ok || runtime.GOARCH != "amd64" {
		return 0
	}
	const n = 4_000_000
	best := 0.0
	for range 5 {
		start := clock.Now()
		C.fma_loop(C.int(w.lanes), n)
		best = max(best, 2*n*float64(w.lanes*w.registers)/clock.Since(start).Seconds()/1e9)
	}
	return best
}
