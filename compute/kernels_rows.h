// Kernels on elements and rows (activations, gates, norms, copies): a part of kernels_path.h.

// gelu_tanh(x) = x sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3), and its slope.
INLINE vec F(vgelu_tanh)(vec x, vec *slope) {
	vec s = F(sigmoid)(1.59576912f * (x + 0.044715f * x * x * x));
	*slope = s + x * s * (1.0f - s) * 1.59576912f * (1.0f + 0.134145f * x * x);
	return x * s;
}

INLINE vec F(above)(vec x) { return F(pick)(x <= F(all)(0), F(all)(0), x); }

// y = f(x). Unless `kept` is null, it receives what the gradient needs: the slope of a GELU, x for the cheap functions.
// y or `kept` may be x.
KERNEL F(activate)(int f, float *y, float *kept, const float *x, long n) {
#define GELU_OF(g) \
	if (kept) \
		EACH(n, y, ({ vec slope, r = F(g)(AT(x), &slope); PUT(kept, slope); r; })); \
	else \
		EACH(n, y, ({ vec slope; F(g)(AT(x), &slope); }));
	if (kept && kept != x && f != OC_GELU && f != OC_GELU_TANH) memcpy(kept, x, 4 * n);
	switch (f) {
	case OC_GELU: GELU_OF(vgelu) break;
	case OC_RELU: EACH(n, y, F(above)(AT(x))); break; // NaN passes through
	case OC_GELU_TANH: GELU_OF(vgelu_tanh) break;
	case OC_RELU2: EACH(n, y, F(above)(AT(x)) * AT(x)); break;
	case OC_SILU: EACH(n, y, AT(x) * F(sigmoid)(AT(x))); break;
	case OC_SIGMOID: EACH(n, y, F(sigmoid)(AT(x))); break;
	case OC_NS_SIGMOID: EACH(n, y, 0.5f + 0.5f * F(sigmoid)(AT(x))); break;
	default: memmove(y, x, 4 * n); // y may be x
	}
#undef GELU_OF
}

// dx = dy f'(x); `kept` holds x or the slope.
KERNEL F(activate_grad)(int f, float *dx, const float *dy, const float *kept, long n) {
	const float *x = kept;
	switch (f) {
	case OC_GELU:
	case OC_GELU_TANH: EACH(n, dx, AT(dy) * AT(kept)); break;
	case OC_RELU: EACH(n, dx, F(pick)(AT(x) <= F(all)(0), F(all)(0), AT(dy))); break;
	case OC_RELU2: EACH(n, dx, AT(dy) * 2.0f * F(above)(AT(x))); break;
	case OC_SILU: EACH(n, dx, ({ vec s = F(sigmoid)(AT(x)); AT(dy) * s * (1.0f + AT(x) * (1.0f - s)); })); break;
	case OC_SIGMOID: EACH(n, dx, ({ vec s = F(sigmoid)(AT(x)); AT(dy) * s * (1.0f - s); })); break;
	case OC_NS_SIGMOID: EACH(n, dx, ({ vec s = F(sigmoid)(AT(x)); AT(dy) * 0.5f * s * (1.0f - s); })); break;
	default: memmove(dx, dy, 4 * n);
	}
}

// The epilogue of a product, for n numbers of c from `at` on; meanwhile later numbers of `kept` are prefetched.
KERNEL F(finish)(oc_epilogue epilogue, const float *c, long at, long n) {
	if (!epilogue.y) return;
	if (!epilogue.grad) {
		F(activate)(epilogue.f, epilogue.y + at, epilogue.kept ? epilogue.kept + at : 0, c + at, n);
		return;
	}
	for (long end = at + n; at < end; at += OC_RUN) {
		const float *kept = epilogue.kept + at;
		for (long i = 0; i < OC_RUN; i += OC_LINE) __builtin_prefetch(kept + 2 * OC_RUN + i);
		F(activate_grad)(epilogue.f, epilogue.y + at, c + at, kept, least(end - at, OC_RUN));
	}
}

// y = x s, or x + s. Each group of `span` neighbours in x shares a number of s; with heads > 0, that many consecutive
// groups share a vector [span] of s.
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

#define OC_CHUNK 1024 // floats summed before the sum goes into a double

// dx = dy s, or dy; ds = the sum of dy x, or of dy, over the elements that share it.
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
	for (long r = 0; r < rows; r++, x += from, y += to) {
		for (long i = 0; i < width; i += OC_LINE) {
			__builtin_prefetch(x + OC_ROWS * from + i);
			__builtin_prefetch(y + OC_ROWS * to + i, 1);
		}
		EACH(width, y, AT(x));
	}
}

// tanh: near 0 its continued fraction down to x^2/9 (relative error 1e-9 at .625), beyond that the sigmoid.
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
