/* Formulas of statistics that host, CPU and CUDA kernels share. */
#ifndef CUBN_CORE_STATISTICS_H
#define CUBN_CORE_STATISTICS_H

#include <float.h>
#include <math.h>
#include <stdbool.h>

/* Before a function that the host and CUDA kernels call. */
#ifdef __CUDACC__
#define CUBN_SHARED_CODE static __host__ __device__ inline
#else
#define CUBN_SHARED_CODE static inline
#endif

/* A product to which something is added: rounded, on a GPU too. */
CUBN_SHARED_CODE double cubn_product(double a, double b) {
#ifdef __CUDA_ARCH__
  return __dmul_rn(a, b);
#else
  return a * b;
#endif
}

/* How inv_std follows from the biased variance:
 *     inv_std = 1 / (sqrt(growth * var + inside) + outside) */
typedef struct cubn_normalizer {
  double growth;          /* m / (m - 1) where the unbiased variance normalizes, else 1 */
  double slope_growth;    /* the same of the values that sums of backward run over */
  double inside, outside; /* epsilon under the root, or beside it; the other one is 0 */
} cubn_normalizer;

/* The growth of the variance of m values. A single value has the variance 0 anyway. */
CUBN_SHARED_CODE double cubn_variance_growth(bool is_unbiased, double m) {
  return is_unbiased && m > 1 ? m / (m - 1) : 1;
}

/* inv_std; 0 where there is nothing to divide by. */
CUBN_SHARED_CODE double cubn_inverse_deviation(const cubn_normalizer *by, double var) {
  const double sum = sqrt(cubn_product(by->growth, var) + by->inside) + by->outside;
  const double inverse = 1 / sum;
  return sum == 0 ? 0 : inverse;
}

/* -2 / inv_std^3 times the derivative of inv_std with respect to var: the factor of x_hat * dscale
 * in dx, which is 1 but for other conventions than cuDNN's. inv_std tells the root:
 *     slope_growth / (root * inv_std), root * inv_std = 1 - outside * inv_std
 * Where that is no more than the rounding of inv_std the channel is constant, up to what epsilon
 * hides, and the factor is 0: x_hat and dscale are as small as the root. */
CUBN_SHARED_CODE double cubn_variance_slope(const cubn_normalizer *by, bool is_float,
                                            double inv_std) {
  const double part = by->outside == 0 ? 1 : 1 - cubn_product(by->outside, inv_std);
  const double factor = by->slope_growth / part;
  return part <= (is_float ? 0x1p-22 : 0x1p-51) ? 0 : factor;
}

/* inv_std as parameters of this type keep it. Float ends at FLT_MAX: infinity would make NaN of the
 * 0 of a constant channel. */
CUBN_SHARED_CODE double cubn_limit_inv_std(bool is_float, double inv_std) {
  return is_float && inv_std > FLT_MAX && inv_std <= DBL_MAX ? FLT_MAX : inv_std;
}

/* Batch renormalization (Ioffe 2017, arXiv:1702.03275): y = scale * (x_hat * r + d) + bias, with r
 * and d that are constants for the gradient. */
typedef struct cubn_renormalization {
  double r, d;
} cubn_renormalization;

typedef struct cubn_renormalization_bounds {
  double r_max, d_max;
} cubn_renormalization_bounds;

/* NaN stays. */
CUBN_SHARED_CODE double cubn_clip(double value, double least, double most) {
  return value < least ? least : value > most ? most : value;
}

/* From the statistics of the batch and the running ones before it; r = 1 and d = 0 where the latter
 * have no deviation. */
CUBN_SHARED_CODE cubn_renormalization cubn_renormalize(const cubn_normalizer *by,
                                                       const cubn_renormalization_bounds *bounds,
                                                       double mean, double inv_std,
                                                       double running_mean, double running_var) {
  const cubn_normalizer of_running = {1, 1, by->inside, by->outside};
  const double inverse = cubn_inverse_deviation(&of_running, running_var);
  const double ratio = inv_std == 0 ? 0 : inverse / inv_std;
  const double distance = (mean - running_mean) * inverse;
  cubn_renormalization result = {1, 0};
  if (inverse == 0) return result;
  result.r = cubn_clip(ratio, 1 / bounds->r_max, bounds->r_max);
  result.d = cubn_clip(distance, -bounds->d_max, bounds->d_max);
  return result;
}

/* What stands for the bias; scale * r does for scale. */
CUBN_SHARED_CODE double cubn_renormalized_bias(double bias, double scale, double d) {
  return d == 0 ? bias : bias + cubn_product(scale, d);
}

/* Backward from y = scale * x_hat + bias: what y - bias is multiplied by, up to the sign of scale,
 * to give x_hat. 0 where the scale is 0, which leaves nothing of x_hat. */
CUBN_SHARED_CODE double cubn_inverse_scale(bool is_float, double scale) {
  return scale == 0 ? 0 : cubn_limit_inv_std(is_float, 1 / fabs(scale));
}

/* Whether a parameter of this type holds the value as a finite one. */
CUBN_SHARED_CODE bool cubn_is_kept_finite(bool is_float, double value) {
  const double kept = is_float ? (double)(float)value : value;
  return kept - kept == 0;
}

#endif /* CUBN_CORE_STATISTICS_H */
