// Products of operands rounded to bf16, or split in three of it, by the tiles of kernels_bf16.h or of kernels_amx.h.

// c[m,n] (+)= op(a)[m,k] op(b)[k,n], with `amx` by its tiles. Blocks of b, `deep` x `wide`, are packed by panels,
// and for each of them blocks of a's rows, which stay in cache while the panels pass. Whatever the blocks, an element sums
// `deep` products at a time, in order. With `lower` the tiles wholly above the diagonal are left out. What comes `then`
// takes a block of c that is whole rows while it is in cache.
OC_AMX_INLINE void product_bf16(const int amx, const int parts, float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, int lower, oc_then then, float *pack) {
	const long deep = OC_DEEP(parts), wide = OC_WIDE(parts);
	pair *panels = (pair *)pack, *rows = panels + parts * deep / 2 * wide;
	long lda = ta ? m : k, ldb = tb ? k : n;
	if (k == 0 && !add) memset(c, 0, 4 * m * n);
	int at_once = k > 0 && n <= wide;
	if (amx) amx_begin();
	for (long k0 = 0; k0 < k; k0 += deep)
		for (long j0 = 0; j0 < n; j0 += wide) {
			long depth = least(k - k0, deep), columns = least(n - j0, wide);
			long pairs = amx ? (depth + 31) / 32 * 16 : (depth + 1) / 2;
			bf16_pack_b(parts, panels, tb ? b + j0 * ldb + k0 : b + k0 * ldb + j0, ldb, tb, depth, columns, pairs);
			long j1 = j0 + wide < n ? j0 + wide : 0, k1 = j1 ? k0 : k0 + deep; // the next block of b
			long looks = (columns + 31) / 32 * (pairs / 16); // of a pair of tiles' height
			ahead next[2];
			next[1] = block_ahead(b, ldb, !tb, j1, n, wide, k1, k, deep, 1 + looks * ((m + 31) / 32));
			for (long i0 = 0; i0 < m; i0 += OC_PAIR_BLOCK) {
				long some = least(m - i0, OC_PAIR_BLOCK);
				long i1 = i0 + OC_PAIR_BLOCK < m ? i0 + OC_PAIR_BLOCK : 0;
				next[0] = block_ahead(a, lda, ta, i1, m, OC_PAIR_BLOCK, i1 ? k0 : k1, k, deep, 1 + looks * ((some + 31) / 32));
				const float *block = ta ? a + k0 * lda + i0 : a + i0 * lda + k0;
				if (amx)
					amx_pack_a(parts, rows, block, lda, ta, some, depth, pairs);
				else
					bf16_pack_a(rows, block, lda, ta, some, depth);
				for (long j = 0; j < columns && !(lower && j0 + j >= i0 + some); j += 32) {
					float *out = c + i0 * n + j0 + j;
					const pair *panel = panels + parts * j * pairs;
					if (amx)
						for (long i = lower && j0 + j > i0 ? (j0 + j - i0) / 32 * 32 : 0; i < some; i += 32)
							amx_tile(parts, out + i * n, n, rows + parts * i * pairs, panel, pairs, least(some - i, 32), least(columns - j, 32), add || k0 > 0, next);
					else
						bf16_tiles(some, out, n, rows, ta ? 1 : pairs, ta ? OC_PAIR_BLOCK : 1, panel, pairs, least(columns - j, 32), add || k0 > 0);
				}
				if (at_once && k0 + deep >= k) finish_avx512(then, c, i0 * n, some * n);
			}
		}
	if (!at_once) finish_avx512(then, c, 0, m * n);
	if (amx) amx_end();
}

OC_WITH_AMX static void matmul_bf16_avx512(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_then then, float *pack) {
	product_bf16(0, 1, c, a, b, m, n, k, ta, tb, add, 0, then, pack);
}

OC_WITH_AMX static void matmul_bf16_amx(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_then then, float *pack) {
	product_bf16(1, 1, c, a, b, m, n, k, ta, tb, add, 0, then, pack);
}

OC_WITH_AMX static void matmul_amx(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_then then, float *pack) {
	product_bf16(1, 3, c, a, b, m, n, k, ta, tb, add, 0, then, pack);
}

OC_WITH_AMX static void gram_amx(float *c, const float *a, long m, long k, int ta, float *pack) {
	product_bf16(1, 3, c, a, a, m, m, k, ta, !ta, 0, 1, (oc_then){0}, pack);
	mirror_avx512(c, m);
}

#undef KERNEL
#undef INLINE
