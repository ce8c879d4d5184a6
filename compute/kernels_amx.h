// Products by AMX: tdpbf16ps adds to 16 x 16 float32 sums what 16 rows of 16 pairs of bf16 make with 16 pairs of 16 columns, at
// 15 times the rate of vectors of float32 (bench/step). Operands are either rounded to bf16, or split in three parts of it that
// together have all of float32's 24 bits: of the nine products of parts, the six that float32 would notice are taken, and the
// error is less than that of float32's own sums (TestMatMulError). Included once. Sums run in a fixed order, so that equal input gives
// equal bits; subnormal numbers count as 0, those that a part would be too; where float32 has an infinity, this may have NaN.

#define OC_WITH_AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,amx-tile,amx-bf16,prefer-vector-width=512")))
#define KERNEL OC_WITH_AMX static void
#define INLINE OC_WITH_AMX static inline __attribute__((always_inline))

// The depth of a block, the columns of b that are packed at once, and the rows of a that they pass; two blocks of each.
#define OC_TILE_DEEP(parts) ((parts) > 1 ? 256 : 512)
#define OC_TILE_WIDE(parts) ((parts) > 1 ? 512 : 1024)
#define OC_TILE_BLOCK 96
#define OC_TILE_SCRATCH(parts) ((parts) * OC_TILE_DEEP(parts) * (OC_TILE_WIDE(parts) + OC_TILE_BLOCK))

#define OC_TILE_AHEAD 4                             // tiles from the one that is packed to that which memory is asked for
#define OC_TILE_SPLIT(parts) ((parts) > 1 ? 4 : 16) // rows of a tile that are split at once

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

// One of a block's operands on its way to be packed for tiles, n rows or columns of it, `depth` of each: to [n/32, pairs/16, parts,
// 2, 16, 16] pairs, zeros beyond `depth`; beyond n stands anything. The pairs of 32 neighbours are the first and the 17th, the second
// and the 18th. The operand lies [n, depth], or [depth, n] where it lies `across`; it is `turned` where a tile's rows are not its own.
typedef struct {
	pair *to, *other; // the block before lies in the other
	const float *x;
	long ldx, n, depth, pairs;
	int across, turned;
	struct {
		long i, p;
	} at, ahead;       // a tile's first row or column and pair: of the one that is packed, and of that which memory is asked for
	long step;         // the first two turn 16 x 16 numbers each, the others split rows
	long every, wait;  // products of tiles from one step to the next
	long asked, share; // of 32 lines ahead, those asked for, and how many at a time
	_Alignas(64) float turn[2][16 * 16];
} packing;

INLINE int amx_left(const packing *o) { return o->at.i < o->n && o->at.p < o->pairs; }

#define NEXT(cursor) \
	if (o->across) { \
		if ((cursor.i += 16) >= o->n) cursor.i = 0, cursor.p += 16; \
	} else if ((cursor.p += 16) >= o->pairs) \
		cursor.p = 0, cursor.i += 16;
#define FROM(cursor) (o->across ? o->x + 2 * cursor.p * o->ldx + cursor.i : o->x + cursor.i * o->ldx + 2 * cursor.p)

// Begins with a block of x: from i on `most` of its n rows or columns, from k on `deep` of its depth. So many products of tiles
// come meanwhile; where they are fewer than the steps, these would only delay them, and wait until they are done.
INLINE void amx_begin(const int parts, packing *o, const float *x, long ldx, int across, int columns, long i, long n, long most, long k, long depth, long deep, long products) {
	pair *other = o->to;
	o->to = o->other, o->other = other;
	o->x = across ? x + k * ldx + i : x + i * ldx + k;
	o->ldx = ldx, o->n = least(n - i, most), o->depth = least(depth - k, deep), o->pairs = o->depth > 0 ? (o->depth + 31) / 32 * 16 : 0;
	o->across = across, o->turned = columns != across, o->step = o->turned ? 0 : 2;
	o->at.i = o->at.p = o->ahead.i = o->ahead.p = o->asked = 0;
	for (int t = 0; t < OC_TILE_AHEAD; t++) { NEXT(o->ahead) }
	long steps = (o->n + 15) / 16 * (o->pairs / 16) * (16 / OC_TILE_SPLIT(parts) + 2 - o->step);
	o->every = products / (steps + 1), o->share = o->every > 1 ? 6 / o->every + 1 : 6;
	o->wait = o->every ? o->every : products + 1;
}

// Takes the next step.
OC_WITH_AMX static __attribute__((noinline)) void amx_pack(const int parts, packing *o) {
	const long split = OC_TILE_SPLIT(parts);
	long i = o->at.i, p = o->at.p, ldx = o->ldx, step = o->step++, row = (step - 2) * split;
	const float *low = FROM(o->at), *high = low + (o->across ? 16 * ldx : 16);
	long rows = o->across ? o->depth - 2 * p : o->n - i, below = o->across ? rows - 16 : rows;
	__mmask16 some = bf16_first(o->across ? o->n - i : o->depth - 2 * p), more = o->across ? some : bf16_first(o->depth - 2 * p - 16);
	o->wait = o->every;
	if (step < 2) {
		if (step) low = high, rows = below, some = more;
		vec_avx512 x[16];
#pragma GCC unroll 16
		for (long r = 0; r < 16; r++) x[r] = (vec_avx512)_mm512_maskz_loadu_ps(r < rows ? some : 0, low + r * ldx);
		transpose_avx512(x);
#pragma GCC unroll 16
		for (long r = 0; r < 16; r++) store_avx512(o->turn[step] + 16 * r, x[r]);
		return;
	}
	if (o->turned) low = o->turn[0], high = o->turn[1], ldx = 16, some = more = 0xffff, rows = below = 16;
	pair *out = o->to + i / 32 * o->pairs * parts * 32 + p * parts * 32 + i % 32 * 16;
	__m512i part[3];
#pragma GCC unroll 16
	for (long r = row; r < row + split; r++) {
		amx_pairs(parts, part, _mm512_maskz_loadu_ps(r < rows ? some : 0, low + r * ldx), _mm512_maskz_loadu_ps(r < below ? more : 0, high + r * ldx));
#pragma GCC unroll 3
		for (int q = 0; q < parts; q++) _mm512_storeu_si512(out + q * 512 + r * 16, part[q]);
	}
	if (row + split < 16) return;
	NEXT(o->at)
	NEXT(o->ahead)
	o->asked = 0, o->step = o->turned ? 0 : 2;
}

// What is done for an operand with each product of tiles.
INLINE void amx_meanwhile(const int parts, packing *o) {
	if (!amx_left(o)) return;
	const float *ahead = FROM(o->ahead);
	for (long stop = least(32, o->asked + o->share); o->asked < stop; o->asked++)
		__builtin_prefetch(ahead + o->asked % 16 * o->ldx + (o->asked < 16 ? 0 : o->across ? 16 * o->ldx : 16), 0, 2);
	if (--o->wait <= 0) amx_pack(parts, o);
}
#undef NEXT
#undef FROM

// Part q of 16 pairs of 32 rows of a, and of 32 columns of b; their product, added to four tiles of sums. With each product memory is
// asked for some lines of c, and of what comes `next` something is done: few lines can be on their way at once, and few instructions stand
// between two products, so that both go on beside those.
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
	amx_meanwhile(parts, next); \
	amx_meanwhile(parts, next + 1); \
	_tile_dpbf16ps(0, 4, 6); \
	_tile_dpbf16ps(1, 4, 7); \
	_tile_dpbf16ps(2, 5, 6); \
	_tile_dpbf16ps(3, 5, 7);

// c[rows, columns] (+)= a[32, 2 pairs] panel[2 pairs, 32], at most 32 rows and columns of it. Of three parts the small products
// come first. A tile is stored every fourth step, for nothing: where more than some 130 products lie between two stores, the later one
// takes a thousand cycles longer.
INLINE void amx_tile(const int parts, float *c, long ldc, const pair *a, const pair *panel, long pairs, long rows, long columns, int add, packing *next) {
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

// c[m,n] (+)= op(a)[m,k] op(b)[k,n]. Blocks of b are packed, and for each of them blocks of a's rows, which stay in cache while the
// panels pass; the next of either are packed meanwhile. Whatever the blocks, an element sums OC_TILE_DEEP products at a time, in order.
// With `lower` the tiles wholly above the diagonal are left out. What comes `then` takes a block of c that is whole rows while it is
// in cache.
INLINE void amx_product(const int parts, float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, int lower, oc_then then, float *pack) {
	const long deep = OC_TILE_DEEP(parts), wide = OC_TILE_WIDE(parts), row = parts * deep / 2; // of a block, in pairs
	long lda = ta ? m : k, ldb = tb ? k : n;
	if (k == 0 && !add) memset(c, 0, 4 * m * n);
	int at_once = k > 0 && n <= wide;
	packing next[2]; // of a and of b
	next[1].to = (pair *)pack, next[1].other = next[1].to + row * wide;
	next[0].to = next[1].other + row * wide, next[0].other = next[0].to + row * OC_TILE_BLOCK;
	amx_begin(parts, next, a, lda, ta, 0, 0, m, OC_TILE_BLOCK, 0, k, deep, 0);
	amx_begin(parts, next + 1, b, ldb, !tb, 1, 0, n, wide, 0, k, deep, 0);
	_tile_loadconfig(&amx_shape);
	for (long k0 = 0; k0 < k; k0 += deep)
		for (long j0 = 0; j0 < n; j0 += wide) {
			long columns = least(n - j0, wide), pairs = next[1].pairs;
			long j1 = j0 + wide < n ? j0 + wide : 0, k1 = j1 ? k0 : k0 + deep;           // the next block of b
			long products = (columns + 31) / 32 * (pairs / 16) * (parts > 1 ? 6 : 1); // of tiles, for 32 rows
			const pair *panels = next[1].to;
			while (amx_left(next + 1)) amx_pack(parts, next + 1);
			amx_begin(parts, next + 1, b, ldb, !tb, 1, j1, n, wide, k1, k, deep, products * ((m + 31) / 32));
			for (long i0 = 0; i0 < m; i0 += OC_TILE_BLOCK) {
				long some = least(m - i0, OC_TILE_BLOCK), i1 = i0 + OC_TILE_BLOCK < m ? i0 + OC_TILE_BLOCK : 0;
				const pair *block = next[0].to;
				while (amx_left(next)) amx_pack(parts, next);
				amx_begin(parts, next, a, lda, ta, 0, i1, m, OC_TILE_BLOCK, i1 ? k0 : k1, k, deep, products * ((some + 31) / 32));
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
