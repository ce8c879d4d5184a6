/* Preloaded on processors of other makers than Intel. MKL, which computes PyTorch's matrix products, calls this function before
 * it uses its AVX-512 kernels (and, in older versions, its AVX2 kernels). */
int mkl_serv_intel_cpu_true(void) { return 1; }
