// Attention: a part of kernels_path.h.

// Copies one head, [T, E], out of rows of (H+2KV)E. If RoPE's tables are given, its first 2 `pairs` channels are
// rotated by position (arXiv 2104.09864): channels (i, i+pairs).
INLINE void F(take)(float *out, const float *from, oc_attention o, int rotate) {
	long stride = (o.H + 2 * o.KV) * o.E, half = rotate && o.cosines ? o.pairs : 0;
	const float *c = o.cosines, *s = o.sines;
	for (long t = 0; t < o.T; t++, c += half, s += half) {
		const float *x = from + t * stride;
		float *y = out + t * o.E;
		for (long i = 0; i < o.E; i += OC_LINE) __builtin_prefetch(x + OC_ROWS * stride + i);
		EACH(half, y, AT(x) * AT(c) - AT(x + half) * AT(s));
		EACH(half, y + half, AT(x) * AT(s) + AT(x + half) * AT(c));
		EACH(o.E - 2 * half, y + 2 * half, AT(x + 2 * half));
	}
}

// The inverse of take, for gradients.
INLINE void F(give)(float *to, const float *x, oc_attention o, int rotate) {
	long stride = (o.H + 2 * o.KV) * o.E, half = rotate && o.cosines ? o.pairs : 0;
	const float *c = o.cosines, *s = o.sines;
	for (long t = 0; t < o.T; t++, x += o.E, c += half, s += half) {
		float *y = to + t * stride;
		for (long i = 0; i < o.E; i += OC_LINE) __builtin_prefetch(y + OC_ROWS * stride + i, 1);
		EACH(half, y, AT(x) * AT(c) + AT(x + half) * AT(s));
		EACH(half, y + half, AT(x + half) * AT(c) - AT(x) * AT(s));
		EACH(o.E - 2 * half, y + 2 * half, AT(x + 2 * half));
	}
}

// One head's q [T,E], k and v [keys,E] in scratch. The extra slot is key 0, zero if no vector is given. It returns the
// rest of scratch.
INLINE float *F(head)(float **q, float **k, float **v, oc_attention o, const float *qkv, const float *kb, const float *vb, long b, long h, float *scratch) {
	long keys = o.T + o.extra, at = h * o.KV / o.H * o.E;
	ahead part[3];
	head_rows(part, qkv, o, b, h);
	*q = scratch;
	*k = *q + keys * o.E;
	*v = *k + keys * o.E;
	F(take)(*q, part[0].x, o, 1);
	F(take)(*k + o.extra * o.E, part[1].x, o, 1);
	F(take)(*v + o.extra * o.E, part[2].x, o, 0);
	if (o.extra) {
		memset(*k, 0, 4 * o.E);
		memset(*v, 0, 4 * o.E);
		if (kb) memcpy(*k, kb + at, 4 * o.E);
		if (vb) memcpy(*v, vb + at, 4 * o.E);
	}
	return *v + keys * o.E;
}

// The functions below take OC_BLOCK_T queries at a time, from t0 on, one per lane: a block of scores or weights is
// s[keys, OC_BLOCK_T]. Every query of the block sees `common` keys, the last sees n; lanes beyond the end of the
// sequence hold queries of zeros.

// The queries of a block, and its lanes: whole panels.
INLINE long F(queries)(oc_attention o, long t0) { return o.T - t0 < OC_BLOCK_T ? o.T - t0 : OC_BLOCK_T; }
INLINE long F(lanes)(oc_attention o, long t0) { return F(panels)(F(queries)(o, t0)); }

// The lanes from c on that see the i-th key after the common ones.
INLINE ivec F(see)(long c, long i) { return (ivec){LANE_NUMBERS} > (ivec){0} + (int)(i - c); }

// s = x y^T for x [keys, E] and the packed y of the block.
INLINE void F(meet)(float *s, const float *x, const float *across, oc_attention o, long t0, long n, wanted *next) {
	F(packed_product)(s, OC_BLOCK_T, x, o.E, 1, across + t0 * o.E, o.E * 2 * LANES, n, F(lanes)(o, t0), o.E, 0, next);
}

// c[queries, E] = s^T x for weights s and packed x [keys, E]: a tile sums over the keys that its last query sees.
INLINE void F(sum_keys)(float *c, long ldc, const float *s, const float *panels, oc_attention o, long t0, wanted *next) {
	long keys = o.T + o.extra, queries = F(queries)(o, t0);
	for (long t = 0, rows; t < queries; t += rows) {
		rows = queries - t >= TILE_ROWS * 3 / 2 ? TILE_ROWS : queries - t;
		F(packed_product)(c + t * ldc, ldc, s + t, 1, OC_BLOCK_T, panels, keys * 2 * LANES, rows, o.E, t0 + t + rows + o.extra, 0, next);
	}
}

// c[keys, E] += s x for weights s and packed x [T, E]: a tile sums over the queries that see its first key.
INLINE void F(sum_queries)(float *c, const float *s, const float *panels, oc_attention o, long t0, wanted *next) {
	long common = t0 + 1 + o.extra, queries = F(queries)(o, t0), n = t0 + queries + o.extra;
	F(packed_product)(c, o.E, s, OC_BLOCK_T, 1, panels + t0 * 2 * LANES, o.T * 2 * LANES, common, o.E, queries, 1, next);
	for (long j = common, some; j < n; j += some) {
		long from = j - common + 1;
		some = n - j >= TILE_ROWS * 3 / 2 ? TILE_ROWS : n - j;
		F(packed_product)(c + j * o.E, o.E, s + j * OC_BLOCK_T + from, OC_BLOCK_T, 1, panels + (t0 + from) * 2 * LANES, o.T * 2 * LANES, some, o.E, queries - from, 1, next);
	}
}

// The scores of head h before their scale. The extra slot holds the sink logit, if any; ALiBi adds slope (j - t) to
// every other score (arXiv 2108.12409).
INLINE void F(scores)(float *s, const float *k, const float *across, oc_attention o, const float *sinks, long h, long t0, long n, wanted *next) {
	F(meet)(s, k, across, o, t0, n, next);
	float scale = sqrtf((float)o.E), slope = o.slopes ? scale * o.slopes[h] : 0;
	long lanes = F(lanes)(o, t0);
	for (long c = 0; sinks && c < lanes; c++) s[c] = scale * sinks[h];
	for (long j = o.extra; o.slopes && j < n; j++)
		for (long c = 0; c < lanes; c++) s[j * OC_BLOCK_T + c] += slope * (j - o.extra - t0 - c);
}

// The largest score that each lane from c on sees.
INLINE vec F(top)(const float *s, long c, long common, long n) {
	vec least = F(all)(-INFINITY), top[4] = {least, least, least, least};
	long j = 0;
	for (; j + 4 <= common; j += 4)
		for (int i = 0; i < 4; i++) top[i] = MOST(F(load)(s + (j + i) * OC_BLOCK_T + c), top[i]);
	for (; j < common; j++) top[0] = MOST(F(load)(s + j * OC_BLOCK_T + c), top[0]);
	for (; j < n; j++) top[1] = MOST(F(pick)(F(see)(c, j - common), F(load)(s + j * OC_BLOCK_T + c), least), top[1]);
	vec a = MOST(top[0], top[1]), b = MOST(top[2], top[3]);
	return MOST(a, b);
}

// root/(t+1) for the queries t of the lanes from c on (arXiv 2410.13835).
INLINE vec F(row_share)(float root, long t0, long c) { return root / (__builtin_convertvector((ivec){LANE_NUMBERS}, vec) + (float)(t0 + c + 1)); }

// Turns scores into weights, 0 for keys not seen; each query's weights are still to be multiplied by its `share`:
// exp(root s - shift), sigmoid(root s + bias) or max(s, 0). norm is what the gradient needs: a log-sum-exp, or a sum.
INLINE void F(weights_of)(const int mode, float *s, oc_attention o, long t0, long n, float *share, float *norm) {
	long common = t0 + 1 + o.extra, lanes = F(lanes)(o, t0);
	float root = 1.0f / sqrtf((float)o.E);
	for (long c = 0; c < lanes; c += LANES) {
		vec shift = {0}, sum = {0}, one = F(all)(1.0f), part = one;
		if (mode == OC_SOFTMAX) shift = root * F(top)(s, c, common, n);
		for (long j = 0; j < n; j++) {
			vec x = F(load)(s + j * OC_BLOCK_T + c), w;
			if (mode == OC_SOFTMAX)
				w = F(vexp)(root * x - shift);
			else if (mode == OC_RELU_ROWS)
				w = F(above)(x);
			else
				w = F(sigmoid)(root * x + o.bias);
			if (j >= common) w = F(pick)(F(see)(c, j - common), w, F(all)(0));
			F(store)(s + j * OC_BLOCK_T + c, w);
			sum += w;
		}
		if (mode == OC_RELU_ROWS)
			part = F(row_share)(root, t0, c);
		else if (mode != OC_SIGMOIDS)
			part = one / sum;
		F(store)(share + c, part);
		if (mode == OC_SOFTMAX) sum = shift + F(vlog)(sum);
		F(store)(norm + c, sum);
	}
}

// Given the gradient g = dY V^T of the weights P, s becomes P, and g the gradient of the scores before their scale. For
// softmax dS = P (g - inner) root, inner = rowsum(dY Y); for sigmoids P (1 - sigmoid) (g - inner) root, with inner 0
// unless they are normalised; for relu g root/(t+1) if the score is above 0.
INLINE void F(weights_grad_of)(const int mode, float *s, float *g, oc_attention o, long t0, long n, const float *norm, const float *inner) {
	long common = t0 + 1 + o.extra, lanes = F(lanes)(o, t0);
	float root = 1.0f / sqrtf((float)o.E);
	for (long c = 0; c < lanes; c += LANES) {
		vec one = F(all)(1.0f), none = F(all)(0), sum = F(load)(norm + c), mean = none, share = one;
		if (mode != OC_SIGMOIDS) mean = F(load)(inner + c);
		if (mode == OC_RELU_ROWS)
			share = F(row_share)(root, t0, c);
		else if (mode == OC_SIGMOID_NORMALISED)
			share = one / sum;
		for (long j = 0; j < n; j++) {
			vec x = F(load)(s + j * OC_BLOCK_T + c), up = F(load)(g + j * OC_BLOCK_T + c), p, down;
			if (mode == OC_SOFTMAX) {
				p = F(vexp)(root * x - sum);
				down = p * (up - mean) * root;
			} else if (mode == OC_RELU_ROWS) {
				p = share * F(above)(x);
				down = F(pick)(x <= none, none, share * up);
			} else {
				vec w = F(sigmoid)(root * x + o.bias);
				p = share * w;
				down = p * (one - w) * (up - mean) * root;
			}
			if (j >= common) {
				ivec see = F(see)(c, j - common);
				p = F(pick)(see, p, none);
				down = F(pick)(see, down, none);
			}
			F(store)(s + j * OC_BLOCK_T + c, p);
			F(store)(g + j * OC_BLOCK_T + c, down);
		}
	}
}

// One case per mode, so that no loop has to branch on it.
#define MODES(f, ...) \
	switch (o.mode) { \
	case OC_SOFTMAX: F(f)(OC_SOFTMAX, __VA_ARGS__); break; \
	case OC_SIGMOIDS: F(f)(OC_SIGMOIDS, __VA_ARGS__); break; \
	case OC_SIGMOID_NORMALISED: F(f)(OC_SIGMOID_NORMALISED, __VA_ARGS__); break; \
	default: F(f)(OC_RELU_ROWS, __VA_ARGS__); \
	}

// Prefetches what the i-th of the B H heads reads and writes, in parts of T rows: q, k and v, y, and for the gradient
// dy and those of q, k and v. This happens while the head before works on two products of T x T x E, or five. After the
// last head there is nothing to prefetch.
INLINE wanted F(head_ahead)(ahead part[8], oc_attention o, long i, const float *qkv, const float *y, const float *dy, const float *dqkv) {
	if (i == o.B * o.H) return (wanted){0};
	long b = i / o.H, h = i % o.H, at = (b * o.T * o.H + h) * o.E, parts = dy ? 8 : 4;
	long lines = parts * o.T * ((o.E + OC_LINE - 1) / OC_LINE);
	long times = (dy ? 5 : 2) * o.T * (o.T + OC_BLOCK_T) / (4 * LANES * TILE_ROWS) * o.E / OC_STEPS + 1; // prefetches by tiles
	head_rows(part, qkv, o, b, h);
	part[3] = (ahead){y + at, o.H * o.E};
	if (dy) {
		part[4] = (ahead){dy + at, o.H * o.E};
		head_rows(part + 5, dqkv, o, b, h);
	}
	for (int p = 0; p < parts; p++) {
		part[p].rows = o.T;
		part[p].width = o.E;
		part[p].each = (lines + times - 1) / times;
		part[p].then = p + 1 < parts ? part + p + 1 : 0;
	}
	return (wanted){.a = part[0]};
}

KERNEL F(attend)(oc_attention o, float *y, float *lse, const float *qkv, const float *kb, const float *vb, const float *sinks, float *scratch) {
	long keys = o.T + o.extra, width = o.H * o.E;
	float share[OC_BLOCK_T], norm[OC_BLOCK_T];
	for (long b = 0; b < o.B; b++)
		for (long h = 0; h < o.H; h++) {
			float *q, *k, *v, *s = F(head)(&q, &k, &v, o, qkv, kb, vb, b, h, scratch);
			float *across = s + OC_BLOCK_T * keys, *values = across + F(panels)(o.T) * o.E;
			F(pack_panels)(across, q, o.E, 1, 0, o.E, 0, o.T);
			F(pack_panels)(values, v, o.E, 0, 0, keys, 0, o.E);
			ahead parts[8];
			wanted next = F(head_ahead)(parts, o, b * o.H + h + 1, qkv, y, 0, 0);
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long queries = F(queries)(o, t0), n = t0 + queries + o.extra;
				float *out = y + (b * o.T + t0) * width + h * o.E;
				F(scores)(s, k, across, o, sinks, h, t0, n, &next);
				MODES(weights_of, s, o, t0, n, share, norm)
				memcpy(lse + (b * o.H + h) * o.T + t0, norm, 4 * queries);
				F(sum_keys)(out, width, s, values, o, t0, &next);
				for (long t = 0; t < queries; t++) EACH(o.E, out + t * width, share[t] * AT(out + t * width));
			}
		}
}

KERNEL F(attend_pattern)(oc_attention o, float *p, const float *qkv, const float *kb, const float *sinks, float *scratch) {
	long keys = o.T + o.extra;
	float share[OC_BLOCK_T], norm[OC_BLOCK_T];
	memset(p, 0, 4 * o.B * o.H * o.T * keys);
	for (long b = 0; b < o.B; b++)
		for (long h = 0; h < o.H; h++) {
			float *q, *k, *v, *s = F(head)(&q, &k, &v, o, qkv, kb, 0, b, h, scratch), *across = s + OC_BLOCK_T * keys;
			F(pack_panels)(across, q, o.E, 1, 0, o.E, 0, o.T);
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long queries = F(queries)(o, t0), n = t0 + queries + o.extra;
				F(scores)(s, k, across, o, sinks, h, t0, n, 0);
				MODES(weights_of, s, o, t0, n, share, norm)
				for (long t = 0; t < queries; t++) {
					float *row = p + ((b * o.H + h) * o.T + t0 + t) * keys;
					for (long j = 0; j < n; j++) row[j] = share[t] * s[j * OC_BLOCK_T + t];
				}
			}
		}
}

// With P and dS as above: dV = P^T dY, dQ = dS K / sqrt(E), dK = dS^T Q / sqrt(E), summed over the query heads that
// share k and v; the gradient of a sink logit is the sum of its column of dS.
KERNEL F(attend_grad)(oc_attention o, float *dqkv, float *dkb, float *dvb, float *dsinks, const float *dy, const float *y, const float *lse, const float *qkv, const float *kb, const float *vb, const float *sinks, float *scratch) {
	long keys = o.T + o.extra, width = o.H * o.E, shared = o.KV * o.E, group = o.H / o.KV;
	float root = 1.0f / sqrtf((float)o.E), norm[OC_BLOCK_T] = {0}, inner[OC_BLOCK_T] = {0};
	if (dkb) memset(dkb, 0, 4 * shared);
	if (dvb) memset(dvb, 0, 4 * shared);
	if (dsinks) memset(dsinks, 0, 4 * o.H);
	for (long b = 0; b < o.B; b++)
		for (long h = 0; h < o.H; h++) {
			float *q, *k, *v, *dq = F(head)(&q, &k, &v, o, qkv, kb, vb, b, h, scratch);
			float *dk = dq + keys * o.E, *dv = dk + keys * o.E, *p = dv + keys * o.E, *ds = p + OC_BLOCK_T * keys;
			float *across = ds + OC_BLOCK_T * keys, *ups_across = across + F(panels)(o.T) * o.E; // q and dy in panels of queries
			float *ks = ups_across + F(panels)(o.T) * o.E, *qs = ks + keys * F(panels)(o.E), *ups = qs + o.T * F(panels)(o.E); // in panels of channels
			const float *up = dy + b * o.T * width + h * o.E, *out = y + b * o.T * width + h * o.E;
			F(pack_panels)(across, q, o.E, 1, 0, o.E, 0, o.T);
			F(pack_panels)(ups_across, up, width, 1, 0, o.E, 0, o.T);
			F(pack_panels)(ks, k, o.E, 0, 0, keys, 0, o.E);
			F(pack_panels)(qs, q, o.E, 0, 0, o.T, 0, o.E);
			F(pack_panels)(ups, up, width, 0, 0, o.T, 0, o.E);
			ahead parts[8];
			wanted next = F(head_ahead)(parts, o, b * o.H + h + 1, qkv, y, dy, dqkv);
			double sink = 0;
			if (h % group == 0) memset(dk, 0, 8 * keys * o.E);
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long queries = F(queries)(o, t0), n = t0 + queries + o.extra;
				memcpy(norm, lse + (b * o.H + h) * o.T + t0, 4 * queries);
				for (long t = 0; t < queries; t++) inner[t] = F(dot)(up + (t0 + t) * width, out + (t0 + t) * width, o.E);
				F(scores)(p, k, across, o, sinks, h, t0, n, &next);
				F(meet)(ds, v, ups_across, o, t0, n, &next);
				MODES(weights_grad_of, p, ds, o, t0, n, norm, inner)
				for (long t = 0; t < queries; t++) sink += ds[t];
				F(sum_queries)(dv, p, ups, o, t0, &next);
				F(sum_keys)(dq + t0 * o.E, o.E, ds, ks, o, t0, &next);
				F(sum_queries)(dk, ds, qs, o, t0, &next);
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

#undef MODES
