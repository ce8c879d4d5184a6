// Products with operands rounded to bf16 (to nearest, ties to even) as they are packed: vdpbf16ps multiplies two pairs
// and adds both products to a float32 sum. Pairs lie along k; an odd k ends with a zero. Included once, for processors
// with avx512_bf16. Sums run in a fixed order, so that equal input gives equal bits; subnormal numbers count as 0.

#define OC_WITH_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,prefer-vector-width=512")))
#define KERNEL OC_WITH_BF16 static void
#define INLINE OC_WITH_BF16 static inline __attribute__((always_inline))

#define OC_PAIR_ROWS 12      // the height of a register tile
#define OC_PAIRS 256         // the depth of a panel, in pairs
#define OC_PAIR_COLUMNS 1024 // columns of b packed at once
#define OC_PAIR_BLOCK 96     // rows of a packed at once, a multiple of OC_PAIR_ROWS and of 16

typedef unsigned pair; // bf16 at k in the lower half, at k+1 in the upper

// A mask of the first n of 16 lanes, for any n.
INLINE __mmask16 bf16_first(long n) { return n >= 16 ? 0xffff : n > 0 ? (__mmask16)((1u << n) - 1) : 0; }

// 16 pairs, each of a number of x and its neighbour in y.
INLINE __m512i bf16_pairs(__m512 x, __m512 y) {
	const __m512i order = _mm512_add_epi32(_mm512_set1_epi32(16 << 16), _mm512_mullo_epi32(_mm512_set1_epi32(0x10001),
		_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
	return _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(y, x));
}

// 16 pairs of the first n of 32 neighbours.
INLINE __m512i bf16_along(const float *x, long n) {
	__m512 low = n >= 16 ? _mm512_loadu_ps(x) : _mm512_maskz_loadu_ps(bf16_first(n), x);
	__m512 high = n >= 32 ? _mm512_loadu_ps(x + 16) : n > 16 ? _mm512_maskz_loadu_ps(bf16_first(n - 16), x + 16) : _mm512_setzero_ps();
	return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// 16 pairs of the first n numbers of x and of y, the row after it, if that exists.
INLINE __m512i bf16_across(const float *x, const float *y, long n) {
	__mmask16 some = bf16_first(n);
	return bf16_pairs(_mm512_maskz_loadu_ps(some, x), y ? _mm512_maskz_loadu_ps(some, y) : _mm512_setzero_ps());
}

// The p-th pair of rows of x, which has `depth` rows: 16 of the first n numbers, zero beyond.
INLINE __m512i bf16_rows(const float *x, long ldx, long p, long depth, long n) {
	const float *row = x + 2 * p * ldx;
	return 2 * p < depth ? bf16_across(row, 2 * p + 1 < depth ? row + ldx : 0, n) : _mm512_setzero_si512();
}

// One register tile: c[rows, 32] (+)= a[rows, 2 pairs] panel[2 pairs, 32]. a steps by (ai, ap).
INLINE void bf16_tile(const int rows, float *c, long ldc, const pair *a, long ai, long ap, const pair *panel, long pairs, long width, int add) {
	__m512 sum[OC_PAIR_ROWS][2];
#pragma GCC unroll 16
	for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = _mm512_setzero_ps();
	for (long p = 0; p < pairs; p++) {
		__m512bh b0 = (__m512bh)_mm512_loadu_si512(panel + p * 32), b1 = (__m512bh)_mm512_loadu_si512(panel + p * 32 + 16);
#pragma GCC unroll 16
		for (int r = 0; r < rows; r++) {
			__m512bh x = (__m512bh)_mm512_set1_epi32((int)a[r * ai + p * ap]);
			sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0);
			sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
		}
	}
	__mmask16 left = bf16_first(width), right = bf16_first(width > 16 ? width - 16 : 0);
#pragma GCC unroll 16
	for (int r = 0; r < rows; r++) {
		float *out = c + r * ldc;
		if (add) {
			sum[r][0] = _mm512_add_ps(sum[r][0], _mm512_maskz_loadu_ps(left, out));
			sum[r][1] = _mm512_add_ps(sum[r][1], _mm512_maskz_loadu_ps(right, out + 16));
		}
		if (width == 32) {
			_mm512_storeu_ps(out, sum[r][0]);
			_mm512_storeu_ps(out + 16, sum[r][1]);
		} else {
			_mm512_mask_storeu_ps(out, left, sum[r][0]);
			_mm512_mask_storeu_ps(out + 16, right, sum[r][1]);
		}
	}
}

// The tiles of one panel: c[m, width]. If little would be left for the last tile, it shares with the tile before. Each
// number of rows is unrolled.
KERNEL bf16_tiles(long m, float *c, long ldc, const pair *a, long ai, long ap, const pair *panel, long pairs, long width, int add) {
	for (long rows; m > 0; m -= rows, c += rows * ldc, a += rows * ai) {
		rows = m >= OC_PAIR_ROWS * 3 / 2 || m == OC_PAIR_ROWS ? OC_PAIR_ROWS : m > OC_PAIR_ROWS ? m / 2 : m;
#define ROWS(n) \
	case n: bf16_tile(n, c, ldc, a, ai, ap, panel, pairs, width, add); break;
		switch (rows) { ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) }
#undef ROWS
	}
}

// Packs m rows of op(a) and `depth` of its columns: row after row, or, if a is transposed, as [pairs, OC_PAIR_BLOCK].
KERNEL bf16_pack_a(pair *to, const float *a, long lda, int ta, long m, long depth) {
	long pairs = (depth + 1) / 2;
	if (ta) {
		for (long p = 0; p < pairs; p++, to += OC_PAIR_BLOCK)
			for (long i = 0; i < m; i += 16) _mm512_storeu_si512(to + i, bf16_rows(a + i, lda, p, depth, m - i));
		return;
	}
	for (long i = 0; i < m; i++, to += pairs, a += lda) {
		long p = 0;
		for (; p + 16 <= depth / 2; p += 16) _mm512_storeu_si512(to + p, bf16_along(a + 2 * p, 32));
		if (p < pairs) _mm512_mask_storeu_epi32(to + p, bf16_first(pairs - p), bf16_along(a + 2 * p, depth - 2 * p));
	}
}

// Packs `depth` rows and n columns of op(b) into panels of 32 columns, [pairs, 32] each, with zeros beyond the last
// row. Values beyond the last column are arbitrary, because no tile stores their products.
KERNEL bf16_pack_b(pair *to, const float *b, long ldb, int tb, long depth, long n, long pairs) {
	if (tb) {
		for (long j = 0; j < n; j += 16)
			for (long p = 0; p < pairs; p += 16) {
				vec_avx512 r[16];
#pragma GCC unroll 16
				for (long c = 0; c < 16; c++) r[c] = j + c < n ? (vec_avx512)bf16_along(b + (j + c) * ldb + 2 * p, depth - 2 * p) : (vec_avx512){0};
				transpose_avx512(r);
				pair *panel = to + j / 32 * pairs * 32 + p * 32 + j % 32;
#pragma GCC unroll 16
				for (long i = 0; i < 16; i++)
					if (p + i < pairs) store_avx512((float *)(panel + i * 32), r[i]);
			}
		return;
	}
	for (long p = 0; p < pairs; p++)
		for (long j = 0; j < n; j += 16)
			_mm512_storeu_si512(to + (j / 32 * pairs + p) * 32 + j % 32, bf16_rows(b + j, ldb, p, depth, n - j));
}

// c[m,n] (+)= op(a)[m,k] op(b)[k,n]. Blocks of b, 2 OC_PAIRS x OC_PAIR_COLUMNS, are packed into panels, and for each of
// them blocks of rows of a, which stay in cache while the panels pass over them. Whatever the blocks, an element sums 2
// OC_PAIRS products at a time, in order. The epilogue runs on each block of c that consists of whole rows, while it is
// in cache.
KERNEL matmul_bf16_avx512(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_epilogue epilogue, float *pack) {
	pair *panels = (pair *)pack, *rows = panels + OC_PAIRS * OC_PAIR_COLUMNS;
	long lda = ta ? m : k, ldb = tb ? k : n;
	if (k == 0 && !add) memset(c, 0, 4 * m * n);
	int at_once = k > 0 && n <= OC_PAIR_COLUMNS;
	for (long k0 = 0; k0 < k; k0 += 2 * OC_PAIRS)
		for (long j0 = 0; j0 < n; j0 += OC_PAIR_COLUMNS) {
			long depth = least(k - k0, 2 * OC_PAIRS), columns = least(n - j0, OC_PAIR_COLUMNS), pairs = (depth + 1) / 2;
			bf16_pack_b(panels, tb ? b + j0 * ldb + k0 : b + k0 * ldb + j0, ldb, tb, depth, columns, pairs);
			for (long i0 = 0; i0 < m; i0 += OC_PAIR_BLOCK) {
				long some = least(m - i0, OC_PAIR_BLOCK);
				bf16_pack_a(rows, ta ? a + k0 * lda + i0 : a + i0 * lda + k0, lda, ta, some, depth);
				for (long j = 0; j < columns; j += 32)
					bf16_tiles(some, c + i0 * n + j0 + j, n, rows, ta ? 1 : pairs, ta ? OC_PAIR_BLOCK : 1, panels + j * pairs, pairs, least(columns - j, 32), add || k0 > 0);
				if (at_once && k0 + 2 * OC_PAIRS >= k) finish_avx512(epilogue, c, i0 * n, some * n);
			}
		}
	if (!at_once) finish_avx512(epilogue, c, 0, m * n);
}

#undef KERNEL
#undef INLINE
