// The tiles of kernels_bf16.h by AMX: tdpbf16ps adds to 16 x 16 float32 sums what 16 rows of 16 pairs make
// with 16 pairs of 16 columns, a pair after the other; subnormal numbers count as 0.

#define OC_AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,amx-tile,amx-bf16,prefer-vector-width=512")))

// Eight tiles of 16 rows of 64 bytes.
static const struct {
	unsigned char palette, start, reserved[14];
	unsigned short bytes[16];
	unsigned char rows[16];
} amx_shape = {.palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// The tiles are this thread's from begin to end.
OC_AMX static void amx_begin(void) { _tile_loadconfig(&amx_shape); }

OC_AMX static void amx_end(void) { _tile_release(); }

// Packs m rows of op(a), [.., pairs], zeros beyond `depth`. Beyond the last row stands anything.
OC_AMX static void amx_pack_a(pair *to, const float *a, long lda, int ta, long m, long depth, long pairs) {
	for (long p = 0; p < pairs; p += 16)
		if (ta)
			for (long i = 0; i < m; i += 16) {
				vec_avx512 r[16];
#pragma GCC unroll 16
				for (long c = 0; c < 16; c++) r[c] = (vec_avx512)bf16_rows(a + i, lda, p + c, depth, m - i);
				transpose_avx512(r);
#pragma GCC unroll 16
				for (long c = 0; c < 16; c++) store_avx512((float *)(to + (i + c) * pairs + p), r[c]);
			}
		else
			for (long i = 0; i < m; i++) _mm512_storeu_si512(to + i * pairs + p, bf16_along(a + i * lda + 2 * p, depth - 2 * p));
}

// Four tiles of sums: c[rows, columns] (+)= a[32, 2 pairs] panel[2 pairs, 32], at most 32 rows and columns of it. On its way
// down it asks for its lines of c and for what comes `next`, as kernels_products.h has it.
OC_AMX static inline void amx_tile(float *c, long ldc, const pair *a, const pair *panel, long pairs, long rows, long columns, int add, ahead *next) {
	float sums[32 * 32];
	int whole = rows == 32 && columns == 32 && !add;
	float *out = whole ? c : sums;
	long step = whole ? 4 * ldc : 4 * 32, asked = 0, share = (rows * 16 + pairs - 1) / pairs;
	__asm__ volatile("" ::: "memory"); // gcc does not know that a tile's load reads memory
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
	for (long p = 0; p < pairs; p += 16) {
		for (long stop = least(rows, asked + share); asked < stop; asked++) {
			__builtin_prefetch(c + asked * ldc, 1);
			__builtin_prefetch(c + asked * ldc + 16, 1);
		}
		ask_avx512(next);
		ask_avx512(next + 1);
		_tile_loadd(4, a + p, 4 * pairs);
		_tile_loadd(5, a + 16 * pairs + p, 4 * pairs);
		_tile_loadd(6, panel + p * 32, 4 * 32);
		_tile_loadd(7, panel + p * 32 + 16, 4 * 32);
		_tile_dpbf16ps(0, 4, 6);
		_tile_dpbf16ps(1, 4, 7);
		_tile_dpbf16ps(2, 5, 6);
		_tile_dpbf16ps(3, 5, 7);
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

// The tiles of one panel: c[m, columns].
OC_AMX static void amx_tiles(long m, float *c, long ldc, const pair *a, const pair *panel, long pairs, long columns, int add, ahead *next) {
	for (long i = 0; i < m; i += 32) amx_tile(c + i * ldc, ldc, a + i * pairs, panel, pairs, least(m - i, 32), columns, add, next);
}
