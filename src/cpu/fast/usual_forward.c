/* Usual channels: coefficients of y, the loops of forward.c and center.c as one. */
#include <float.h>

#include "cpu/fast/criteria.h"
#include "cpu/fast/deviations.h"
#include "cpu/fast/usual_loops.h"

/* cubn_inverse_deviation with epsilon under the root. It is infinite where there is nothing to
 * divide by, which is an exception. */
CUBN_INLINED double inverse_deviation(const cubn_normalizer *by, double var) {
  return 1 / sqrt(cubn_product(by->growth, var) + by->inside);
}

/* The number as y takes it: where an activation decides, as parameters keep it. */
CUBN_INLINED double kept_if(bool decides, double value) {
  return decides ? (double)(float)value : value;
}

/* ---- inference */

CUBN_CLONES bool cubn_usual_begin_inference(const cubn_call *call, const cubn_channels *channels,
                                            cubn_grid_coefficients *coef) {
  const cubn_args *args = call->args;
  const float *const means = cubn_usual_params(args->mean, channels);
  const float *const vars = cubn_usual_params(args->var, channels);
  const float *const scales = cubn_usual_params(args->scale, channels);
  const float *const biases = cubn_usual_params(args->bias, channels);
  const cubn_normalizer by = args->normalizer;
  const double alpha = call->has_epilogue ? 1 : call->args->alpha;
  const bool decides = call->fusion.decides;
  float *const centers = coef->center, *const gains = coef->gain, *const shifts = coef->shift;
  int64_t exceptions = 0, centered = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double center = (double)means[i];
    const double inv_std = kept_if(decides, inverse_deviation(&by, (double)vars[i]));
    const double gain = alpha * cubn_preact_gain((double)scales[i], inv_std);
    const double shift = alpha * (double)biases[i];
    exceptions |= !(cubn_usual_fits(gain) & (shift == shift));
    centered |= center != 0;
    centers[i] = (float)center;
    gains[i] = (float)gain;
    shifts[i] = (float)shift;
  }
  coef->is_centered = centered != 0;
  return exceptions == 0;
}

/* ---- training */

CUBN_CLONES void cubn_usual_begin_training(const cubn_channels *channels,
                                           cubn_grid_coefficients *coef) {
  const double *const pivots = channels->pivot;
  float *const centers = coef->center;
  int64_t centered = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    centered |= pivots[i] != 0;
    centers[i] = (float)pivots[i];
  }
  coef->is_centered = centered != 0;
}

/* Where `decides` is no constant, the loop is none of vectors. */
CUBN_INLINED bool set_training(const cubn_call *call, bool decides, const cubn_channels *channels,
                               cubn_grid_coefficients *coef) {
  const cubn_sum_criteria criteria = cubn_fast_criteria(call);
  const cubn_deviations of = cubn_fast_deviations(call);
  const float *const scales = cubn_usual_params(call->args->scale, channels);
  const float *const biases = cubn_usual_params(call->args->bias, channels);
  const double *const sums = channels->sums[0], *const squares = channels->sums[1];
  const double alpha = call->has_epilogue ? 1 : call->args->alpha;
  double *const means = channels->mean, *const vars = channels->var;
  double *const inv_stds = channels->inv_std, *const mean_lows = channels->mean_low;
  float *const centers = coef->center, *const gains = coef->gain, *const shifts = coef->shift;
  int64_t exceptions = 0, centered = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double pivot = channels->pivot[i], scale = (double)scales[i], bias = (double)biases[i];
    const double distance = sums[i] / criteria.m, square = squares[i] / criteria.m;
    const double var = square - distance * distance, mean = pivot + distance;
    const double center = (double)(float)mean, mean_low = (pivot - center) + distance;
    const double inv_std = inverse_deviation(&of.by, var);
    const double gain = alpha * cubn_preact_gain(scale, kept_if(decides, inv_std));
    const double shift = cubn_preact_shift(alpha * bias, kept_if(decides, mean_low), gain);
    const double rounded = (double)(float)gain;
    const bool folds = cubn_is_near_zero(of, center, inv_std);
    const double folded_shift = folds ? shift - center * rounded : shift;
    const double folded_center = folds ? 0 : center;
    const bool fit = cubn_usual_fits(gain), is_inverse = inv_std <= FLT_MAX;
    const bool suffice = cubn_fast_moments_suffice(&criteria, sums[i], squares[i], 1);
    exceptions |= !(fit & is_inverse & suffice & (folded_shift == folded_shift));
    centered |= !folds & (center != 0);
    centers[i] = (float)folded_center;
    gains[i] = (float)rounded;
    shifts[i] = (float)folded_shift;
    means[i] = mean;
    vars[i] = var;
    inv_stds[i] = inv_std;
    mean_lows[i] = mean_low;
  }
  coef->is_centered = centered != 0;
  return exceptions == 0;
}

CUBN_CLONES bool cubn_usual_finish_training(const cubn_call *call, const cubn_channels *channels,
                                            cubn_grid_coefficients *coef) {
  if (call->fusion.decides) return set_training(call, true, channels, coef);
  return set_training(call, false, channels, coef);
}
