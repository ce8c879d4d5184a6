// Products by AMX: tdpbf16ps adds to 16 x 16 float32 sums what 16 rows of 16 pairs of bf16 make with 16 pairs of 16 columns, at
// 15 times the rate of vectors of float32 (bench/step). Operands are either rounded to bf16, or split in three parts of it that
// together have all of float32's 24 bits: of the nine products of parts, the six that float32 would notice are taken, and the
// error is less than that of float32's own sums (TestMatMulError). Included once. Sums run in a fixed order, so that equal input gives
// equal bits; subnormal numbers count as 0, those that a part would be too; where float32 has an infinity, this may have NaN.

#define OC_WITH_AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,amx-tile,amx-bf16,prefer-vector-width=512")))
#define KERNEL OC_WITH_AMX static void
#define INLINE OC_WITH_AMX static inline __attribute__((always_inline))

// The depth of a block, the columns of b that are packed at once, and the rows of a that they pass.
#define OC_TILE_DEEP(parts) ((parts) > 1 ? 256 : 512)
#define OC_TILE_WIDE(parts) ((parts) > 1 ? 512 : 1024)
#define OC_TILE_BLOCK 96
#define OC_TILE_SCRATCH(parts) ((parts) * OC_TILE_DEEP(parts) / 2 * (OC_TILE_WIDE(parts) + OC_TILE_BLOCK))

// Eight tiles of 16 rows of 64 bytes.
static const struct {
	unsigned char palette, start, reserved[14];
	unsigned short bytes[16];
	unsigned char rows[16];
} amx_shape = {.palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// 16 pairs of bf16, of each part: x = part[0] + part[1] + part[2], each what is left of x rounded to the nearest; one alone ties
// to even.
INLINE void amx_pairs(const int parts, __m512i part[], __m512 x, __m512 y) {
	const __m512i upper = _mm512_set1_epi32((int)0xffff0000), half = _mm512_set1_epi32(0x8000);
	if (parts == 1) {
		part[0] = bf16_pairs(x, y);
		return;
	}
#pragma GCC unroll 3
	for (int q = 0; q < parts; q++) {
		__m512i u = (__m512i)x, v = (__m512i)y;
		if (q + 1 < parts) u = _mm512_add_epi32(u, half), v = _mm512_add_epi32(v, half); // of the last, all is within the upper half
		u = _mm512_and_si512(u, upper), v = _mm512_and_si512(v, upper);
		part[q] = _mm512_or_si512(_mm512_srli_epi32(u, 16), v);
		x = _mm512_sub_ps(x, (__m512)u), y = _mm512_sub_ps(y, (__m512)v);
	}
}

// Packs n rows or columns of an operand, `depth` of each, for tiles: [n/32, pairs/16, parts, 2, 16, 16] pairs, zeros beyond
// `depth`; beyond n stands anything. The pairs of 32 neighbours are the first and the 17th, the second and the 18th. The operand lies
// [n, depth], or [depth, n] where it lies `across`; a tile's rows are pairs where its `columns` are the operand's.
INLINE void amx_pack(const int parts, const int columns, pair *to, const float *x, long ldx, int across, long n, long depth, long pairs) {
	long strips = (n + 15) / 16, steps = pairs / 16;
	for (long t = 0; t < strips * steps; t++) { // the way x lies
		long i = (across ? t % strips : t / steps) * 16, p = (across ? t / strips : t % steps) * 16;
		pair *out = to + i / 32 * pairs * parts * 32 + p * parts * 32 + i % 32 * 16;
		const float *low = across ? x + 2 * p * ldx + i : x + i * ldx + 2 * p, *high = low + (across ? 16 * ldx : 16);
		long rows = across ? depth - 2 * p : n - i, below = across ? rows - 16 : rows;
		__mmask16 some = bf16_first(across ? n - i : depth - 2 * p), more = across ? some : bf16_first(depth - 2 * p - 16);
		vec_avx512 u[16], v[16];
		__m512i part[3];
#pragma GCC unroll 16
		for (long r = 0; r < 16; r++) {
			u[r] = (vec_avx512)_mm512_maskz_loadu_ps(r < rows ? some : 0, low + r * ldx);
			v[r] = (vec_avx512)_mm512_maskz_loadu_ps(r < below ? more : 0, high + r * ldx);
		}
		if (columns != across) {
			transpose_avx512(u);
			transpose_avx512(v);
		}
#pragma GCC unroll 16
		for (long r = 0; r < 16; r++) {
			amx_pairs(parts, part, (__m512)u[r], (__m512)v[r]);
#pragma GCC unroll 3
			for (int q = 0; q < parts; q++) _mm512_storeu_si512(out + q * 512 + r * 16, part[q]);
		}
	}
}

// Part q of 16 pairs of 32 rows of a, and of 32 columns of b; their product, added to four tiles of sums. With each product memory is
// asked for some lines of c and of what comes `next`: few can be on their way at once, and loads of tiles need them too.
#define A(q) \
	_tile_loadd(4, a + (q) * 512, 64); \
	_tile_loadd(5, a + (q) * 512 + 256, 64);
#define B(q) \
	_tile_loadd(6, panel + (q) * 512, 64); \
	_tile_loadd(7, panel + (q) * 512 + 256, 64);
#define AB \
	for (long stop = least(rows, asked + share); asked < stop; asked++) { \
		__builtin_prefetch(c + asked * ldc, 1); \
		__builtin_prefetch(c + asked * ldc + 16, 1); \
	} \
	ask_avx512(next); \
	ask_avx512(next + 1); \
	_tile_dpbf16ps(0, 4, 6); \
	_tile_dpbf16ps(1, 4, 7); \
	_tile_dpbf16ps(2, 5, 6); \
	_tile_dpbf16ps(3, 5, 7);

// c[rows, columns] (+)= a[32, 2 pairs] panel[2 pairs, 32], at most 32 rows and columns of it. Of three parts the small products
// come first. A tile is stored every fourth step, for nothing: where more than some 130 products lie between two stores, the later one
// takes a thousand cycles longer.
INLINE void amx_tile(const int parts, float *c, long ldc, const pair *a, const pair *panel, long pairs, long rows, long columns, int add, ahead *next) {
	float sums[32 * 32];
	int whole = rows == 32 && columns == 32 && !add;
	float *out = whole ? c : sums;
	long step = whole ? 4 * ldc : 4 * 32, asked = 0, times = pairs / 16 * (parts == 3 ? 6 : 1), share = (rows + times - 1) / times;
	__asm__ volatile("" ::: "memory"); // gcc does not know that a tile's load reads memory
	_tile_zero(0);
	_tile_zero(1);
	_tile_zero(2);
	_tile_zero(3);
	for (long p = 0; p < pairs; p += 16, a += parts * 512, panel += parts * 512) {
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
	__mmask16 left = bf16_first(columns), right = bf16_first(columns - 16);
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

// c[m,n] (+)= op(a)[m,k] op(b)[k,n]. Blocks of b are packed, and for each of them blocks of a's rows, which stay in cache while
// the panels pass. Meanwhile memory is asked for half of the next block of each: packing finds the rest by itself. Whatever the
// blocks, an element sums OC_TILE_DEEP products at a time, in order. With `lower` the tiles wholly above the diagonal are left
// out. What comes `then` takes a block of c that is whole rows while it is in cache.
INLINE void amx_product(const int parts, float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, int lower, oc_then then, float *pack) {
	const long deep = OC_TILE_DEEP(parts), wide = OC_TILE_WIDE(parts);
	pair *panels = (pair *)pack, *block = panels + parts * deep / 2 * wide;
	long lda = ta ? m : k, ldb = tb ? k : n;
	if (k == 0 && !add) memset(c, 0, 4 * m * n);
	int at_once = k > 0 && n <= wide;
	_tile_loadconfig(&amx_shape);
	for (long k0 = 0; k0 < k; k0 += deep)
		for (long j0 = 0; j0 < n; j0 += wide) {
			long depth = least(k - k0, deep), columns = least(n - j0, wide), pairs = (depth + 31) / 32 * 16;
			amx_pack(parts, 1, panels, tb ? b + j0 * ldb + k0 : b + k0 * ldb + j0, ldb, !tb, columns, depth, pairs);
			long j1 = j0 + wide < n ? j0 + wide : 0, k1 = j1 ? k0 : k0 + deep; // the next block of b
			long looks = 2 * ((columns + 31) / 32) * (pairs / 16) * (parts == 3 ? 6 : 1); // of a pair of tiles' height
			ahead next[2];
			next[1] = block_ahead(b, ldb, !tb, j1, n, wide, k1, k, deep, 1 + looks * ((m + 31) / 32));
			for (long i0 = 0; i0 < m; i0 += OC_TILE_BLOCK) {
				long some = least(m - i0, OC_TILE_BLOCK), i1 = i0 + OC_TILE_BLOCK < m ? i0 + OC_TILE_BLOCK : 0;
				next[0] = block_ahead(a, lda, ta, i1, m, OC_TILE_BLOCK, i1 ? k0 : k1, k, deep, 1 + looks * ((some + 31) / 32));
				amx_pack(parts, 0, block, ta ? a + k0 * lda + i0 : a + i0 * lda + k0, lda, ta, some, depth, pairs);
				for (long j = 0; j < columns && !(lower && j0 + j >= i0 + some); j += 32)
					for (long i = lower && j0 + j > i0 ? (j0 + j - i0) / 32 * 32 : 0; i < some; i += 32)
						amx_tile(parts, c + (i0 + i) * n + j0 + j, n, block + parts * i * pairs, panels + parts * j * pairs, pairs, least(some - i, 32),
							least(columns - j, 32), add || k0 > 0, next);
				if (at_once && k0 + deep >= k) finish_avx512(then, c, i0 * n, some * n);
			}
		}
	if (!at_once) finish_avx512(then, c, 0, m * n);
	_tile_release();
}

KERNEL matmul_amx(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_then then, float *pack) {
	amx_product(3, c, a, b, m, n, k, ta, tb, add, 0, then, pack);
}

KERNEL matmul_bf16_amx(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_then then, float *pack) {
	amx_product(1, c, a, b, m, n, k, ta, tb, add, 0, then, pack);
}

KERNEL gram_amx(float *c, const float *a, long m, long k, int ta, float *pack) {
	amx_product(3, c, a, a, m, m, k, ta, !ta, 0, 1, (oc_then){0}, pack);
	mirror_avx512(c, m);
}

#undef KERNEL
#undef INLINE
