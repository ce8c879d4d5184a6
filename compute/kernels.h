// The names and arguments of all kernels, declared once. kernels_path.h defines the kernels for one vector width;
// kernels.c includes it once per path and dispatches. Matrices are row-major float; a long counts elements.
#ifndef OC_KERNELS_H
#define OC_KERNELS_H

#include "updates.h"

// OC_AMX is OC_AVX512 except for products.
enum { OC_PORTABLE, OC_AVX2, OC_AVX512, OC_AMX };

// As Activation and Weights in device.go.
enum { OC_GELU, OC_RELU, OC_GELU_TANH, OC_RELU2, OC_SILU, OC_SIGMOID, OC_NS_SIGMOID, OC_IDENTITY };
enum { OC_SOFTMAX, OC_SIGMOIDS, OC_SIGMOID_NORMALISED, OC_RELU_ROWS };

// One attention: batch, context, heads, key and value heads, head width, 1 for an extra slot (otherwise 0); how scores
// become weights, and the bias of a sigmoid; RoPE's tables [T, pairs] or null; ALiBi's slopes [H] or null.
typedef struct {
	long B, T, H, KV, E, extra;
	int mode;
	float bias;
	long pairs;
	const float *cosines, *sines, *slopes;
} oc_attention;

// A product's epilogue, applied to its result c [m,n] while c is in the cache: y = f(c), with what the gradient needs
// in `kept` unless that is null; with `grad`, y = c f'(x), from `kept`; nothing if y is null. y or `kept` may be c, and
// with `grad` y may be `kept`.
typedef struct {
	int f, grad;
	float *y, *kept;
} oc_epilogue;

// KERNEL(name, (parameters), (arguments)); first the kernels that OC_AMX has its own version of.
#define OC_PRODUCTS(KERNEL) \
	KERNEL(matmul, (float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_epilogue epilogue, float *pack), (c, a, b, m, n, k, ta, tb, add, epilogue, pack)) \
	KERNEL(gram, (float *c, const float *a, long m, long k, int ta, float *pack), (c, a, m, k, ta, pack))

#define OC_KERNELS(KERNEL) \
	KERNEL(add, (float *y, const float *a, const float *b, long n), (y, a, b, n)) \
	KERNEL(axpby, (float *y, const float *x, float a, float b, long n), (y, x, a, b, n)) \
	KERNEL(scale, (float *x, float s, long n), (x, s, n)) \
	KERNEL(sum_squares, (double *sum, const float *x, long n), (sum, x, n)) \
	KERNEL(expf, (float *y, const float *x, long n), (y, x, n)) \
	KERNEL(gate, (float *y, float *s, const float *x, const float *z, long n, long span), (y, s, x, z, n, span)) \
	KERNEL(gate_grad, (float *dx, float *dz, const float *dy, const float *x, const float *s, long n, long span), (dx, dz, dy, x, s, n, span)) \
	KERNEL(activate, (int f, float *y, float *kept, const float *x, long n), (f, y, kept, x, n)) \
	KERNEL(activate_grad, (int f, float *dx, const float *dy, const float *kept, long n), (f, dx, dy, kept, n)) \
	KERNEL(combine, (float *y, const float *x, const float *s, long n, long span, long heads, int add), (y, x, s, n, span, heads, add)) \
	KERNEL(combine_grad, (float *dx, float *ds, const float *dy, const float *x, const float *s, long n, long span, long heads, int add), (dx, ds, dy, x, s, n, span, heads, add)) \
	KERNEL(head_mean, (float *y, const float *x, long rows, long heads, long e), (y, x, rows, heads, e)) \
	KERNEL(head_mean_grad, (float *dx, const float *dy, long rows, long heads, long e), (dx, dy, rows, heads, e)) \
	KERNEL(copy_rows, (float *y, const float *x, long rows, long width, long to, long from), (y, x, rows, width, to, from)) \
	KERNEL(dyt, (float *y, float *s, const float *x, const float *a, const float *g, const float *b, long rows, long d), (y, s, x, a, g, b, rows, d)) \
	KERNEL(dyt_grad, (float *dx, float *da, float *dg, float *db, const float *dy, const float *x, const float *a, const float *g, const float *s, long rows, long d), (dx, da, dg, db, dy, x, a, g, s, rows, d)) \
	KERNEL(layernorm, (float *y, float *n, float *rinv, const float *x, const float *g, const float *b, long rows, long d, float eps), (y, n, rinv, x, g, b, rows, d, eps)) \
	KERNEL(layernorm_grad, (float *dx, float *dg, float *db, const float *dy, const float *g, const float *n, const float *rinv, long rows, long d), (dx, dg, db, dy, g, n, rinv, rows, d)) \
	KERNEL(embedding, (float *y, const float *w, const int *tokens, long rows, long d), (y, w, tokens, rows, d)) \
	KERNEL(embedding_grad, (float *dw, const float *dy, const int *tokens, long rows, long n, long d), (dw, dy, tokens, rows, n, d)) \
	KERNEL(positions, (float *y, const float *x, const float *p, long rows, long t, long d), (y, x, p, rows, t, d)) \
	KERNEL(positions_grad, (float *dp, const float *dy, long rows, long t, long d), (dp, dy, rows, t, d)) \
	KERNEL(rmsnorm, (float *y, float *rinv, const float *x, const float *g, long rows, long d, long gains, float eps), (y, rinv, x, g, rows, d, gains, eps)) \
	KERNEL(rmsnorm_grad, (float *dx, float *dg, const float *dy, const float *x, const float *g, const float *rinv, long rows, long d, long gains), (dx, dg, dy, x, g, rinv, rows, d, gains)) \
	KERNEL(attend, (oc_attention o, float *y, float *lse, const float *qkv, const float *kb, const float *vb, const float *sinks, float *scratch), (o, y, lse, qkv, kb, vb, sinks, scratch)) \
	KERNEL(attend_grad, (oc_attention o, float *dqkv, float *dkb, float *dvb, float *dsinks, const float *dy, const float *y, const float *lse, const float *qkv, const float *kb, const float *vb, const float *sinks, float *scratch), (o, dqkv, dkb, dvb, dsinks, dy, y, lse, qkv, kb, vb, sinks, scratch)) \
	KERNEL(attend_pattern, (oc_attention o, float *p, const float *qkv, const float *kb, const float *sinks, float *scratch), (o, p, qkv, kb, sinks, scratch)) \
	KERNEL(cross_entropy, (float *loss, float *lse, const float *logits, const int *targets, long rows, long v, float scale), (loss, lse, logits, targets, rows, v, scale)) \
	KERNEL(cross_entropy_grad, (float *dlogits, const float *dloss, const float *logits, const float *lse, const int *targets, long rows, long v, float scale), (dlogits, dloss, logits, lse, targets, rows, v, scale)) \
	KERNEL(adamw, (float *w, const float *g, float *m, float *v, long n, float lr, float b1, float b2, float eps, float wd, float c1, float c2), (w, g, m, v, n, lr, b1, b2, eps, wd, c1, c2))

#define OC_LIST(...) __VA_ARGS__
#define OC_PROTOTYPE(name, params, args) void oc_##name(int path, OC_LIST params);
OC_PRODUCTS(OC_PROTOTYPE)
OC_KERNELS(OC_PROTOTYPE)
OC_UPDATES(OC_PROTOTYPE)

// Floats of scratch that an attention needs, on any path.
long oc_attend_scratch(oc_attention o);

// The best path of this processor. It asks the system for permission to use AMX's tiles.
int oc_best_path(void);

// matmul with operands rounded to bf16, by vdpbf16ps or AMX's tiles, on a path that has these only.
void oc_matmul_bf16(int path, float *c, const float *a, const float *b, long m, long n, long k, int ta, int tb, int add, oc_epilogue epilogue, float *pack);
int oc_has_bf16(int path);

// The floats of scratch that a product's packing needs, and the most columns of c that it computes at a time.
long oc_matmul_scratch(int path, int bf16);
long oc_block_columns(int path, int bf16);

#endif
