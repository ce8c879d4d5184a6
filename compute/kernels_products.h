// Products of matrices by register tiles, for one path: a part of kernels_path.h.

// Prefetches what comes next, a few lines at a time, so that no more loads are in flight than a core can track.
INLINE void F(ask)(ahead *next) {
	const float *x = next->x;
	long column = next->column;
	if (!next->rows) return;
	for (long n = next->each; n > 0; n--) {
		__builtin_prefetch(x + column);
		column += OC_LINE;
		if (column < next->width) continue;
		column = 0;
		x += next->ldx;
		if (--next->rows) continue;
		if (!next->then) return;
		*next = *next->then;
		x = next->x;
	}
	next->x = x;
	next->column = column;
}

// One register tile: c[rows, 2 LANES] (+)= a[rows, depth] b[depth, 2 LANES]. a steps by (ai, ak), b by bk. Every
// OC_STEPS steps it prefetches some of what comes `next`, unless that is null.
INLINE void F(tile_of)(const int rows, float *c, long ldc, const float *a, long ai, long ak, const float *b, long bk, long depth, long width, int add, wanted *next) {
	vec sum[12][2];
#pragma GCC unroll 16
	for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = (vec){0};
	long asked = next && next->own ? 0 : rows, share = (rows + looks(depth) - 1) / looks(depth), steps = next ? OC_STEPS : depth;
	for (long k = 0; k < depth;) {
		if (next) {
			for (long stop = least(rows, asked + share); asked < stop; asked++) {
				__builtin_prefetch(c + asked * ldc, 1);
				__builtin_prefetch(c + asked * ldc + LANES, 1);
			}
			F(ask)(&next->a);
			F(ask)(&next->b);
		}
		for (long stop = least(depth, k + steps); k < stop; k++) {
			if (ai == 1) __builtin_prefetch(a + (k + OC_ROWS) * ak + rows - 1);
			__builtin_prefetch(b + (k + OC_ROWS) * bk);
			__builtin_prefetch(b + (k + OC_ROWS) * bk + LANES);
			vec b0 = F(load)(b + k * bk), b1 = F(load)(b + k * bk + LANES);
#pragma GCC unroll 16
			for (int r = 0; r < rows; r++) {
				vec x = F(all)(a[r * ai + k * ak]);
				sum[r][0] += x * b0;
				sum[r][1] += x * b1;
			}
		}
	}
#pragma GCC unroll 16
	for (int r = 0; r < rows; r++) {
		float *out = c + r * ldc;
		if (width == 2 * LANES) {
			if (add) {
				sum[r][0] += F(load)(out);
				sum[r][1] += F(load)(out + LANES);
			}
			F(store)(out, sum[r][0]);
			F(store)(out + LANES, sum[r][1]);
			continue;
		}
		float row[2 * LANES];
		F(store)(row, sum[r][0]);
		F(store)(row + LANES, sum[r][1]);
		for (long j = 0; j < width; j++) out[j] = add ? out[j] + row[j] : row[j];
	}
}

// The tiles of one panel: c[m, width]. One of a's steps (ai, ak) is 1; b's rows lie 2 LANES apart unless ai is 1. If
// little would be left for the last tile, it shares with the tile before: a few rows take as long as half a tile. Each
// number of rows is unrolled, for either step.
KERNEL F(tiles)(long m, float *c, long ldc, const float *a, long ai, long ak, const float *b, long bk, long depth, long width, int add, wanted *next) {
#define TILE(rows) \
	if (ai == 1) \
		F(tile_of)(rows, c, ldc, a, 1, ak, b, bk, depth, width, add, next); \
	else \
		F(tile_of)(rows, c, ldc, a, ai, 1, b, 2 * LANES, depth, width, add, next);
	for (; m >= TILE_ROWS * 3 / 2 || m == TILE_ROWS; m -= TILE_ROWS, c += TILE_ROWS * ldc, a += TILE_ROWS * ai) { TILE(TILE_ROWS) }
	for (long rows; m > 0; m -= rows, c += rows * ldc, a += rows * ai) {
		rows = m > TILE_ROWS ? m / 2 : m;
#define ROWS(n) \
	case n: \
		if (n < TILE_ROWS) { TILE(n) } \
		break;
		switch (rows) { ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) }
#undef ROWS
#undef TILE
	}
}

// Transposes LANES x LANES numbers: exchanges the off-diagonal quarters of blocks of 2, then of 4, and so on.
INLINE void F(transpose)(vec r[LANES]) {
#define EXCHANGE(d) \
	_Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) { \
		if (i & (d)) continue; \
		vec a = r[i], b = r[i + (d)]; \
		r[i] = __builtin_shuffle(a, b, ((ivec){LANE_NUMBERS} & ~(d)) + (((ivec){LANE_NUMBERS} & (d)) / (d)) * LANES); \
		r[i + (d)] = __builtin_shuffle(a, b, ((ivec){LANE_NUMBERS} & ~(d)) + (d) + (((ivec){LANE_NUMBERS} & (d)) / (d)) * LANES); \
	}
	EXCHANGE(1)
	EXCHANGE(2)
#if LANES >= 8
	EXCHANGE(4)
#endif
#if LANES >= 16
	EXCHANGE(8)
#endif
#undef EXCHANGE
}

// Copies one row of a panel.
INLINE void F(copy)(float *to, const float *from, long width) {
	if (width == 2 * LANES) {
		F(store)(to, F(load)(from));
		F(store)(to + LANES, F(load)(from + LANES));
	} else
		memcpy(to, from, 4 * width);
}

// to[i, c] = b[c, i] for `depth` values of i and the first LANES of `columns` values of c; the rows of `to` lie 2 LANES
// apart.
INLINE void F(pack_columns)(float *to, const float *b, long ldb, long columns, long depth) {
	long i = 0;
	if (columns >= LANES)
		for (; i + LANES <= depth; i += LANES) {
			vec r[LANES];
#pragma GCC unroll 16
			for (int c = 0; c < LANES; c++) r[c] = F(load)(b + c * ldb + i);
			F(transpose)(r);
#pragma GCC unroll 16
			for (int c = 0; c < LANES; c++) F(store)(to + (i + c) * 2 * LANES, r[c]);
		}
	for (long c = 0; c < LANES && c < columns; c++)
		for (long at = i; at < depth; at++) to[at * 2 * LANES + c] = b[c * ldb + at];
}

// Packs rows [k0, k0+depth) and columns [j0, j0+n) of op(b) into panels of 2 LANES columns, zero-padded.
INLINE void F(pack_panels)(float *to, const float *b, long ldb, int tb, long k0, long depth, long j0, long n) {
	long last = n % (2 * LANES);
	if (last) memset(to + (n - last) * depth, 0, 4 * depth * 2 * LANES);
	if (tb)
		for (long c = 0; c < n; c += LANES) F(pack_columns)(to + (c - c % (2 * LANES)) * depth + c % (2 * LANES), b + (j0 + c) * ldb + k0, ldb, n - c, depth);
	else
		for (long i = 0; i < depth; i++)
			for (long c = 0; c < n; c += 2 * LANES) F(copy)(to + c * depth + i * 2 * LANES, b + (k0 + i) * ldb + j0 + c, least(n - c, 2 * LANES));
}

// Rounds n up to whole panels.
INLINE long F(panels)(long n) { return (n + 2 * LANES - 1) / (2 * LANES) * (2 * LANES); }

// to[i, c] = a[i, c] for `depth` rows of `width` numbers; the rows of `to` lie OC_BLOCK_M apart.
INLINE void F(pack_rows)(float *to, const float *a, long lda, long depth, long width) {
	for (long i = 0; i < depth; i++, to += OC_BLOCK_M, a += lda) {
		long c = 0;
		for (; c + LANES <= width; c += LANES) F(store)(to + c, F(load)(a + c));
		if (c < width) memcpy(to + c, a + c, 4 * (width - c));
	}
}

// c[m,n] (+)= op(a)[m,k] op(b)[k,n]. Blocks of b, `deep` x `wide`, are packed into panels; OC_BLOCK_M rows of op(a),
// packed if a is transposed, stay in cache while all panels pass over them. In a gradient of weights both operands are
// stored by rows of k; one whose rows are close together (OC_NEAR) is not packed. Meanwhile the next block of each is
// prefetched. Whatever the blocks, an element sums `deep` products at a time, in order. `lower` skips the tiles wholly
// above the diagonal. The epilogue runs on each block of c that consists of whole rows, while it is in cache.
INLINE void F(product)(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, int lower, oc_epilogue epilogue, float *pack) {
	long lda = ta ? m : k, ldb = tb ? k : n;
	int a_packed = ta && m > OC_NEAR, b_packed = !ta || tb || n > OC_NEAR || n % (2 * LANES) != 0;
	int one = k <= OC_BLOCK_K && n <= 2 * OC_BLOCK_N;
	long deep = !ta && k <= 2 * OC_BLOCK_K ? 2 * OC_BLOCK_K : OC_BLOCK_K; // one block of depth: nothing is added to c
	long wide = a_packed || one ? 2 * OC_BLOCK_N : OC_BLOCK_N;            // a is packed again for each block of b
	int at_once = k > 0 && n <= wide;
	float *packed = pack + OC_BLOCK;
	if (k == 0 && !add) memset(c, 0, 4 * m * n);
	for (long k0 = 0; k0 < k; k0 += deep)
		for (long j0 = 0; j0 < n; j0 += wide) {
			long depth = least(k - k0, deep), columns = least(n - j0, wide), panels = F(panels)(columns) / (2 * LANES);
			if (b_packed) F(pack_panels)(pack, b, ldb, tb, k0, depth, j0, columns);
			long j1 = j0 + wide < n ? j0 + wide : 0, k1 = j1 ? k0 : k0 + deep; // the next block of b
			long times = panels * looks(depth); // prefetches for each row of tiles
			wanted next = {.own = 1};
			next.b = block_ahead(b, ldb, !tb, j1, n, wide, k1, k, deep, times * ((m + TILE_ROWS - 1) / TILE_ROWS));
			for (long i0 = 0; i0 < m; i0 += OC_BLOCK_M) {
				long some = least(m - i0, OC_BLOCK_M), i1 = i0 + OC_BLOCK_M < m ? i0 + OC_BLOCK_M : 0;
				next.a = block_ahead(a, lda, ta, i1, m, OC_BLOCK_M, i1 ? k0 : k1, k, deep, times * ((some + TILE_ROWS - 1) / TILE_ROWS));
				const float *rows = a + (ta ? k0 * lda + i0 : i0 * lda + k0);
				long ai = ta ? 1 : lda, ak = ta ? lda : 1;
				if (a_packed) F(pack_rows)(packed, rows, lda, depth, some), rows = packed, ak = OC_BLOCK_M;
				for (long j = 0; j < columns && !(lower && j0 + j >= i0 + some); j += 2 * LANES) {
					long first = lower && j0 + j > i0 ? (j0 + j - i0) / TILE_ROWS * TILE_ROWS : 0;
					F(tiles)(some - first, c + (i0 + first) * n + j0 + j, n, rows + first * ai, ai, ak,
						b_packed ? pack + j * depth : b + k0 * ldb + j0 + j, b_packed ? 2 * LANES : ldb, depth, least(columns - j, 2 * LANES), add || k0 > 0, &next);
				}
				if (at_once && k0 + deep >= k) F(finish)(epilogue, c, i0 * n, some * n);
			}
		}
	if (!at_once) F(finish)(epilogue, c, 0, m * n);
}

// c[m,n] (+)= a[m,k] b[k,n] with b already packed into panels, `apart` floats from one to the next. The sums are those
// of product.
INLINE void F(packed_product)(float *c, long ldc, const float *a, long ai, long ak, const float *panels, long apart, long m, long n, long k, int add, wanted *next) {
	for (long k0 = 0; k0 < k; k0 += OC_BLOCK_K)
		for (long j = 0; j < n; j += 2 * LANES)
			F(tiles)(m, c + j, ldc, a + k0 * ak, ai, ak, panels + j / (2 * LANES) * apart + k0 * 2 * LANES, 2 * LANES, least(k - k0, OC_BLOCK_K),
				least(n - j, 2 * LANES), add || k0 > 0, next);
}

KERNEL F(matmul)(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_epilogue epilogue, float *pack) {
	F(product)(c, a, b, m, n, k, ta, tb, add, 0, epilogue, pack);
}

// Copies the part of c[m,m] below the diagonal to the part above, in squares of LANES rows and columns.
INLINE void F(mirror)(float *c, long m) {
	for (long i0 = 0; i0 < m; i0 += LANES)
		for (long j0 = 0; j0 <= i0; j0 += LANES) {
			const float *from = c + i0 * m + j0;
			float *to = c + j0 * m + i0;
			if (j0 < i0 && i0 + LANES <= m) {
				vec r[LANES];
#pragma GCC unroll 16
				for (long i = 0; i < LANES; i++) r[i] = F(load)(from + i * m);
				F(transpose)(r);
#pragma GCC unroll 16
				for (long j = 0; j < LANES; j++) F(store)(to + j * m, r[j]);
			} else
				for (long i = 0; i < LANES && i0 + i < m; i++)
					for (long j = 0; j < LANES && j0 + j < i0 + i; j++) to[j * m + i] = from[i * m + j];
		}
}

// c[m,m] = op(a)[m,k] op(a)^T: half of the products are computed, the other half mirrored.
KERNEL F(gram)(float *c, const float *a, long m, long k, int ta, float *pack) {
	F(product)(c, a, a, m, m, k, ta, !ta, 0, 1, (oc_epilogue){0}, pack);
	F(mirror)(c, m);
}
