// Products by AMX. tdpbf16ps multiplies 16 rows of 16 pairs of bf16 by 16 pairs of 16 columns and adds the products to
// 16 x 16 float32 sums, at 15 times the rate of float32 vectors (bench/step). The operands are either rounded to bf16,
// or split into three bf16 parts that together hold all of float32's 24 bits. Of the nine products of parts, the six
// large enough to matter in float32 are computed; the error is smaller than that of float32's own sums
// (TestMatMulError). Included once. Sums run in a fixed order, so that equal input gives equal bits. Subnormal numbers
// count as 0, as do those with a subnormal part; NaN may stand where float32 has an infinity.

#define OC_WITH_AMX __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,amx-tile,amx-bf16,prefer-vector-width=512")))
#define KERNEL OC_WITH_AMX static void
#define INLINE OC_WITH_AMX static inline __attribute__((always_inline))

// The depth of a block, the columns of b packed at once, and the rows of a that pass over them; there are two blocks of
// each.
#define OC_TILE_DEEP(parts) ((parts) > 1 ? 256 : 512)
#define OC_TILE_WIDE(parts) ((parts) > 1 ? 512 : 1024)
#define OC_TILE_BLOCK 64
#define OC_TILE_SCRATCH(parts) ((parts) * OC_TILE_DEEP(parts) * (OC_TILE_WIDE(parts) + OC_TILE_BLOCK))

#define OC_TILE_AHEAD 4 // tiles from the one being packed to the one being prefetched

// Eight tiles of 16 rows of 64 bytes.
static const struct {
	unsigned char palette, start, reserved[14];
	unsigned short bytes[16];
	unsigned char rows[16];
} amx_shape = {.palette = 1, .bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// 16 pairs of bf16 for each part: x = part[0] + part[1] + part[2], each the remainder of x rounded to nearest. A single
// part rounds ties to even.
INLINE void amx_pairs(const int parts, __m512i part[], __m512 x, __m512 y) {
	const __m512i upper = _mm512_set1_epi32((int)0xffff0000), half = _mm512_set1_epi32(0x8000);
	if (parts == 1) {
		part[0] = bf16_pairs(x, y);
		return;
	}
#pragma GCC unroll 3
	for (int q = 0; q < parts; q++) {
		__m512i u = (__m512i)x, v = (__m512i)y;
		if (q + 1 < parts) { // the last part fits in the upper half
			u = _mm512_and_si512(_mm512_add_epi32(u, half), upper);
			v = _mm512_and_si512(_mm512_add_epi32(v, half), upper);
		}
		part[q] = _mm512_or_si512(_mm512_srli_epi32(u, 16), v);
		x = _mm512_sub_ps(x, (__m512)u), y = _mm512_sub_ps(y, (__m512)v);
	}
}

// The packing of one operand of a block for tiles: n rows or columns of `depth` numbers each become [n/32, pairs/16,
// parts, 2, 16, 16] pairs, with zeros beyond `depth` and arbitrary values beyond n. The 32 neighbours along the depth
// form pairs of the first and the 17th, the second and the 18th, and so on. The operand is stored [n, depth], or
// [depth, n] if it lies `across`; it is `turned` if a tile's rows are not its own.
typedef struct {
	pair *to, *other; // `other` holds the block before
	const float *x;
	long ldx, n, depth, pairs;
	int across, turned;
	struct {
		long i, p;
	} at, ahead; // first row or column and first pair of the tile being packed, and of the one being prefetched
	// The current tile: the next of its 16 rows, or -2 and -1 while its halves are still to be staged; the distance
	// between its rows and from each to its second half; the memory to prefetch; and the destination.
	long row, ld, gap;
	const float *low, *asked;
	pair *out;
	_Alignas(64) float stage[2][16 * 16];
} packing;

INLINE int amx_left(const packing *o) { return o->at.i < o->n && o->at.p < o->pairs; }

#define NEXT(cursor) \
	if (o->across) { \
		if ((cursor.i += 16) >= o->n) cursor.i = 0, cursor.p += 16; \
	} else if ((cursor.p += 16) >= o->pairs) \
		cursor.p = 0, cursor.i += 16;
#define FROM(cursor) (o->across ? o->x + 2 * cursor.p * o->ldx + cursor.i : o->x + cursor.i * o->ldx + 2 * cursor.p)

// Sets the source and destination of the current tile. A tile that is not whole is staged, so that its rows are split
// without masks.
INLINE void amx_tile_begins(const int parts, packing *o) {
	unsigned long i = o->at.i, p = o->at.p;
	o->row = o->turned || (long)i + 16 > o->n || 2 * (long)p + 32 > o->depth ? -2 : 0;
	o->low = FROM(o->at), o->asked = FROM(o->ahead);
	o->ld = o->ldx, o->gap = o->across ? 16 * o->ldx : 16;
	o->out = o->to + (i / 32 * o->pairs + p) * parts * 32 + i % 32 * 16;
}

// Starts a block of x in the other buffer: `most` of its n rows or columns from i on, `deep` of its depth from k on.
INLINE void amx_begin(const int parts, packing *o, const float *x, long ldx, int across, int columns, long i, long n, long most, long k, long depth, long deep) {
	pair *other = o->to;
	o->to = o->other, o->other = other;
	o->x = across ? x + k * ldx + i : x + i * ldx + k;
	o->ldx = ldx, o->n = least(n - i, most), o->depth = least(depth - k, deep), o->pairs = o->depth > 0 ? (o->depth + 31) / 32 * 16 : 0;
	o->across = across, o->turned = columns != across;
	o->at.i = o->at.p = o->ahead.i = o->ahead.p = 0;
	for (int t = 0; t < OC_TILE_AHEAD; t++) { NEXT(o->ahead) }
	amx_tile_begins(parts, o);
}

// Copies one half of a tile into the stage, turned if need be, with zeros beyond its end.
INLINE void amx_stage(packing *o, int half) {
	const float *from = o->low + half * o->gap;
	float *to = o->stage[half];
	long ld = o->ld, left = o->depth - 2 * o->at.p - (half && o->across ? 16 : 0), rows = o->across ? left : o->n - o->at.i;
	long width = o->across ? o->n - o->at.i : left - (half ? 16 : 0);
	if (rows < 16 || width < 16 || !o->turned) {
		for (long r = 0; r < 16; r++) _mm512_store_ps(to + 16 * r, r < rows ? _mm512_maskz_loadu_ps(bf16_first(width), from + r * ld) : _mm512_setzero_ps());
		from = to, ld = 16;
	}
	if (!o->turned) return;
	vec_avx512 x[16];
#pragma GCC unroll 16
	for (long r = 0; r < 16; r++) x[r] = load_avx512(from + r * ld);
	transpose_avx512(x);
#pragma GCC unroll 16
	for (long r = 0; r < 16; r++) store_avx512(to + 16 * r, x[r]);
}

// Takes the next step: stages half of a tile, or splits at most `rows` of its rows and prefetches as many.
INLINE void amx_step(const int parts, packing *o, long rows) {
	if (o->row < 0) {
		amx_stage(o, o->row + 2);
		if (++o->row == 0) o->low = o->stage[0], o->ld = 16, o->gap = 16 * 16;
		return;
	}
	__m512i part[3];
	const float *x = o->low + o->row * o->ld, *asked = o->asked + o->row * o->ldx;
	pair *out = o->out + o->row * 16;
	rows = least(rows, 16 - o->row);
	o->row += rows;
	for (; rows > 0; rows--, x += o->ld, asked += o->ldx, out += 16) {
		__builtin_prefetch(asked, 0, 2);
		__builtin_prefetch(asked + (o->across ? 16 * o->ldx : 16), 0, 2);
		amx_pairs(parts, part, _mm512_loadu_ps(x), _mm512_loadu_ps(x + o->gap));
#pragma GCC unroll 3
		for (int q = 0; q < parts; q++) _mm512_storeu_si512(out + q * 512, part[q]);
	}
	if (o->row < 16) return;
	NEXT(o->at)
	NEXT(o->ahead)
	amx_tile_begins(parts, o);
}
#undef NEXT
#undef FROM

// What is packed while tiles are multiplied, first a, then b: one step of `rows` rows after every `every` products.
typedef struct {
	packing a, b;
	long rows, every, wait;
} meanwhile;

// Takes the next step of the remaining packing.
OC_WITH_AMX static __attribute__((noinline)) void amx_meanwhile(const int parts, meanwhile *next) {
	packing *o = amx_left(&next->a) ? &next->a : &next->b;
	next->wait = next->every;
	if (amx_left(o)) amx_step(parts, o, next->rows);
}

// Packs the rest of a block.
OC_WITH_AMX static __attribute__((noinline)) void amx_pack(const int parts, packing *o) {
	while (amx_left(o)) amx_step(parts, o, 16);
}

// The number of steps, of so many rows each, that an operand takes.
INLINE long amx_steps(const packing *o, long rows) { return (o->n + 15) / 16 * (o->pairs / 16) * (16 / rows + 2 * o->turned); }

// Sets the pace at which a's whole block and one of `blocks` parts of b's are packed within `products` products, in the
// smallest possible steps.
INLINE void amx_pace(meanwhile *next, long products, long blocks) {
	long steps;
	for (next->rows = 1;; next->rows *= 2) {
		steps = amx_steps(&next->a, next->rows) + (amx_steps(&next->b, next->rows) + blocks - 1) / blocks;
		if (steps <= products || next->rows == 16) break;
	}
	next->every = next->wait = steps < products ? products / (steps + 1) : 1;
}

// Part q of 16 pairs of 32 rows of a, and of 32 columns of b; their product is added to four tiles of sums. Each
// product prefetches some lines of c, and every so often one step of packing the `next` blocks is taken: few lines can
// be in flight at once, and tiles leave the vector units idle.
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
	if (--next->wait == 0) amx_meanwhile(parts, next); \
	_tile_dpbf16ps(0, 4, 6); \
	_tile_dpbf16ps(1, 4, 7); \
	_tile_dpbf16ps(2, 5, 6); \
	_tile_dpbf16ps(3, 5, 7);

// c[rows, columns] (+)= a[32, 2 pairs] panel[2 pairs, 32], of which at most 32 rows and columns are stored. With three
// parts the small products come first. A tile is stored every fourth step, at no cost; if more than about 130 products
// separate two stores, the later one takes a thousand cycles longer.
INLINE void amx_tile(const int parts, float *c, long ldc, const pair *a, const pair *panel, long pairs, long rows, long columns, int add, meanwhile *next) {
	float sums[32 * 32];
	int whole = rows == 32 && columns == 32 && !add;
	float *out = whole ? c : sums;
	long step = whole ? 4 * ldc : 4 * 32, asked = 0, times = pairs / 16 * (parts == 3 ? 6 : 1), share = (rows + times - 1) / times;
	__asm__ volatile("" ::: "memory"); // gcc does not know that loading a tile reads memory
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

// c[m,n] (+)= op(a)[m,k] op(b)[k,n]. Blocks of b are packed, and for each of them blocks of rows of a, which stay in
// cache while the panels pass over them; the next block of either is packed meanwhile. Whatever the blocks, an element
// sums OC_TILE_DEEP products at a time, in order. `lower` skips the tiles wholly above the diagonal. The epilogue runs
// on each block of c that consists of whole rows, while it is in cache.
INLINE void amx_product(const int parts, float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, int lower, oc_epilogue epilogue, float *pack) {
	const long deep = OC_TILE_DEEP(parts), wide = OC_TILE_WIDE(parts), row = parts * deep / 2; // a block's size per row, in pairs
	long lda = ta ? m : k, ldb = tb ? k : n;
	if (k == 0 && !add) memset(c, 0, 4 * m * n);
	int at_once = k > 0 && n <= wide;
	meanwhile next;
	next.b.to = (pair *)pack, next.b.other = next.b.to + row * wide;
	next.a.to = next.b.other + row * wide, next.a.other = next.a.to + row * OC_TILE_BLOCK;
	amx_begin(parts, &next.a, a, lda, ta, 0, 0, m, OC_TILE_BLOCK, 0, k, deep);
	amx_begin(parts, &next.b, b, ldb, !tb, 1, 0, n, wide, 0, k, deep);
	_tile_loadconfig(&amx_shape);
	for (long k0 = 0; k0 < k; k0 += deep)
		for (long j0 = 0; j0 < n; j0 += wide) {
			long columns = least(n - j0, wide), pairs = next.b.pairs;
			long j1 = j0 + wide < n ? j0 + wide : 0, k1 = j1 ? k0 : k0 + deep;           // the next block of b
			long products = (columns + 31) / 32 * (pairs / 16) * (parts > 1 ? 6 : 1); // products of tiles for 32 rows
			const pair *panels = next.b.to;
			amx_pack(parts, &next.b);
			amx_begin(parts, &next.b, b, ldb, !tb, 1, j1, n, wide, k1, k, deep);
			for (long i0 = 0; i0 < m; i0 += OC_TILE_BLOCK) {
				long some = least(m - i0, OC_TILE_BLOCK), i1 = i0 + OC_TILE_BLOCK < m ? i0 + OC_TILE_BLOCK : 0;
				const pair *block = next.a.to;
				amx_pack(parts, &next.a);
				amx_begin(parts, &next.a, a, lda, ta, 0, i1, m, OC_TILE_BLOCK, i1 ? k0 : k1, k, deep);
				amx_pace(&next, products * ((some + 31) / 32), (m + OC_TILE_BLOCK - 1) / OC_TILE_BLOCK);
				for (long j = 0; j < columns && !(lower && j0 + j >= i0 + some); j += 32)
					for (long i = lower && j0 + j > i0 ? (j0 + j - i0) / 32 * 32 : 0; i < some; i += 32)
						amx_tile(parts, c + (i0 + i) * n + j0 + j, n, block + parts * i * pairs, panels + parts * j * pairs, pairs, least(some - i, 32),
							least(columns - j, 32), add || k0 > 0, &next);
				if (at_once && k0 + deep >= k) finish_avx512(epilogue, c, i0 * n, some * n);
			}
		}
	if (!at_once) finish_avx512(epilogue, c, 0, m * n);
	_tile_release();
}

KERNEL matmul_amx(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_epilogue epilogue, float *pack) {
	amx_product(3, c, a, b, m, n, k, ta, tb, add, 0, epilogue, pack);
}

KERNEL matmul_bf16_amx(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_epilogue epilogue, float *pack) {
	amx_product(1, c, a, b, m, n, k, ta, tb, add, 0, epilogue, pack);
}

KERNEL gram_amx(float *c, const float *a, long m, long k, int ta, float *pack) {
	amx_product(3, c, a, a, m, m, k, ta, !ta, 0, 1, (oc_epilogue){0}, pack);
	mirror_avx512(c, m);
}

#undef KERNEL
#undef INLINE
