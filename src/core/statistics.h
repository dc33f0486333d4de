/* Formulas of statistics that host and backends share. Device code includes it for what ranks
 * merge; its kernels have their own. */
#ifndef CUBN_CORE_STATISTICS_H
#define CUBN_CORE_STATISTICS_H

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* Before a function that the host and CUDA kernels call. */
#ifdef __CUDACC__
#define CUBN_SHARED static __host__ __device__ inline
#else
#define CUBN_SHARED static inline
#endif

/* A product to which something is added: rounded, on a GPU too. */
CUBN_SHARED double cubn_product(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

/* inv_std; 0 where there is nothing to divide by. */
CUBN_SHARED double cubn_inverse_deviation(double var, double epsilon) {
  const double sum = var + epsilon;
  const double inverse = 1 / sqrt(sum);
  return sum == 0 ? 0 : inverse;
}

/* inv_std as parameters of this type keep it. Float ends at FLT_MAX: infinity would make NaN of the
 * 0 of a constant channel. */
CUBN_SHARED double cubn_limit_inv_std(bool is_float, double inv_std) {
  return is_float && inv_std > FLT_MAX && inv_std <= DBL_MAX ? FLT_MAX : inv_std;
}

#endif /* CUBN_CORE_STATISTICS_H */
