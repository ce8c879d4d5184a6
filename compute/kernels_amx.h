// The tiles of kernels_bf16.h by AMX: tdpbf16ps adds to 16 x 16 float32 sums what 16 rows of 16 pairs make
// with 16 pairs of 16 columns, a pair after the other; subnormal numbers count as 0.

#define OC_WITH_AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,amx-tile,amx-bf16,prefer-vector-width=512")))

// Eight tiles of 16 rows of 64 bytes.
static const struct {
	unsigned char palette, start, reserved[14];
	unsigned short bytes[16];
	unsigned char rows[16];
} amx_shape = {.palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// The tiles are this thread's from begin to end.
OC_WITH_AMX static void amx_begin(void) { _tile_loadconfig(&amx_shape); }

OC_WITH_AMX static void amx_end(void) { _tile_release(); }

#define OC_AMX_INLINE OC_WITH_AMX static inline __attribute__((always_inline))

// Packs m rows of op(a), [m/32, pairs/16, parts, 32, 16], zeros beyond `depth`. Beyond the last row stands anything.
OC_AMX_INLINE void amx_pack_a(const int parts, pair *to, const float *a, long lda, int ta, long m, long depth, long pairs) {
	long step = parts * 512; // from 16 pairs of 32 rows to the next
	for (long i = 0; i < m; i += ta ? 16 : 1) {
		pair *strip = to + i / 32 * (pairs / 16) * step + i % 32 * 16;
		for (long p = 0; p < pairs; p += 16, strip += step) {
			__m512i part[3];
			if (!ta) {
				bf16_along(parts, part, a + i * lda + 2 * p, depth - 2 * p);
#pragma GCC unroll 3
				for (int q = 0; q < parts; q++) _mm512_storeu_si512(strip + q * 512, part[q]);
				continue;
			}
			vec_avx512 r[3][16];
			for (long c = 0; c < 16; c++) {
				bf16_rows(parts, part, a + i, lda, p + c, depth, m - i);
#pragma GCC unroll 3
				for (int q = 0; q < parts; q++) r[q][c] = (vec_avx512)part[q];
			}
#pragma GCC unroll 3
			for (int q = 0; q < parts; q++) {
				transpose_avx512(r[q]);
#pragma GCC unroll 16
				for (long c = 0; c < 16; c++) store_avx512((float *)(strip + q * 512 + c * 16), r[q][c]);
			}
		}
	}
}

#define A(q) \
	_tile_loadd(4, a + (q) * 512, 64); \
	_tile_loadd(5, a + (q) * 512 + 256, 64);
#define B(q) \
	_tile_loadd(6, panel + (q) * pairs * 32 + p * 32, 128); \
	_tile_loadd(7, panel + (q) * pairs * 32 + p * 32 + 16, 128);
#define AB \
	_tile_dpbf16ps(0, 4, 6); \
	_tile_dpbf16ps(1, 4, 7); \
	_tile_dpbf16ps(2, 5, 6); \
	_tile_dpbf16ps(3, 5, 7);

// Four tiles of sums: c[rows, columns] (+)= a[32, 2 pairs] panel[2 pairs, 32], at most 32 rows and columns of it. Of three
// parts each, the products that float32 would notice, 6 of 9, the small ones first. On its way
// down it asks for its lines of c and for what comes `next`, as kernels_products.h has it.
OC_AMX_INLINE void amx_tile(const int parts, float *c, long ldc, const pair *a, const pair *panel, long pairs, long rows, long columns, int add, ahead *next) {
	float sums[32 * 32];
	int whole = rows == 32 && columns == 32 && !add;
	float *out = whole ? c : sums;
	long step = whole ? 4 * ldc : 4 * 32, asked = 0, share = (rows * 16 + pairs - 1) / pairs;
	__asm__ volatile("" ::: "memory"); // gcc does not know that a tile's load reads memory
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
	for (long p = 0; p < pairs; p += 16, a += parts * 512) {
		for (long stop = least(rows, asked + share); asked < stop; asked++) {
			__builtin_prefetch(c + asked * ldc, 1);
			__builtin_prefetch(c + asked * ldc + 16, 1);
		}
		ask_avx512(next);
		ask_avx512(next + 1);
		if (parts == 3) {
			if (p && p % 64 == 0) _tile_stored(0, sums, 4 * 32);
			A(0) B(2) AB
			B(1) AB
			A(1) AB
			B(0) AB
			A(2) AB
			A(0) AB
		} else {
			A(0) B(0) AB
		}
	}
	_tile_stored(0, out, step);
	_tile_stored(1, out + 16, step);
	_tile_stored(2, out + 4 * step, step);
	_tile_stored(3, out + 4 * step + 16, step);
	if (whole) return;
	__mmask16 left = bf16_first(columns), right = bf16_first(columns > 16 ? columns - 16 : 0);
	for (long r = 0; r < rows; r++, c += ldc) {
		__m512 x = _mm512_loadu_ps(sums + r * 32), y = _mm512_loadu_ps(sums + r * 32 + 16);
		if (add) {
			x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(left, c));
			y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(right, c + 16));
		}
		_mm512_mask_storeu_ps(c, left, x);
		_mm512_mask_storeu_ps(c + 16, right, y);
	}
}

#undef A
#undef B
#undef AB
