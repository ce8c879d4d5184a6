// The kernels of optimizers and after-step rules besides AdamW, listed in the form of kernels.h.
#ifndef OC_UPDATES_H
#define OC_UPDATES_H

#define OC_UPDATES(KERNEL) \
	KERNEL(lion, (float *w, const float *g, float *m, long n, float lr, float b1, float b2, float wd), (w, g, m, n, lr, b1, b2, wd)) \
	KERNEL(affine, (float *x, float a, float b, long n), (x, a, b, n)) \
	KERNEL(moments, (double *out, const float *x, long n), (out, x, n))

#endif
