// The part of kernels_path.h that is attention. Included there.

// Copies the part of one head, [T, E] out of rows of (H+2KV)E, its first 2 `pairs` channels rotated by position where
// RoPE's tables are given (arXiv 2104.09864): channels (i, i+pairs).
INLINE void F(take)(float *out, const float *from, oc_attention o, int rotate) {
	long stride = (o.H + 2 * o.KV) * o.E, half = o.pairs;
	for (long t = 0; t < o.T; t++) {
		const float *x = from + t * stride;
		float *y = out + t * o.E;
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

// Scores of head h, query rows [t0, t1), against the first `n` keys, before their scale: s[t1-t0, n]. A sink logit
// stands in the extra slot; ALiBi adds slope (j - t) to every other (arXiv 2108.12409).
INLINE void F(scores)(float *s, const float *q, const float *k, oc_attention o, const float *sinks, long h, long t0, long t1, long n, float *pack) {
	F(product)(s, n, q + t0 * o.E, o.E, k, o.E, t1 - t0, n, o.E, 0, 1, 0, pack);
	float scale = sqrtf((float)o.E);
	for (long t = t0; sinks && t < t1; t++) s[(t - t0) * n] = scale * sinks[h];
	for (long t = t0; o.slopes && t < t1; t++) {
		float slope = scale * o.slopes[h], *row = s + (t - t0) * n + o.extra;
		for (long j = 0; j < n - o.extra; j++) row[j] += slope * (j - t);
	}
}

// A row of scores becomes a row of probabilities over the first `seen` of n keys, and 0 on the others. Whole rows spare
// the vectors their tails. Returns the log of the sum of exp(root * score).
INLINE float F(softmax)(float *row, long seen, long n, float root) {
	for (long i = seen; i < n; i++) row[i] = -INFINITY;
	long whole = n / LANES * LANES;
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
	memset(row + seen, 0, 4 * (n - seen));
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
			float *q, *k, *v, *s = F(head)(&q, &k, &v, o, qkv, kb, vb, b, h, scratch), *pack = s + OC_BLOCK_T * keys;
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long t1 = t0 + OC_BLOCK_T < o.T ? t0 + OC_BLOCK_T : o.T, n = t1 + o.extra;
				F(scores)(s, q, k, o, sinks, h, t0, t1, n, pack);
				for (long t = t0; t < t1; t++)
					lse[(b * o.H + h) * o.T + t] = F(weights)(s + (t - t0) * n, o, t, n, root);
				F(product)(y + (b * o.T + t0) * width + h * o.E, width, s, n, v, o.E, t1 - t0, o.E, n, 0, 0, 0, pack);
			}
		}
}

KERNEL F(attend_pattern)(oc_attention o, float *p, const float *qkv, const float *kb, const float *sinks, float *scratch) {
	long keys = o.T + o.extra;
	float root = 1.0f / sqrtf((float)o.E);
	memset(p, 0, 4 * o.B * o.H * o.T * keys);
	for (long b = 0; b < o.B; b++)
		for (long h = 0; h < o.H; h++) {
			float *q, *k, *v, *s = F(head)(&q, &k, &v, o, qkv, kb, 0, b, h, scratch), *pack = s + OC_BLOCK_T * keys;
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long t1 = t0 + OC_BLOCK_T < o.T ? t0 + OC_BLOCK_T : o.T, n = t1 + o.extra;
				F(scores)(s, q, k, o, sinks, h, t0, t1, n, pack);
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
INLINE void F(weights_grad)(float *row, float *grad, oc_attention o, long t, long n, float root, float norm, const float *up, const float *out) {
	long seen = t + 1 + o.extra;
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
	memset(row + seen, 0, 4 * (n - seen));
	memset(grad + seen, 0, 4 * (n - seen));
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
			float *dk = dq + keys * o.E, *dv = dk + keys * o.E, *p = dv + keys * o.E, *ds = p + OC_BLOCK_T * keys, *pack = ds + OC_BLOCK_T * keys;
			double sink = 0;
			if (h % group == 0) memset(dk, 0, 8 * keys * o.E);
			for (long t0 = 0; t0 < o.T; t0 += OC_BLOCK_T) {
				long t1 = t0 + OC_BLOCK_T < o.T ? t0 + OC_BLOCK_T : o.T, n = t1 + o.extra, rows = t1 - t0;
				const float *up = dy + (b * o.T + t0) * width + h * o.E, *out = y + (b * o.T + t0) * width + h * o.E;
				F(scores)(p, q, k, o, sinks, h, t0, t1, n, pack);
				F(product)(ds, n, up, width, v, o.E, rows, n, o.E, 0, 1, 0, pack);
				for (long t = t0; t < t1; t++) {
					float *row = p + (t - t0) * n, *grad = ds + (t - t0) * n;
					F(weights_grad)(row, grad, o, t, n, root, lse[(b * o.H + h) * o.T + t], up + (t - t0) * width, out + (t - t0) * width);
					sink += grad[0];
				}
				F(product)(dv, o.E, p, n, up, width, n, o.E, rows, 1, 0, 1, pack);
				F(product)(dq + t0 * o.E, o.E, ds, n, k, o.E, rows, o.E, n, 0, 0, 0, pack);
				F(product)(dk, o.E, ds, n, q + t0 * o.E, o.E, n, o.E, rows, 1, 0, 1, pack);
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
