#include "kernels.h"

#include <math.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

// The blocks of a product: the depth of a panel and the columns packed at once, either of which may be doubled (512
// KB), and the rows that pass over them, a multiple of every TILE_ROWS (96 KB).
#define OC_BLOCK_K 256
#define OC_BLOCK_N 256
#define OC_BLOCK_M 96
#define OC_BLOCK (2 * OC_BLOCK_K * OC_BLOCK_N) // floats of the largest block of columns
#define OC_BLOCK_T 32 // query rows of an attention block

#define OC_STEPS 16 // steps between two prefetches of a tile
#define OC_NEAR 512 // greatest distance between rows, in floats, that needs no packing
#define OC_LINE 16  // floats of a cache line
#define OC_ROWS 8   // rows of a head, and steps of a tile, to prefetch ahead: they are too far apart for the hardware prefetcher
#define OC_RUN 512  // floats between two prefetches of an epilogue

static inline long least(long a, long b) { return a < b ? a : b; }

// How often a tile of that depth prefetches.
static inline long looks(long depth) { return (depth + OC_STEPS - 1) / OC_STEPS; }

// Rows of a matrix that are read next, and other rows after them (`then`), to be prefetched `each` lines at a time.
typedef struct ahead {
	const float *x;
	long ldx, rows, width, column, each;
	const struct ahead *then;
} ahead;

// What a tile prefetches: its `own` lines of c unless they are in cache, and what comes after it in two matrices.
typedef struct {
	int own;
	ahead a, b;
} wanted;

// Rows [i0, i0+most) and columns [k0, k0+deep) of x[i, k], as far as they exist, to be prefetched in `times` parts;
// nothing beyond k. If x lies `across`, it is stored [k, i].
static ahead block_ahead(const float *x, long ldx, int across, long i0, long i, long most, long k0, long k, long deep, long times) {
	long some = least(i - i0, most), depth = k > k0 ? least(k - k0, deep) : 0;
	ahead next = {x + (across ? k0 * ldx + i0 : i0 * ldx + k0), ldx, across ? depth : some, across ? some : depth};
	next.each = (next.rows * ((next.width + OC_LINE - 1) / OC_LINE) + times - 1) / times;
	return next;
}

// Head h of sequence b: its rows of q, k and v [T, E] in [B, T, H + 2 KV, E], or of their gradients. Query head h reads
// key and value head h KV/H (arXiv 2305.13245).
static void head_rows(ahead part[3], const float *qkv, oc_attention o, long b, long h) {
	long stride = (o.H + 2 * o.KV) * o.E, at = h * o.KV / o.H * o.E;
	const float *x = qkv + b * o.T * stride;
	part[0] = (ahead){x + h * o.E, stride};
	part[1] = (ahead){x + o.H * o.E + at, stride};
	part[2] = (ahead){x + (o.H + o.KV) * o.E + at, stride};
}

#define OC_JOIN2(a, b) a##_##b
#define OC_JOIN(a, b) OC_JOIN2(a, b)

#define PATH portable
#define LANES 4
#define LANE_NUMBERS 0, 1, 2, 3
#define TILE_ROWS 4
#define TARGET
#define ROUND(x) (((x) + 12582912.0f) - 12582912.0f) // 1.5 * 2^23: adding it rounds to an integer
#define POWER(x, n) ((x) * (vec)((__builtin_convertvector(n, ivec) + 127) << 23)) // x 2^n
#define LOAD_FIRST(p, n) ({ vec v_ = {0}; memcpy(&v_, p, 4 * (n)); v_; }) // zero beyond the first n
#define STORE_FIRST(p, v, n) memcpy(p, &(v), 4 * (n))
#ifdef __x86_64__
#define ROOT(x) (vec) _mm_sqrt_ps((__m128)(x))
#define MOST(a, b) (vec) _mm_max_ps((__m128)(a), (__m128)(b)) // b if either is NaN, as in LEAST
#define LEAST(a, b) (vec) _mm_min_ps((__m128)(a), (__m128)(b))
#else
#define ROOT(x) (vec){sqrtf((x)[0]), sqrtf((x)[1]), sqrtf((x)[2]), sqrtf((x)[3])}
#define MOST(a, b) F(pick)((a) > (b), a, b)
#define LEAST(a, b) F(pick)((a) < (b), a, b)
#endif
#include "kernels_path.h"
#undef PATH
#undef LANES
#undef LANE_NUMBERS
#undef TILE_ROWS
#undef TARGET
#undef LOAD_FIRST
#undef STORE_FIRST
#undef ROOT
#undef MOST
#undef LEAST

#ifdef __x86_64__
#define PATH avx2
#define LANES 8
#define LANE_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7
#define TILE_ROWS 6
#define TARGET __attribute__((target("avx2,fma")))
#define FIRST(n) (__m256i)((ivec){LANE_NUMBERS} < (int)(n))
#define LOAD_FIRST(p, n) (vec) _mm256_maskload_ps(p, FIRST(n))
#define STORE_FIRST(p, v, n) _mm256_maskstore_ps(p, FIRST(n), (__m256)(v))
#define ROOT(x) (vec) _mm256_sqrt_ps((__m256)(x))
#define MOST(a, b) (vec) _mm256_max_ps((__m256)(a), (__m256)(b))
#define LEAST(a, b) (vec) _mm256_min_ps((__m256)(a), (__m256)(b))
#include "kernels_path.h"
#undef PATH
#undef LANES
#undef LANE_NUMBERS
#undef TILE_ROWS
#undef TARGET
#undef FIRST
#undef LOAD_FIRST
#undef STORE_FIRST
#undef ROOT
#undef MOST
#undef LEAST

#undef ROUND
#undef POWER

#define PATH avx512
#define LANES 16
#define LANE_NUMBERS 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
#define TILE_ROWS 12
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")))
#define ROUND(x) (vec) _mm512_roundscale_ps((__m512)(x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define POWER(x, n) (vec) _mm512_scalef_ps((__m512)(x), (__m512)(n))
#define FIRST(n) (__mmask16)((1u << (n)) - 1)
#define LOAD_FIRST(p, n) (vec) _mm512_maskz_loadu_ps(FIRST(n), p)
#define STORE_FIRST(p, v, n) _mm512_mask_storeu_ps(p, FIRST(n), (__m512)(v))
#define ROOT(x) (vec) _mm512_sqrt_ps((__m512)(x))
#define MOST(a, b) (vec) _mm512_max_ps((__m512)(a), (__m512)(b))
#define LEAST(a, b) (vec) _mm512_min_ps((__m512)(a), (__m512)(b))
#include "kernels_path.h"

#include "kernels_bf16.h"
#include "kernels_amx.h"

// Linux lets a process use the tile registers once it has asked for permission (arch/x86: arch_prctl, the 18th state
// component).
#define OC_ARCH_REQ_XCOMP_PERM 0x1023
#define OC_XFEATURE_TILEDATA 18

// Subnormal numbers count as 0 within a kernel, because a saturated softmax is full of them and each costs a hundred
// cycles.
#define OC_FLUSH 0x8040 // MXCSR: flush to zero, denormals are zero

#define OC_CALL(name, params, args, amx) \
	void oc_##name(int path, OC_LIST params) { \
		unsigned mode = __builtin_ia32_stmxcsr(); \
		__builtin_ia32_ldmxcsr(mode | OC_FLUSH); \
		switch (path) { \
		case OC_AMX: amx args; break; \
		case OC_AVX512: name##_avx512 args; break; \
		case OC_AVX2: name##_avx2 args; break; \
		default: name##_portable args; \
		} \
		__builtin_ia32_ldmxcsr(mode); \
	}
#define OC_DISPATCH(name, params, args) OC_CALL(name, params, args, name##_avx512)
#define OC_DISPATCH_PRODUCT(name, params, args) OC_CALL(name, params, args, name##_amx)

int oc_best_path(void) {
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
	    __builtin_cpu_supports("avx512vl")) {
#ifdef __linux__
		if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("amx-bf16") &&
		    syscall(SYS_arch_prctl, OC_ARCH_REQ_XCOMP_PERM, OC_XFEATURE_TILEDATA) == 0)
			return OC_AMX;
#endif
		return OC_AVX512;
	}
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? OC_AVX2 : OC_PORTABLE;
}

int oc_has_bf16(int path) {
	__builtin_cpu_init();
	return path == OC_AMX || (path == OC_AVX512 && __builtin_cpu_supports("avx512bf16"));
}

void oc_matmul_bf16(int path, float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_epilogue epilogue, float *pack) {
	unsigned mode = __builtin_ia32_stmxcsr();
	__builtin_ia32_ldmxcsr(mode | OC_FLUSH);
	(path == OC_AMX ? matmul_bf16_amx : matmul_bf16_avx512)(c, a, b, m, n, k, ta, tb, add, epilogue, pack);
	__builtin_ia32_ldmxcsr(mode);
}

long oc_matmul_scratch(int path, int bf16) {
	if (path == OC_AMX) return bf16 ? OC_TILE_SCRATCH(1) : OC_TILE_SCRATCH(3);
	return bf16 ? OC_PAIRS * (OC_PAIR_COLUMNS + OC_PAIR_BLOCK) : OC_BLOCK + OC_BLOCK_K * OC_BLOCK_M;
}

long oc_block_columns(int path, int bf16) {
	if (path == OC_AMX) return bf16 ? OC_TILE_WIDE(1) : OC_TILE_WIDE(3);
	return bf16 ? OC_PAIR_COLUMNS : 2 * OC_BLOCK_N;
}
#else
#define OC_DISPATCH(name, params, args) \
	void oc_##name(int path, OC_LIST params) { (void)path; name##_portable args; }
#define OC_DISPATCH_PRODUCT OC_DISPATCH

int oc_best_path(void) { return OC_PORTABLE; }

int oc_has_bf16(int path) { return 0; }

void oc_matmul_bf16(int path, float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_epilogue epilogue, float *pack) {}

long oc_matmul_scratch(int path, int bf16) { return OC_BLOCK + OC_BLOCK_K * OC_BLOCK_M; }

long oc_block_columns(int path, int bf16) { return 2 * OC_BLOCK_N; }
#endif

OC_PRODUCTS(OC_DISPATCH_PRODUCT)
OC_KERNELS(OC_DISPATCH)
OC_UPDATES(OC_DISPATCH)

// q, k, v, dq, dk, dv; two blocks of scores; k, q and dy in panels of channels, q and dy in panels of queries, at most
// 32 wide.
long oc_attend_scratch(oc_attention o) {
	long keys = o.T + o.extra, wide = (o.E + 31) / 32 * 32;
	return 6 * keys * o.E + 2 * OC_BLOCK_T * keys + 3 * keys * wide + 2 * ((keys + 31) / 32 * 32) * o.E;
}
