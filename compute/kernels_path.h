// The kernels for one vector width. PATH names it, LANES is the width in floats, TILE_ROWS the height of matmul's
// register tile, TARGET the instruction set. Sums run in a fixed order, so that equal input gives equal bits.

#define F(name) OC_JOIN(name, PATH)
#define KERNEL TARGET static void
#define INLINE TARGET static inline __attribute__((always_inline))

typedef float F(vec) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int F(ivec) __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
#define vec F(vec)
#define ivec F(ivec)

INLINE vec F(load)(const float *p) { return *(const vec *)p; }
INLINE void F(store)(float *p, vec v) { *(vec *)p = v; }
INLINE vec F(all)(float x) { return x - (vec){0}; }
INLINE vec F(pick)(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }

INLINE vec F(load_tail)(const float *p, long n) {
	vec v = {0};
	memcpy(&v, p, 4 * n);
	return v;
}

// Both fold the upper half of the lanes onto the lower until one is left.
INLINE float F(total)(vec v) {
	float s[LANES];
	F(store)(s, v);
#pragma GCC unroll 4
	for (int half = LANES / 2; half; half /= 2)
		for (int i = 0; i < half; i++) s[i] += s[i + half];
	return s[0];
}

INLINE float F(largest)(vec v) {
	float s[LANES];
	F(store)(s, v);
#pragma GCC unroll 4
	for (int half = LANES / 2; half; half /= 2)
		for (int i = 0; i < half; i++) s[i] = s[i + half] > s[i] ? s[i + half] : s[i];
	return s[0];
}

// exp by x = n ln 2 + r, |r| <= ln 2 / 2, and a polynomial of degree 6 (Taylor to r^7 in the last term); clamped to
// [-87, 88]. NaN stays NaN.
INLINE vec F(vexp)(vec x) {
	vec c = F(pick)(x < F(all)(-87.0f), F(all)(-87.0f), x);
	c = F(pick)(c > F(all)(88.0f), F(all)(88.0f), c);
	vec magic = F(all)(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer
	vec n = (c * 1.44269504f + magic) - magic;
	vec r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
	vec p = F(all)(1.0f / 5040);
	p = p * r + 1.0f / 720;
	p = p * r + 1.0f / 120;
	p = p * r + 1.0f / 24;
	p = p * r + 1.0f / 6;
	p = p * r + 0.5f;
	p = p * r + 1.0f;
	p = p * r + 1.0f;
	ivec e = (__builtin_convertvector(F(pick)(x == x, n, F(all)(0)), ivec) + 127) << 23;
	return F(pick)(x == x, p * (vec)e, x);
}

// Phi(x) = (1 + erf(x/sqrt 2))/2 by Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7 in erf); density is
// exp(-x^2/2).
INLINE vec F(vphi)(vec x, vec *density) {
	vec z = F(pick)(x < F(all)(0), -x, x) * 0.70710678f;
	vec t = 1.0f / (1.0f + 0.3275911f * z);
	vec e = F(vexp)(-0.5f * x * x);
	vec p = ((((1.061405429f * t - 1.453152027f) * t + 1.421413741f) * t - 0.284496736f) * t + 0.254829592f) * t;
	vec tail = 0.5f * p * e;
	*density = e;
	return F(pick)(x < F(all)(0), tail, 1.0f - tail);
}

INLINE vec F(vgelu)(vec x) {
	vec e;
	return x * F(vphi)(x, &e);
}

INLINE vec F(vgelu_slope)(vec x) {
	vec e, p = F(vphi)(x, &e);
	return p + x * e * 0.39894228f;
}

// Runs `out[i..] = expr` over n floats, a vector at a time and the tail through zero-padded vectors.
#define EACH(n, out, ...) \
	do { \
		long i_ = 0, n_ = (n); \
		for (; i_ + LANES <= n_; i_ += LANES) { \
			_Pragma("GCC diagnostic push") __typeof__(0L) i = i_; \
			_Pragma("GCC diagnostic pop") (void)i; \
			vec r_ = ({ int full = 1; long left = LANES; (void)full; (void)left; __VA_ARGS__; }); \
			F(store)((out) + i_, r_); \
		} \
		if (i_ < n_) { \
			long i = i_, left = n_ - i_; \
			int full = 0; \
			(void)full; \
			vec r_ = ({ __VA_ARGS__; }); \
			memcpy((out) + i, &r_, 4 * left); \
		} \
	} while (0)
#define AT(p) (full ? F(load)((p) + i) : F(load_tail)((p) + i, left))

KERNEL F(add)(float *y, const float *a, const float *b, long n) { EACH(n, y, AT(a) + AT(b)); }

KERNEL F(axpby)(float *y, const float *x, float a, float b, long n) { EACH(n, y, a * AT(x) + b * AT(y)); }

KERNEL F(scale)(float *x, float s, long n) { EACH(n, x, s * AT(x)); }

KERNEL F(expf)(float *y, const float *x, long n) { EACH(n, y, F(vexp)(AT(x))); }

KERNEL F(gelu)(float *y, const float *x, long n) { EACH(n, y, F(vgelu)(AT(x))); }

KERNEL F(gelu_grad)(float *dx, const float *dy, const float *x, long n) { EACH(n, dx, AT(dy) * F(vgelu_slope)(AT(x))); }

// NaN passes through both.
KERNEL F(relu)(float *y, const float *x, long n) { EACH(n, y, F(pick)(AT(x) <= F(all)(0), F(all)(0), AT(x))); }

KERNEL F(relu_grad)(float *dx, const float *dy, const float *x, long n) {
	EACH(n, dx, F(pick)(AT(x) <= F(all)(0), F(all)(0), AT(dy)));
}

// The sum of x^2 in float64, eight partial sums.
KERNEL F(sum_squares)(double *sum, const float *x, long n) {
	double part[8] = {0};
	long i = 0;
	for (; i + 8 <= n; i += 8)
		for (int j = 0; j < 8; j++) part[j] += (double)x[i + j] * x[i + j];
	for (; i < n; i++) part[0] += (double)x[i] * x[i];
	*sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

INLINE float F(dot)(const float *a, const float *b, long n) {
	vec s = {0};
	long i = 0;
	for (; i + LANES <= n; i += LANES) s += F(load)(a + i) * F(load)(b + i);
	if (i < n) s += F(load_tail)(a + i, n - i) * F(load_tail)(b + i, n - i);
	return F(total)(s);
}

INLINE vec F(sigmoid)(vec z) { return 1.0f / (1.0f + F(vexp)(-z)); }

// s = sigmoid(z), y = x s; a score covers `span` neighbours of x.
KERNEL F(gate)(float *y, float *s, const float *x, const float *z, long n, long span) {
	EACH(n / span, s, F(sigmoid)(AT(z)));
	if (span == 1) {
		EACH(n, y, AT(x) * AT(s));
		return;
	}
	for (long g = 0; g < n / span; g++) {
		float score = s[g];
		EACH(span, y + g * span, score * AT(x + g * span));
	}
}

// dx = dy s; dz = s (1-s) sum over the span of dy x.
KERNEL F(gate_grad)(float *dx, float *dz, const float *dy, const float *x, const float *s, long n, long span) {
	if (span == 1) {
		EACH(n, dx, AT(dy) * AT(s));
		EACH(n, dz, AT(dy) * AT(x) * AT(s) * (1.0f - AT(s)));
		return;
	}
	for (long g = 0; g < n / span; g++) {
		float score = s[g];
		EACH(span, dx + g * span, score * AT(dy + g * span));
		dz[g] = score * (1.0f - score) * F(dot)(dy + g * span, x + g * span, span);
	}
}

// gelu_tanh(x) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3), and its slope.
INLINE vec F(vgelu_tanh)(vec x) { return x * F(sigmoid)(1.59576912f * (x + 0.044715f * x * x * x)); }

INLINE vec F(vgelu_tanh_slope)(vec x) {
	vec s = F(sigmoid)(1.59576912f * (x + 0.044715f * x * x * x));
	return s + x * s * (1.0f - s) * 1.59576912f * (1.0f + 0.134145f * x * x);
}

INLINE vec F(above)(vec x) { return F(pick)(x <= F(all)(0), F(all)(0), x); }

// The activations that have no kernel of their own, y = f(x).
KERNEL F(activate)(int f, float *y, const float *x, long n) {
	switch (f) {
	case OC_GELU_TANH: EACH(n, y, F(vgelu_tanh)(AT(x))); break;
	case OC_RELU2: EACH(n, y, F(above)(AT(x)) * AT(x)); break;
	case OC_SILU: EACH(n, y, AT(x) * F(sigmoid)(AT(x))); break;
	case OC_SIGMOID: EACH(n, y, F(sigmoid)(AT(x))); break;
	case OC_NS_SIGMOID: EACH(n, y, 0.5f + 0.5f * F(sigmoid)(AT(x))); break;
	default: memcpy(y, x, 4 * n);
	}
}

// dx = dy f'(x).
KERNEL F(activate_grad)(int f, float *dx, const float *dy, const float *x, long n) {
	switch (f) {
	case OC_GELU_TANH: EACH(n, dx, AT(dy) * F(vgelu_tanh_slope)(AT(x))); break;
	case OC_RELU2: EACH(n, dx, AT(dy) * 2.0f * F(above)(AT(x))); break;
	case OC_SILU: EACH(n, dx, ({ vec s = F(sigmoid)(AT(x)); AT(dy) * s * (1.0f + AT(x) * (1.0f - s)); })); break;
	case OC_SIGMOID: EACH(n, dx, ({ vec s = F(sigmoid)(AT(x)); AT(dy) * s * (1.0f - s); })); break;
	case OC_NS_SIGMOID: EACH(n, dx, ({ vec s = F(sigmoid)(AT(x)); AT(dy) * 0.5f * s * (1.0f - s); })); break;
	default: memcpy(dx, dy, 4 * n);
	}
}

// y = x s, or x + s. Groups of `span` neighbours of x share a number of s; with heads > 0, that many groups one after
// the other share a vector [span] of s.
KERNEL F(combine)(float *y, const float *x, const float *s, long n, long span, long heads, int add) {
	for (long g = 0; g < n / span; g++, x += span, y += span) {
		if (heads) {
			const float *v = s + g / heads * span;
			if (add)
				EACH(span, y, AT(x) + AT(v));
			else
				EACH(span, y, AT(x) * AT(v));
			continue;
		}
		float v = s[g];
		if (add)
			EACH(span, y, AT(x) + v);
		else
			EACH(span, y, AT(x) * v);
	}
}

#define OC_CHUNK 1024 // a sum of floats goes into a double after so many

// dx = dy s, or dy; ds = the sum over what shares it of dy x, or of dy.
KERNEL F(combine_grad)(float *dx, float *ds, const float *dy, const float *x, const float *s, long n, long span, long heads, int add) {
	static const float one[OC_CHUNK] = {[0 ... OC_CHUNK - 1] = 1};
	for (long g = 0; g < n / span; g++, x += span, dy += span, dx += span) {
		if (heads) {
			const float *v = s + g / heads * span;
			float *dv = ds + g / heads * span;
			if (g % heads == 0) memset(dv, 0, 4 * span);
			if (add) {
				memcpy(dx, dy, 4 * span);
				EACH(span, dv, AT(dv) + AT(dy));
			} else {
				EACH(span, dx, AT(dy) * AT(v));
				EACH(span, dv, AT(dv) + AT(dy) * AT(x));
			}
			continue;
		}
		double sum = 0;
		for (long j = 0; j < span; j += OC_CHUNK) {
			long left = span - j < OC_CHUNK ? span - j : OC_CHUNK;
			sum += F(dot)(dy + j, add ? one : x + j, left);
		}
		float v = add ? 1 : s[g];
		ds[g] = (float)sum;
		EACH(span, dx, AT(dy) * v);
	}
}

// y[r,:] = the mean over heads of x[r,h,:].
KERNEL F(head_mean)(float *y, const float *x, long rows, long heads, long e) {
	float share = 1.0f / heads;
	for (long r = 0; r < rows; r++, y += e) {
		memset(y, 0, 4 * e);
		for (long h = 0; h < heads; h++, x += e) EACH(e, y, AT(y) + share * AT(x));
	}
}

KERNEL F(head_mean_grad)(float *dx, const float *dy, long rows, long heads, long e) {
	float share = 1.0f / heads;
	for (long r = 0; r < rows; r++, dy += e)
		for (long h = 0; h < heads; h++, dx += e) EACH(e, dx, share * AT(dy));
}

// y[r,:width] = x[r,:width], rows `to` and `from` apart; from = 0 repeats one row.
KERNEL F(copy_rows)(float *y, const float *x, long rows, long width, long to, long from) {
	for (long r = 0; r < rows; r++) memcpy(y + r * to, x + r * from, 4 * width);
}

// Near 0 by the continued fraction of tanh down to x^2/9 (relative error 1e-9 at .625), beyond it by the sigmoid.
INLINE vec F(vtanh)(vec x) {
	vec q = x * x, small = x * (945.0f + q * (105.0f + q)) / (945.0f + q * (420.0f + 15.0f * q));
	return F(pick)(q < F(all)(0.390625f), small, 2.0f * F(sigmoid)(2.0f * x) - 1.0f);
}

// s = tanh(a x), y = g s + b; b may be null.
KERNEL F(dyt)(float *y, float *s, const float *x, const float *a, const float *g, const float *b, long rows, long d) {
	float alpha = a[0];
	for (long r = 0; r < rows; r++, x += d, y += d, s += d) {
		EACH(d, s, F(vtanh)(alpha * AT(x)));
		if (b)
			EACH(d, y, AT(g) * AT(s) + AT(b));
		else
			EACH(d, y, AT(g) * AT(s));
	}
}

// With u = dy g (1 - s^2): dx = a u, da = sum of u x; dg = sum over rows of dy s, db of dy.
KERNEL F(dyt_grad)(float *dx, float *da, float *dg, float *db, const float *dy, const float *x, const float *a, const float *g, const float *s, long rows, long d) {
	float alpha = a[0];
	double sum = 0;
	memset(dg, 0, 4 * d);
	if (db) memset(db, 0, 4 * d);
	for (long r = 0; r < rows; r++, x += d, dy += d, dx += d, s += d) {
		EACH(d, dx, AT(dy) * AT(g) * (1.0f - AT(s) * AT(s)));
		sum += F(dot)(dx, x, d);
		EACH(d, dx, alpha * AT(dx));
		EACH(d, dg, AT(dg) + AT(dy) * AT(s));
		if (db) EACH(d, db, AT(db) + AT(dy));
	}
	da[0] = (float)sum;
}

INLINE float F(sum)(const float *x, long n) {
	vec s = {0};
	long i = 0;
	for (; i + LANES <= n; i += LANES) s += F(load)(x + i);
	if (i < n) s += F(load_tail)(x + i, n - i);
	return F(total)(s);
}

// n = (x - mean) / sqrt(var + eps) by rows, rinv = 1/sqrt(...), y = g n + b; b may be null.
KERNEL F(layernorm)(float *y, float *n, float *rinv, const float *x, const float *g, const float *b, long rows, long d, float eps) {
	for (long r = 0; r < rows; r++, x += d, y += d, n += d) {
		float mean = F(sum)(x, d) / d;
		EACH(d, n, AT(x) - mean);
		float inverse = rinv[r] = 1.0f / sqrtf(F(dot)(n, n, d) / d + eps);
		EACH(d, n, AT(n) * inverse);
		if (b)
			EACH(d, y, AT(g) * AT(n) + AT(b));
		else
			EACH(d, y, AT(g) * AT(n));
	}
}

// With u = g dy: dx = rinv (u - mean(u) - n mean(u n)); dg = sum over rows of dy n, db of dy.
KERNEL F(layernorm_grad)(float *dx, float *dg, float *db, const float *dy, const float *g, const float *n, const float *rinv, long rows, long d) {
	memset(dg, 0, 4 * d);
	if (db) memset(db, 0, 4 * d);
	for (long r = 0; r < rows; r++, dy += d, dx += d, n += d) {
		EACH(d, dx, AT(g) * AT(dy));
		float mean = F(sum)(dx, d) / d, along = F(dot)(dx, n, d) / d, inverse = rinv[r];
		EACH(d, dx, inverse * (AT(dx) - mean - along * AT(n)));
		EACH(d, dg, AT(dg) + AT(dy) * AT(n));
		if (db) EACH(d, db, AT(db) + AT(dy));
	}
}

KERNEL F(embedding)(float *y, const float *w, const int *tokens, long rows, long d) {
	for (long r = 0; r < rows; r++) memcpy(y + r * d, w + tokens[r] * d, 4 * d);
}

// dw [n/d, d]: each token's row is the sum of its rows of dy, in row order.
KERNEL F(embedding_grad)(float *dw, const float *dy, const int *tokens, long rows, long n, long d) {
	memset(dw, 0, 4 * n);
	for (long r = 0; r < rows; r++) {
		float *w = dw + tokens[r] * d;
		F(add)(w, w, dy + r * d, d);
	}
}

KERNEL F(positions)(float *y, const float *x, const float *p, long rows, long t, long d) {
	for (long r = 0; r < rows; r += t) F(add)(y + r * d, x + r * d, p, t * d);
}

KERNEL F(positions_grad)(float *dp, const float *dy, long rows, long t, long d) {
	memset(dp, 0, 4 * t * d);
	for (long r = 0; r < rows; r += t) F(add)(dp, dp, dy + r * d, t * d);
}

// y = g x rinv, rinv = 1/sqrt(mean(x^2) + eps) by rows of d; one gain or d of them.
KERNEL F(rmsnorm)(float *y, float *rinv, const float *x, const float *g, long rows, long d, long gains, float eps) {
	for (long r = 0; r < rows; r++) {
		const float *row = x + r * d;
		float inverse = 1.0f / sqrtf(F(dot)(row, row, d) / d + eps);
		rinv[r] = inverse;
		if (gains == 1)
			EACH(d, y + r * d, AT(row) * (inverse * g[0]));
		else
			EACH(d, y + r * d, AT(row) * inverse * AT(g));
	}
}

// With u = g dy: dx = rinv (u - x rinv^2 mean(u x)); dg = sum over rows of dy x rinv, over channels too for one gain.
KERNEL F(rmsnorm_grad)(float *dx, float *dg, const float *dy, const float *x, const float *g, const float *rinv, long rows, long d, long gains) {
	memset(dg, 0, 4 * gains);
	double single = 0;
	for (long r = 0; r < rows; r++) {
		const float *row = x + r * d, *up = dy + r * d;
		float inverse = rinv[r], sum;
		if (gains == 1) {
			float inner = F(dot)(up, row, d);
			single += (double)inner * inverse;
			sum = inner * g[0];
		} else {
			vec s = {0};
			long i = 0;
			for (; i + LANES <= d; i += LANES) s += F(load)(up + i) * F(load)(row + i) * F(load)(g + i);
			if (i < d) s += F(load_tail)(up + i, d - i) * F(load_tail)(row + i, d - i) * F(load_tail)(g + i, d - i);
			sum = F(total)(s);
			EACH(d, dg, AT(dg) + AT(up) * AT(row) * inverse);
		}
		float back = inverse * inverse * inverse * sum / d;
		if (gains == 1)
			EACH(d, dx + r * d, AT(up) * (inverse * g[0]) - AT(row) * back);
		else
			EACH(d, dx + r * d, AT(up) * AT(g) * inverse - AT(row) * back);
	}
	if (gains == 1) dg[0] = (float)single;
}

// A NaN among x makes the result NaN.
INLINE float F(log_sum_exp)(const float *x, long n) {
	long whole = n / LANES * LANES;
	float top = x[0];
	if (whole) {
		vec most = F(load)(x);
		for (long i = LANES; i < whole; i += LANES) most = F(pick)(F(load)(x + i) > most, F(load)(x + i), most);
		top = F(largest)(most);
	}
	for (long i = whole; i < n; i++) top = x[i] > top ? x[i] : top;
	vec sum = {0};
	for (long i = 0; i < whole; i += LANES) sum += F(vexp)(F(load)(x + i) - top);
	float total = F(total)(sum), tail[LANES];
	F(store)(tail, F(vexp)(F(load_tail)(x + whole, n - whole) - top));
	for (long i = 0; i < n - whole; i++) total += tail[i];
	return top + (float)log((double)total);
}

// loss = scale * sum over rows with a target of lse - logit of the target.
KERNEL F(cross_entropy)(float *loss, float *lse, const float *logits, const int *targets, long rows, long v, float scale) {
	double sum = 0;
	for (long r = 0; r < rows; r++) {
		lse[r] = F(log_sum_exp)(logits + r * v, v);
		if (targets[r] >= 0) sum += (double)lse[r] - logits[r * v + targets[r]];
	}
	loss[0] = (float)(sum * scale);
}

KERNEL F(cross_entropy_grad)(float *dlogits, const float *dloss, const float *logits, const float *lse, const int *targets, long rows, long v, float scale) {
	float s = dloss[0] * scale;
	for (long r = 0; r < rows; r++) {
		const float *row = logits + r * v;
		float *out = dlogits + r * v, norm = lse[r];
		if (targets[r] < 0) {
			memset(out, 0, 4 * v);
			continue;
		}
		EACH(v, out, s * F(vexp)(AT(row) - norm));
		out[targets[r]] -= s;
	}
}

// arXiv 1711.05101; c1 = 1 - b1^t, c2 = 1 - b2^t.
KERNEL F(adamw)(float *w, const float *g, float *m, float *v, long n, float lr, float b1, float b2, float eps, float wd, float c1, float c2) {
	EACH(n, m, b1 * AT(m) + (1.0f - b1) * AT(g));
	EACH(n, v, b2 * AT(v) + (1.0f - b2) * AT(g) * AT(g));
	EACH(n, w, AT(w) - lr * ((AT(m) / c1) / (ROOT(AT(v) / c2) + eps) + wd * AT(w)));
}

// One register tile: c[rows, 2 LANES] (+)= a[rows, depth] panel[depth, 2 LANES]. a steps by (ai, ak).
INLINE void F(tile_of)(const int rows, float *c, long ldc, const float *a, long ai, long ak, const float *panel, long depth, long width, int add) {
	vec sum[12][2];
#pragma GCC unroll 16
	for (int r = 0; r < rows; r++) sum[r][0] = sum[r][1] = (vec){0};
	for (long k = 0; k < depth; k++) {
		vec b0 = F(load)(panel + k * 2 * LANES), b1 = F(load)(panel + k * 2 * LANES + LANES);
#pragma GCC unroll 16
		for (int r = 0; r < rows; r++) {
			vec x = F(all)(a[r * ai + k * ak]);
			sum[r][0] += x * b0;
			sum[r][1] += x * b1;
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

// A row of a panel.
INLINE void F(copy)(float *to, const float *from, long width) {
	if (width == 2 * LANES) {
		F(store)(to, F(load)(from));
		F(store)(to + LANES, F(load)(from + LANES));
	} else
		memcpy(to, from, 4 * width);
}

// tile_of for each number of rows, so that every tile is unrolled.
KERNEL F(tile)(long rows, float *c, long ldc, const float *a, long ai, long ak, const float *panel, long depth, long width, int add) {
#define ROWS(n) \
	case n: \
		if (n <= TILE_ROWS) F(tile_of)(n, c, ldc, a, ai, ak, panel, depth, width, add); \
		break;
	switch (rows) { ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12) }
#undef ROWS
}

// c[m,n] (+)= op(a)[m,k] op(b)[k,n] with row strides ldc, lda, ldb. b is packed by panels of 2 LANES columns and
// OC_BLOCK_K rows, zero-padded.
KERNEL F(product)(float *c, long ldc, const float *a, long lda, const float *b, long ldb, long m, long n, long k, int ta, int tb, int add, float *pack) {
	long ai = ta ? 1 : lda, ak = ta ? lda : 1, tiles = (m + TILE_ROWS - 1) / TILE_ROWS;
	if (k == 0 && !add)
		for (long i = 0; i < m; i++) memset(c + i * ldc, 0, 4 * n);
	for (long k0 = 0; k0 < k; k0 += OC_BLOCK_K) {
		long depth = k - k0 < OC_BLOCK_K ? k - k0 : OC_BLOCK_K;
		for (long j0 = 0; j0 < n; j0 += 2 * LANES) {
			long width = n - j0 < 2 * LANES ? n - j0 : 2 * LANES;
			if (width < 2 * LANES) memset(pack, 0, 4 * depth * 2 * LANES);
			if (tb)
				for (long j = 0; j < width; j++)
					for (long i = 0; i < depth; i++) pack[i * 2 * LANES + j] = b[(j0 + j) * ldb + k0 + i];
			else
				for (long i = 0; i < depth; i++) F(copy)(pack + i * 2 * LANES, b + (k0 + i) * ldb + j0, width);
			int sum = add || k0 > 0;
			for (long tile = 0, i = 0; tile < tiles; tile++) {
				long rows = (m - i + tiles - tile - 1) / (tiles - tile);
				F(tile)(rows, c + i * ldc + j0, ldc, a + i * ai + k0 * ak, ai, ak, pack, depth, width, sum);
				i += rows;
			}
		}
	}
}

KERNEL F(matmul)(float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, float *pack) {
	F(product)(c, n, a, ta ? m : k, b, tb ? k : n, m, n, k, ta, tb, add, pack);
}

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
		for (long i = LANES; i < whole; i += LANES) most = F(pick)(F(load)(row + i) > most, F(load)(row + i), most);
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

#include "updates_path.h"

#undef EACH
#undef AT
#undef vec
#undef ivec
#undef F
#undef KERNEL
#undef INLINE
