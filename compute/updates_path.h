// The kernels of updates.h for one vector width.

// arXiv 2302.06675. NaN stays NaN; the sign of 0 is 0.
KERNEL F(lion)(float *w, const float *g, float *m, long n, float lr, float b1, float b2, float wd) {
	vec one = F(all)(1), none = F(all)(0);
	EACH(n, w, ({
		vec c = b1 * AT(m) + (1.0f - b1) * AT(g);
		vec sign = F(pick)(c > none, one, F(pick)(c < none, -one, c));
		AT(w) - lr * (sign + wd * AT(w));
	}));
	EACH(n, m, b2 * AT(m) + (1.0f - b2) * AT(g));
}

KERNEL F(affine)(float *x, float a, float b, long n) { EACH(n, x, a * AT(x) + b); }

// The mean and the sum of squared deviations from it: two passes in float64, with eight partial sums each.
KERNEL F(moments)(double *out, const float *x, long n) {
	double part[8] = {0};
	for (long i = 0; i < n; i++) part[i % 8] += x[i];
	double mean = (((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]))) / (n > 0 ? n : 1);
	for (int j = 0; j < 8; j++) part[j] = 0;
	for (long i = 0; i < n; i++) part[i % 8] += (x[i] - mean) * (x[i] - mean);
	out[0] = mean;
	out[1] = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}
