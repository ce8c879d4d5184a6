/* Preloaded on processors that are not Intel's: MKL, which PyTorch's products go through, asks this before it takes its AVX-512
 * kernels (and, in older versions, its AVX2 ones). */
int mkl_serv_intel_cpu_true(void) { return 1; }
