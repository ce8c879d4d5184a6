// Operands rounded to bf16, to the nearest and even, as they are packed, and tiles of their products: vdpbf16ps multiplies two
// pairs and adds both products to a float32 sum. Pairs lie along k; an odd k ends with a zero. Included once, for processors with
// avx512_bf16. Sums run in a fixed order, so that equal input gives equal bits; subnormal numbers count as 0.

#define OC_WITH_BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,prefer-vector-width=512")))
#define KERNEL OC_WITH_BF16 static void
#define INLINE OC_WITH_BF16 static inline __attribute__((always_inline))

#define OC_PAIR_ROWS 12      // the height of a register tile
#define OC_DEEP(parts) ((parts) > 1 ? 256 : 512)  // the depth of a panel
#define OC_WIDE(parts) ((parts) > 1 ? 512 : 1024) // columns of b that are packed at once
#define OC_PAIR_BLOCK 96     // rows of a that are, a multiple of OC_PAIR_ROWS and of 16
#define OC_PAIR_SCRATCH(parts) ((parts) * OC_DEEP(parts) / 2 * (OC_WIDE(parts) + OC_PAIR_BLOCK))

typedef unsigned pair; // bf16 at k in the lower half, at k+1 in the upper

// The first n of 16, n >= 0.
INLINE __mmask16 bf16_first(long n) { return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1); }

// bf16's 16 of half of 32, as float32.
INLINE __m512 bf16_wide(__m256i x) { return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16); }

// Splits 32 numbers: x = part[0] + part[1] + part[2], each what is left rounded to bf16. Three have all of float32's 24 bits,
// but for what lies below 2^-126.
INLINE void bf16_split(const int parts, __m512i part[], __m512 low, __m512 high) {
#pragma GCC unroll 3
	for (int q = 0; q < parts; q++) {
		part[q] = (__m512i)_mm512_cvtne2ps_pbh(high, low);
		low = _mm512_sub_ps(low, bf16_wide(_mm512_castsi512_si256(part[q])));
		high = _mm512_sub_ps(high, bf16_wide(_mm512_extracti64x4_epi64(part[q], 1)));
	}
}

// 16 pairs of the first n of 32 neighbours.
INLINE void bf16_along(const int parts, __m512i part[], const float *x, long n) {
	__m512 low = n >= 16 ? _mm512_loadu_ps(x) : _mm512_maskz_loadu_ps(bf16_first(n), x);
	__m512 high = n >= 32 ? _mm512_loadu_ps(x + 16) : n > 16 ? _mm512_maskz_loadu_ps(bf16_first(n - 16), x + 16) : _mm512_setzero_ps();
	bf16_split(parts, part, low, high);
}

// The p-th pair of rows of x, which has `depth`: 16 of the first n numbers; zero beyond.
INLINE void bf16_rows(const int parts, __m512i part[], const float *x, long ldx, long p, long depth, long n) {
	const __m512i order = _mm512_add_epi32(_mm512_set1_epi32(16 << 16), _mm512_mullo_epi32(_mm512_set1_epi32(0x10001),
		_mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
	const float *row = x + 2 * p * ldx;
	__mmask16 first = 2 * p < depth ? bf16_first(n) : 0, second = 2 * p + 1 < depth ? bf16_first(n) : 0;
	bf16_split(parts, part, _mm512_maskz_loadu_ps(first, row), _mm512_maskz_loadu_ps(second, row + ldx));
#pragma GCC unroll 3
	for (int q = 0; q < parts; q++) part[q] = _mm512_permutexvar_epi16(order, part[q]);
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

// The tiles of one panel: c[m, width]. Where little would be left for the last tile, it shares with the one before. Each
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

// Packs m rows of op(a) and `depth` of its columns: a row after the other, or, where a lies transposed, [pairs, OC_PAIR_BLOCK].
KERNEL bf16_pack_a(pair *to, const float *a, long lda, int ta, long m, long depth) {
	long pairs = (depth + 1) / 2;
	__m512i x;
	if (ta) {
		for (long p = 0; p < pairs; p++, to += OC_PAIR_BLOCK)
			for (long i = 0; i < m; i += 16) {
				bf16_rows(1, &x, a + i, lda, p, depth, m - i);
				_mm512_storeu_si512(to + i, x);
			}
		return;
	}
	for (long i = 0; i < m; i++, to += pairs, a += lda)
		for (long p = 0; p < pairs; p += 16) {
			bf16_along(1, &x, a + 2 * p, depth - 2 * p);
			_mm512_mask_storeu_epi32(to + p, bf16_first(pairs - p), x);
		}
}

// Packs `depth` rows and n columns of op(b) by panels of 32 columns, [parts, pairs, 32] each, zeros beyond the last row. Beyond
// the last column stands anything: no tile keeps what it makes of it.
INLINE void bf16_pack_b(const int parts, pair *to, const float *b, long ldb, int tb, long depth, long n, long pairs) {
	long plane = pairs * 32;
	if (tb) {
		for (long j = 0; j < n; j += 16)
			for (long p = 0; p < pairs; p += 16) {
				__m512i part[3];
				vec_avx512 r[3][16];
				for (long c = 0; c < 16; c++) {
					bf16_along(parts, part, b + (j + c) * ldb + 2 * p, j + c < n ? depth - 2 * p : 0);
					for (int q = 0; q < parts; q++) r[q][c] = (vec_avx512)part[q];
				}
				for (int q = 0; q < parts; q++) {
					transpose_avx512(r[q]);
					pair *panel = to + j / 32 * parts * plane + q * plane + p * 32 + j % 32;
					for (long i = 0; i < least(16, pairs - p); i++) store_avx512((float *)(panel + i * 32), r[q][i]);
				}
			}
		return;
	}
	for (long p = 0; p < pairs; p++)
		for (long j = 0; j < n; j += 16) {
			__m512i part[3];
			bf16_rows(parts, part, b + j, ldb, p, depth, n - j);
#pragma GCC unroll 3
			for (int q = 0; q < parts; q++) _mm512_storeu_si512(to + (j / 32 * parts + q) * plane + p * 32 + j % 32, part[q]);
		}
}
