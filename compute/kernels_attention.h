// The part of kernels_path.h that is attention. Included there.

// Copies the part of one head, [T, E] out of rows of (H+2KV)E, its first 2 `pairs` channels rotated by position where
// RoPE's tables are given (arXiv 2104.09864): channels (i, i+pairs).
INLINE void F(take)(float *out, const float *from, oc_attention o, int rotate) {
	long stride = (o.H + 2 * o.KV) * o.E, half = o.pairs;
	for (long t = 0; t < o.T; t++) {
		const float *x = from + t * stride;
		float *y = out + t * o.E;
		for (long i = 0; i < o.E; i += 16) __builtin_prefetch(x + 8 * stride + i); // rows lie too far apart to be foreseen
		if (!rotate || !o.cosines) {
			memcpy(y, x, 4 * o.E);
			continue;
		}
		for (long i = 0; i < half; i++) {
			float c = o.cosines[t * half + i], s = o.sines[t * half + i];
			y[i] = x[i] * c - x[i + half] * s;
			y[i + half] = x[i] * s + x[i + half] * c;
		}
		memcpy(y + 2 * half, x + 2 * half, 4 * (o.E - 2 * half));
	}
}

// The inverse of take, for gradients.
INLINE void F(give)(float *to, const float *x, oc_attention o, int rotate) {
	long stride = (o.H + 2 * o.KV) * o.E, half = o.pairs;
	for (long t = 0; t < o.T; t++, x += o.E) {
		float *y = to + t * stride;
		if (!rotate || !o.cosines) {
			memcpy(y, x, 4 * o.E);
			continue;
		}
		for (long i = 0; i < half; i++) {
			float c = o.cosines[t * half + i], s = o.sines[t * half + i];
			y[i] = x[i] * c + x[i + half] * s;
			y[i + half] = x[i + half] * c - x[i] * s;
		}
		memcpy(y + 2 * half, x + 2 * half, 4 * (o.E - 2 * half));
	}
}

// One head's q [T,E], k and v [keys,E] in scratch; the extra slot is key 0, zero where no vector is given. Query head h
// reads key and value head h KV/H (arXiv 2305.13245). Returns what is left of scratch.
INLINE float *F(head)(float **q, float **k, float **v, oc_attention o, const float *qkv, const float *kb, const float *vb, long b, long h, float *scratch) {
	long keys = o.T + o.extra, width = o.H * o.E, shared = o.KV * o.E, at = h * o.KV / o.H * o.E;
	const float *from = qkv + b * o.T * (width + 2 * shared);
	*q = scratch;
	*k = *q + keys * o.E;
	*v = *k + keys * o.E;
	F(take)(*q, from + h * o.E, o, 1);
	F(take)(*k + o.extra * o.E, from + width + at, o, 1);
	F(take)(*v + o.extra * o.E, from + width + shared + at, o, 0);
	if (o.extra) {
		memset(*k, 0, 4 * o.E);
		memset(*v, 0, 4 * o.E);
		if (kb) memcpy(*k, kb + at, 4 * o.E);
		if (vb) memcpy(*v, vb + at, 4 * o.E);
	}
	return *v + keys * o.E;
}

// What rounds up to whole panels.
INLINE long F(panels)(long n) { return (n + 2 * LANES - 1) / (2 * LANES) * (2 * LANES); }

// x y^T for query rows [t0, t1) of x, rows ldx apart, and the keys that one of them sees, packed: s[t1-t0, n], a panel of
// keys only from the first query on that sees it. What lies above is left as it was.
INLINE void F(seen_keys)(float *s, const float *x, long ldx, const float *panels, oc_attention o, long t0, long t1) {
	long n = t1 + o.extra;
	for (long j = 0; j < n; j += 2 * LANES) {
		long from = j - o.extra > t0 ? j - o.extra : t0;
		F(packed_product)(s + (from - t0) * n + j, n, x + (from - t0) * ldx, ldx, 1, panels + j * o.E, 0, t1 - from, n - j < 2 * LANES ? n - j : 2 * LANES, o.E, 0);
	}
}

// c[t1-t0, E] = s x for weights s of query rows [t0, t1), and x [keys, E], packed: a tile sums over the keys that it sees.
INLINE void F(sum_keys)(float *c, long ldc, const float *s, const float *panels, oc_attention o, long t0, long t1) {
	long n = t1 + o.extra, keys = o.T + o.extra;
	for (long t = t0, rows; t < t1; t += rows) {
		rows = t1 - t >= TILE_ROWS * 3 / 2 ? TILE_ROWS : t1 - t;
		F(packed_product)(c + (t - t0) * ldc, ldc, s + (t - t0) * n, n, 1, panels, keys * 2 * LANES, rows, o.E, t + rows + o.extra, 0);
	}
}

// c[n, E] += s^T x for weights s of query rows [t0, t1), and x [T, E], packed: a tile of keys sums over the queries that see it.
INLINE void F(sum_queries)(float *c, const float *s, const float *panels, oc_attention o, long t0, long t1) {
	long n = t1 + o.extra, all = t0 + 1 + o.extra; // keys that every query of the block sees
	F(packed_product)(c, o.E, s, 1, n, panels + t0 * 2 * LANES, o.T * 2 * LANES, all, o.E, t1 - t0, 1);
	for (long j = all, some; j < n; j += some) {
		long from = j - o.extra;
		some = n - j >= TILE_ROWS * 3 / 2 ? TILE_ROWS : n - j;
		F(packed_product)(c + j * o.E, o.E, s + (from - t0) * n + j, 1, n, panels + from * 2 * LANES, o.T * 2 * LANES, some, o.E, t1 - from, 1);
	}
}

// Scores of head h, query rows [t0, t1), against the keys that they see, before their scale: s[t1-t0, t1+extra]. A sink
// logit stands in the extra slot; ALiBi adds slope (j - t) to every other (arXiv 2108.12409).
INLINE void F(scores)(float *s, const float *q, const float *keys, oc_attention o, const float *sinks, long h, long t0, long t1) {
	long n = t1 + o.extra;
	F(seen_keys)(s, q + t0 * o.E, o.E, keys, o, t0, t1);
	float scale = sqrtf((float)o.E);
	for (long t = t0; sinks && t < t1; t++) s[(t - t0) * n] = scale * sinks[h];
	for (long t = t0; o.slopes && t < t1; t++) {
		float slope = scale * o.slopes[h], *row = s + (t - t0) * n + o.extra;
		for (long j = 0; j <= t; j++) row[j] += slope * (j - t);
	}
}

// The first `seen` of n, in whole vectors where n has them: a row spares its vectors their tails.
INLINE long F(vectors)(long seen, long n) {
	long whole = (seen + LANES - 1) / LANES * LANES;
	return whole < n ? whole : n;
}

// A row of scores becomes a row of probabilities over the first `seen` of `keys`, and 0 on the others. Returns the log of
// the sum of exp(root * score).
INLINE float F(softmax)(float *row, long seen, long keys, float root) {
	long n = F(vectors)(seen, keys), whole = n / LANES * LANES;
	for (long i = seen; i < n; i++) row[i] = -INFINITY;
	float top = row[0];
	if (whole) {
		vec most = F(load)(row);
		for (long i = LANES; i < whole; i += LANES) most = MOST(F(load)(row + i), most);
		top = F(largest)(most);
	}
	for (long i = whole; i < n; i++) top = row[i] > top ? row[i] : top;
	vec sum = {0};
	for (long i = 0; i < whole; i += LANES) {
		vec e = F(vexp)(root * (F(load)(row + i) - top));
		F(store)(row + i, e);
		sum += e;
	}
	float total = F(total)(sum), tail[LANES];
	if (whole < n) {
		F(store)(tail, F(vexp)(root * (F(load_tail)(row + whole, n - whole) - top)));
		for (long i = 0; i < n - whole; i++) total += row[whole + i] = tail[i];
	}
	float share = 1.0f / total;
	for (long i = 0; i < whole; i += LANES) F(store)(row + i, share * F(load)(row + i));
	for (long i = whole; i < n; i++) row[i] *= share;
	memset(row + seen, 0, 4 * (keys - seen));
	return root * top + (float)log((double)total);
}

// A row of scores becomes a row of sigmoid weights (arXiv 2409.04431), over their sum where that is told. Returns the sum.
INLINE float F(sigmoids)(float *row, long seen, long n, float root, float bias, int normalise) {
	EACH(seen, row, F(sigmoid)(root * AT(row) + bias));
	memset(row + seen, 0, 4 * (n - seen));
	float sum = F(sum)(row, seen);
	if (normalise) F(scale)(row, 1.0f / sum, seen);
	return sum;
}

// A row of scores becomes a row of weights by the attention's mode; `seen` of n keys are visible to query t. Returns what
// the gradient needs: the log-sum-exp, or the sum of sigmoids.
INLINE float F(weights)(float *row, oc_attention o, long t, long n, float root) {
	long seen = t + 1 + o.extra;
	switch (o.mode) {
	case OC_SOFTMAX: return F(softmax)(row, seen, n, root);
	case OC_RELU_ROWS: { // relu(s) / (t+1) (arXiv 2410.13835)
		float share = root / (t + 1);
		EACH(seen, row, share * F(above)(AT(row)));
		memset(row + seen, 0, 4 * (n - seen));
		return 0;
	}
	}
	return F(sigmoids)(row, seen, n, root, o.bias, o.mode == OC_SIGMOID_NORMALISED);
}

KERNEL F(attend)(oc_attention o, float *y, float *lse, const float *qkv, const float *kb, const float *vb, const float *sinks, float *scratch) {
	long keys = o.T + o.extra, width = o.H * o.E;
	float root = 1.0f / sqrtf((float)o.E);
	for (long b = 0; b < o.B; b++)
		for (long h = 0; h < o.H; h++) {
			float *q, *k, *v, *s = F(head)(&q, &k, &v, o, qkv, kb, vb, b, h, scratch);
			float *columns = s + OC_BLOCK_T * keys, *values = columns + F(panels)(keys) * o.E;
			F(pack_panels)(columns, k, o.E, 1, 0, o.E, 0, keys);
			F(pack_panels)(values, v, o.E, 0, 0, keys, 0, o.E);
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long t1 = t0 + OC_BLOCK_T < o.T ? t0 + OC_BLOCK_T : o.T, n = t1 + o.extra;
				F(scores)(s, q, columns, o, sinks, h, t0, t1);
				for (long t = t0; t < t1; t++)
					lse[(b * o.H + h) * o.T + t] = F(weights)(s + (t - t0) * n, o, t, n, root);
				F(sum_keys)(y + (b * o.T + t0) * width + h * o.E, width, s, values, o, t0, t1);
			}
		}
}

KERNEL F(attend_pattern)(oc_attention o, float *p, const float *qkv, const float *kb, const float *sinks, float *scratch) {
	long keys = o.T + o.extra;
	float root = 1.0f / sqrtf((float)o.E);
	memset(p, 0, 4 * o.B * o.H * o.T * keys);
	for (long b = 0; b < o.B; b++)
		for (long h = 0; h < o.H; h++) {
			float *q, *k, *v, *s = F(head)(&q, &k, &v, o, qkv, kb, 0, b, h, scratch), *columns = s + OC_BLOCK_T * keys;
			F(pack_panels)(columns, k, o.E, 1, 0, o.E, 0, keys);
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long t1 = t0 + OC_BLOCK_T < o.T ? t0 + OC_BLOCK_T : o.T, n = t1 + o.extra;
				F(scores)(s, q, columns, o, sinks, h, t0, t1);
				for (long t = t0; t < t1; t++) {
					float *row = s + (t - t0) * n;
					F(weights)(row, o, t, n, root);
					memcpy(p + ((b * o.H + h) * o.T + t) * keys, row, 4 * n);
				}
			}
		}
}

// A row of scores and one of dP = dY V^T become P and dS, before the scale of S: for softmax dS = P (dP - rowsum(dY Y)),
// for sigmoids P (1 - sigmoid) dP (less rowsum(dY Y) when normalised), for relu dP where the score is above 0.
INLINE void F(weights_grad)(float *row, float *grad, oc_attention o, long t, long keys, float root, float norm, const float *up, const float *out) {
	long seen = t + 1 + o.extra, n = F(vectors)(seen, keys);
	float inner = F(dot)(up, out, o.E);
	switch (o.mode) {
	case OC_SOFTMAX:
		EACH(n, row, F(vexp)(root * AT(row) - norm));
		EACH(n, grad, AT(row) * (AT(grad) - inner) * root);
		break;
	case OC_RELU_ROWS: {
		float share = root / (t + 1);
		EACH(n, grad, F(pick)(AT(row) <= F(all)(0), F(all)(0), share * AT(grad)));
		EACH(n, row, share * F(above)(AT(row)));
		break;
	}
	default: {
		int normalise = o.mode == OC_SIGMOID_NORMALISED;
		float share = normalise ? 1.0f / norm : 1.0f;
		if (!normalise) inner = 0;
		EACH(n, row, F(sigmoid)(root * AT(row) + o.bias));
		EACH(n, grad, share * AT(row) * (1.0f - AT(row)) * (AT(grad) - inner) * root);
		EACH(n, row, share * AT(row));
	}
	}
	memset(row + seen, 0, 4 * (keys - seen));
	memset(grad + seen, 0, 4 * (keys - seen));
}

// With P and dS as above: dV = P^T dY, dQ = dS K / sqrt(E), dK = dS^T Q / sqrt(E), summed over the query heads that share
// them; the gradient of a sink logit is the sum of its column of dS.
KERNEL F(attend_grad)(oc_attention o, float *dqkv, float *dkb, float *dvb, float *dsinks, const float *dy, const float *y, const float *lse, const float *qkv, const float *kb, const float *vb, const float *sinks, float *scratch) {
	long keys = o.T + o.extra, width = o.H * o.E, shared = o.KV * o.E, group = o.H / o.KV;
	float root = 1.0f / sqrtf((float)o.E);
	if (dkb) memset(dkb, 0, 4 * shared);
	if (dvb) memset(dvb, 0, 4 * shared);
	if (dsinks) memset(dsinks, 0, 4 * o.H);
	for (long b = 0; b < o.B; b++)
		for (long h = 0; h < o.H; h++) {
			float *q, *k, *v, *dq = F(head)(&q, &k, &v, o, qkv, kb, vb, b, h, scratch);
			float *dk = dq + keys * o.E, *dv = dk + keys * o.E, *p = dv + keys * o.E, *ds = p + OC_BLOCK_T * keys;
			float *columns = ds + OC_BLOCK_T * keys, *across = columns + F(panels)(keys) * o.E; // k and v by panels of keys
			float *ks = across + F(panels)(keys) * o.E, *qs = ks + keys * F(panels)(o.E), *ups = qs + o.T * F(panels)(o.E); // by panels of channels
			F(pack_panels)(columns, k, o.E, 1, 0, o.E, 0, keys);
			F(pack_panels)(across, v, o.E, 1, 0, o.E, 0, keys);
			F(pack_panels)(ks, k, o.E, 0, 0, keys, 0, o.E);
			F(pack_panels)(qs, q, o.E, 0, 0, o.T, 0, o.E);
			F(pack_panels)(ups, dy + b * o.T * width + h * o.E, width, 0, 0, o.T, 0, o.E);
			double sink = 0;
			if (h % group == 0) memset(dk, 0, 8 * keys * o.E);
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long t1 = t0 + OC_BLOCK_T < o.T ? t0 + OC_BLOCK_T : o.T, n = t1 + o.extra;
				const float *up = dy + (b * o.T + t0) * width + h * o.E, *out = y + (b * o.T + t0) * width + h * o.E;
				F(scores)(p, q, columns, o, sinks, h, t0, t1);
				F(seen_keys)(ds, up, width, across, o, t0, t1);
				for (long t = t0; t < t1; t++) {
					float *row = p + (t - t0) * n, *grad = ds + (t - t0) * n;
					F(weights_grad)(row, grad, o, t, n, root, lse[(b * o.H + h) * o.T + t], up + (t - t0) * width, out + (t - t0) * width);
					sink += grad[0];
				}
				F(sum_queries)(dv, p, ups, o, t0, t1);
				F(sum_keys)(dq + t0 * o.E, o.E, ds, ks, o, t0, t1);
				F(sum_queries)(dk, ds, qs, o, t0, t1);
			}
			if (dsinks) dsinks[h] += (float)(sink / root);
			float *to = dqkv + b * o.T * (width + 2 * shared);
			F(give)(to + h * o.E, dq, o, 1);
			if ((h + 1) % group) continue;
			long at = h / group * o.E;
			F(give)(to + width + at, dk + o.extra * o.E, o, 1);
			F(give)(to + width + shared + at, dv + o.extra * o.E, o, 0);
			if (dkb) F(add)(dkb + at, dkb + at, dk, o.E);
			if (dvb) F(add)(dvb + at, dvb + at, dv, o.E);
		}
}
