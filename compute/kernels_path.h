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

INLINE vec F(load_tail)(const float *p, long n) { return LOAD_FIRST(p, n); }

INLINE void F(store_tail)(float *p, vec v, long n) { STORE_FIRST(p, v, n); }

// Both fold the upper half of the lanes onto the lower half until one lane is left.
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

// exp by x = n ln 2 + r, |r| <= ln 2 / 2, and 1 + r Q(r), where Q has degree 5 and minimises the greatest relative
// error, 2.6e-9; x is clamped to [-87, 88]. NaN stays NaN: it passes MOST and LEAST as their second argument, and
// whatever its n becomes, p is NaN.
INLINE vec F(vexp)(vec x) {
	vec c = LEAST(F(all)(88.0f), MOST(F(all)(-87.0f), x));
	vec n = ROUND(c * 1.44269504f);
	vec r = (c - n * 0.693359375f) + n * 2.12194440e-4f;
	vec p = F(all)(1.406142268e-3f);
	p = p * r + 8.379059036e-3f;
	p = p * r + 4.166477332e-2f;
	p = p * r + 1.666636481e-1f;
	p = p * r + 5.000000436e-1f;
	p = p * r + 1.00000005f;
	p = p * r + 1.0f;
	return POWER(p, n);
}

// ln x for normal x > 0: x = 2^n m with m from sqrt(1/2) to sqrt 2; ln m = 2 atanh(s), s = (m-1)/(m+1), by its series
// up to s^9 (relative error 1e-7). NaN and infinity become NaN.
INLINE vec F(vlog)(vec x) {
	ivec power = ((ivec)x - 0x3f3504f3) >> 23;
	vec n = __builtin_convertvector(power, vec), f = (vec)((ivec)x - (power << 23)) - 1.0f;
	vec s = f / (2.0f + f), z = s * s;
	vec series = (((z * (2.0f / 9) + 2.0f / 7) * z + 2.0f / 5) * z + 2.0f / 3) * z * s;
	return n * 0.693359375f + (2.0f * s + (series - n * 2.12194440e-4f)) + (x - x);
}

// Phi(-|x|) = (1 - erf(|x|/sqrt 2))/2 by Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7 in erf); density is
// exp(-x^2/2).
INLINE vec F(vtail)(vec x, vec *density) {
	vec z = (vec)((ivec)x & 0x7fffffff);
	vec t = 1.0f / (1.0f + 0.231641888f * z);
	*density = F(vexp)(-0.5f * x * x);
	return ((((0.5307027145f * t - 0.7265760135f) * t + 0.7107068705f) * t - 0.142248368f) * t + 0.127414796f) * t * *density;
}

// x Phi(x), which is max(x, 0) - |x| Phi(-|x|), and its slope.
INLINE vec F(vgelu)(vec x, vec *slope) {
	vec e, tail = F(vtail)(x, &e);
	*slope = F(pick)(x < F(all)(0), tail, 1.0f - tail) + x * e * 0.39894228f;
	return MOST(F(all)(0), x) - (vec)((ivec)x & 0x7fffffff) * tail;
}

// Runs `out[i..] = expr` over n floats: a vector at a time, and the tail in zero-padded vectors.
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
			F(store_tail)((out) + i, r_, left); \
		} \
	} while (0)
#define AT(p) (full ? F(load)((p) + i) : F(load_tail)((p) + i, left))
#define PUT(p, r) (full ? F(store)((p) + i, r) : F(store_tail)((p) + i, r, left))

KERNEL F(add)(float *y, const float *a, const float *b, long n) { EACH(n, y, AT(a) + AT(b)); }

KERNEL F(axpby)(float *y, const float *x, float a, float b, long n) { EACH(n, y, a * AT(x) + b * AT(y)); }

KERNEL F(scale)(float *x, float s, long n) { EACH(n, x, s * AT(x)); }

KERNEL F(expf)(float *y, const float *x, long n) { EACH(n, y, F(vexp)(AT(x))); }

// The sum of x^2 in float64, with eight partial sums.
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

#include "kernels_rows.h"

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

// A NaN in x makes the result NaN.
INLINE float F(log_sum_exp)(const float *x, long n) {
	long whole = n / LANES * LANES;
	float top = x[0];
	if (whole) {
		vec most = F(load)(x);
		for (long i = LANES; i < whole; i += LANES) most = MOST(F(load)(x + i), most);
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
	EACH(n, w, ({
		vec gradient = AT(g);
		vec mean = b1 * AT(m) + (1.0f - b1) * gradient, square = b2 * AT(v) + (1.0f - b2) * gradient * gradient;
		PUT(m, mean);
		PUT(v, square);
		AT(w) - lr * ((mean / c1) / (ROOT(square / c2) + eps) + wd * AT(w));
	}));
}

#include "kernels_products.h"

#include "kernels_attention.h"

#include "updates_path.h"

#undef EACH
#undef AT
#undef PUT
#undef vec
#undef ivec
#undef F
#undef KERNEL
#undef INLINE
