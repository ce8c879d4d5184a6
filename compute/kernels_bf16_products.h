// Products of operands rounded to bf16, by the tiles of kernels_bf16.h or of kernels_amx.h.

// c[m,n] (+)= op(a)[m,k] op(b)[k,n], with `amx` by its tiles. Blocks of b, 2 OC_PAIRS x OC_PAIR_COLUMNS, are packed by panels,
// and for each of them blocks of a's rows, which stay in cache while the panels pass. Whatever the blocks, an element sums
// 2 OC_PAIRS products at a time, in order. What comes `then` takes a block of c that is whole rows while it is in cache.
KERNEL matmul_bf16(int amx, float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_then then, float *pack) {
	pair *panels = (pair *)pack, *rows = panels + OC_PAIRS * OC_PAIR_COLUMNS;
	long lda = ta ? m : k, ldb = tb ? k : n;
	if (k == 0 && !add) memset(c, 0, 4 * m * n);
	int at_once = k > 0 && n <= OC_PAIR_COLUMNS;
	if (amx) amx_begin();
	for (long k0 = 0; k0 < k; k0 += 2 * OC_PAIRS)
		for (long j0 = 0; j0 < n; j0 += OC_PAIR_COLUMNS) {
			long depth = least(k - k0, 2 * OC_PAIRS), columns = least(n - j0, OC_PAIR_COLUMNS);
			long pairs = amx ? (depth + 31) / 32 * 16 : (depth + 1) / 2;
			bf16_pack_b(panels, tb ? b + j0 * ldb + k0 : b + k0 * ldb + j0, ldb, tb, depth, columns, pairs);
			long j1 = j0 + OC_PAIR_COLUMNS < n ? j0 + OC_PAIR_COLUMNS : 0, k1 = j1 ? k0 : k0 + 2 * OC_PAIRS; // the next block of b
			long looks = (columns + 31) / 32 * (pairs / 16); // of a pair of tiles' height
			ahead next[2];
			next[1] = block_ahead(b, ldb, !tb, j1, n, OC_PAIR_COLUMNS, k1, k, 2 * OC_PAIRS, 1 + looks * ((m + 31) / 32));
			for (long i0 = 0; i0 < m; i0 += OC_PAIR_BLOCK) {
				long some = least(m - i0, OC_PAIR_BLOCK);
				long i1 = i0 + OC_PAIR_BLOCK < m ? i0 + OC_PAIR_BLOCK : 0;
				next[0] = block_ahead(a, lda, ta, i1, m, OC_PAIR_BLOCK, i1 ? k0 : k1, k, 2 * OC_PAIRS, 1 + looks * ((some + 31) / 32));
				const float *block = ta ? a + k0 * lda + i0 : a + i0 * lda + k0;
				if (amx)
					amx_pack_a(rows, block, lda, ta, some, depth, pairs);
				else
					bf16_pack_a(rows, block, lda, ta, some, depth);
				for (long j = 0; j < columns; j += 32) {
					float *out = c + i0 * n + j0 + j;
					if (amx)
						amx_tiles(some, out, n, rows, panels + j * pairs, pairs, least(columns - j, 32), add || k0 > 0, next);
					else
						bf16_tiles(some, out, n, rows, ta ? 1 : pairs, ta ? OC_PAIR_BLOCK : 1, panels + j * pairs, pairs, least(columns - j, 32), add || k0 > 0);
				}
				if (at_once && k0 + 2 * OC_PAIRS >= k) finish_avx512(then, c, i0 * n, some * n);
			}
		}
	if (!at_once) finish_avx512(then, c, 0, m * n);
	if (amx) amx_end();
}

#undef KERNEL
#undef INLINE
