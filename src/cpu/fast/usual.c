/* The loops of forward.c, backward.c and center.c as one, for channels without exceptions. */
#include "cpu/fast/usual.h"

#include <float.h>
#include <math.h>

#include "cpu/common/statistics.h"
#include "cpu/fast/criteria.h"
#include "cpu/fast/deviations.h"
#include "cpu/fast/passes.h"
#include "cpu/fast/pivots.h"

bool cubn_usual_accepts(const cubn_call *call) {
  const cubn_problem *problem = call->problem;
  const cubn_args *args = call->args;
  if (call->has_epilogue || call->places || problem->s != 1) return false;
  if (!cubn_is_single(call->param_type) || !problem->has_output) return false;
  if (problem->is_from_y || problem->renormalizes || problem->reserve != CUBN_RESERVE_NONE)
    return false;
  if (!args->scale || args->mean_low || args->saved_mean_low) return false;
  if (args->normalizer.outside != 0) return false;
  if (problem->pass == CUBN_PASS_BACKWARD) return call->needs.dx_waits && !call->needs.moments;
  return args->bias && !problem->var_is_inv_std;
}

/* The parameters of the channels, from the first on. */
static const float *params_from(const void *array, const cubn_channels *channels) {
  return (const float *)array + channels->first;
}

/* cubn_inverse_deviation with epsilon under the root. It is infinite where there is nothing to
 * divide by, which is an exception. */
CUBN_INLINED double inverse_deviation(const cubn_normalizer *by, double var) {
  return 1 / sqrt(cubn_product(by->growth, var) + by->inside);
}

/* Whether float can hold the coefficient, and it is a number. Like everything in the loops without
 * branches. */
CUBN_INLINED bool fits(double coefficient) {
  const double size = fabs(coefficient);
  return ((size <= CUBN_COEFFICIENT_MAX) & (size >= 1 / CUBN_COEFFICIENT_MAX)) | (size == 0);
}

/* ---- inference */

CUBN_CLONES static bool begin_inference(const cubn_call *call, const cubn_channels *channels,
                                        cubn_grid_coefficients *coef) {
  const cubn_args *args = call->args;
  const float *const means = params_from(args->mean, channels);
  const float *const vars = params_from(args->var, channels);
  const float *const scales = params_from(args->scale, channels);
  const float *const biases = params_from(args->bias, channels);
  const cubn_normalizer by = args->normalizer;
  const double alpha = args->alpha;
  float *const centers = coef->center, *const gains = coef->gain, *const shifts = coef->shift;
  int64_t exceptions = 0, centered = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double center = (double)means[i];
    const double inv_std = inverse_deviation(&by, (double)vars[i]);
    const double gain = alpha * cubn_preact_gain((double)scales[i], inv_std);
    const double shift = alpha * (double)biases[i];
    const bool fit = fits(gain);
    exceptions |= !(fit & (shift == shift));
    centered |= center != 0;
    centers[i] = (float)center;
    gains[i] = (float)gain;
    shifts[i] = (float)shift;
  }
  coef->is_centered = centered != 0;
  return exceptions == 0;
}

/* ---- training */

CUBN_CLONES static void begin_training(const cubn_channels *channels,
                                       cubn_grid_coefficients *coef) {
  const double *const pivots = channels->pivot;
  float *const centers = coef->center;
  int64_t centered = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double pivot = pivots[i];
    centered |= pivot != 0;
    centers[i] = (float)pivot;
  }
  coef->is_centered = centered != 0;
}

CUBN_CLONES static bool finish_training(const cubn_call *call, const cubn_channels *channels,
                                        cubn_grid_coefficients *coef) {
  const cubn_sum_criteria criteria = cubn_fast_criteria(call);
  const cubn_deviations of = cubn_fast_deviations(call);
  const float *const scales = params_from(call->args->scale, channels);
  const float *const biases = params_from(call->args->bias, channels);
  const double *const sums = channels->sums[0], *const squares = channels->sums[1];
  const double alpha = call->args->alpha;
  double *const means = channels->mean, *const vars = channels->var;
  double *const inv_stds = channels->inv_std;
  float *const centers = coef->center, *const gains = coef->gain, *const shifts = coef->shift;
  int64_t exceptions = 0, centered = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double pivot = channels->pivot[i], scale = (double)scales[i], bias = (double)biases[i];
    const double distance = sums[i] / criteria.m, square = squares[i] / criteria.m;
    const double var = square - distance * distance, mean = pivot + distance;
    const double center = (double)(float)mean, mean_low = (pivot - center) + distance;
    const double inv_std = inverse_deviation(&of.by, var);
    const double gain = alpha * cubn_preact_gain(scale, inv_std), rounded = (double)(float)gain;
    const double shift = cubn_preact_shift(alpha * bias, mean_low, gain);
    const bool folds = cubn_is_near_zero(of, center, inv_std);
    const double folded_shift = folds ? shift - center * rounded : shift;
    const double folded_center = folds ? 0 : center;
    const bool fit = fits(gain), is_inverse = inv_std <= FLT_MAX;
    const bool suffice = cubn_fast_moments_suffice(&criteria, sums[i], squares[i], 1);
    exceptions |= !(fit & is_inverse & suffice & (folded_shift == folded_shift));
    centered |= !folds & (center != 0);
    centers[i] = (float)folded_center;
    gains[i] = (float)rounded;
    shifts[i] = (float)folded_shift;
    means[i] = mean;
    vars[i] = var;
    inv_stds[i] = inv_std;
  }
  coef->is_centered = centered != 0;
  return exceptions == 0;
}

/* ---- backward */

CUBN_CLONES static bool begin_backward(const cubn_call *call, const cubn_channels *channels,
                                       cubn_grid_coefficients *coef) {
  const cubn_deviations of = cubn_fast_deviations(call);
  const float *const means = params_from(call->args->saved_mean, channels);
  const float *const inv_stds = params_from(call->args->saved_inv_std, channels);
  float *const centers = coef->center;
  int64_t exceptions = 0, centered = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double mean = (double)means[i], inv_std = (double)inv_stds[i];
    const double pivot = cubn_is_near_zero(of, mean, inv_std) ? 0 : mean;
    exceptions |= !cubn_can_fold_deviation(of, inv_std);
    centered |= pivot != 0;
    centers[i] = (float)pivot;
  }
  coef->is_centered = centered != 0;
  return exceptions == 0;
}

/* dscale becomes the channels' scale. */
CUBN_CLONES static bool finish_backward(const cubn_call *call, const cubn_channels *channels,
                                        cubn_grid_coefficients *coef) {
  const cubn_args *args = call->args;
  const cubn_deviations of = cubn_fast_deviations(call);
  const float *const saved_means = params_from(args->saved_mean, channels);
  const float *const inv_stds = params_from(args->saved_inv_std, channels);
  const float *const scales = params_from(args->scale, channels);
  const double *const *const sums = (const double *const *)channels->sums;
  const double alpha = args->alpha, count = args->count, m = (double)cubn_count(call->problem);
  double *const dscales = channels->scale;
  float *const centers = coef->center, *const gains = coef->gain;
  float *const slopes = coef->slope, *const shifts = coef->shift;
  int64_t exceptions = 0, centered = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double center = (double)saved_means[i], inv_std = (double)inv_stds[i];
    const double distance = center - (double)centers[i], dbias = sums[0][i];
    const double error = distance != 0 ? 0 : sums[2][i];
    const double mean_low = cubn_rounded_mean_error(true, center, error / m);
    const double dscale = (sums[1][i] - distance * dbias) * inv_std - dbias * (mean_low * inv_std);
    const double gain = alpha * ((double)scales[i] * inv_std);
    const double before = -gain * (dscale / count * of.by.slope_growth);
    const double slope = before * inv_std, rounded = (double)(float)slope;
    const double shift = -gain * (dbias / count) - before * (mean_low * inv_std);
    const bool folds = cubn_is_near_zero(of, center, inv_std);
    const double folded_shift = folds ? shift - center * rounded : shift;
    const double folded_center = folds ? 0 : center;
    const bool fit = fits(gain), is_inverse = fits(inv_std);
    const bool are_finite = cubn_fast_are_finite(channels, i);
    const bool folds_slope = fabs(slope) <= CUBN_COEFFICIENT_MAX;
    exceptions |= !(fit & is_inverse & are_finite & folds_slope & (folded_shift == folded_shift));
    centered |= !folds & (center != 0);
    centers[i] = (float)folded_center;
    gains[i] = (float)gain;
    slopes[i] = (float)slope;
    shifts[i] = (float)folded_shift;
    dscales[i] = dscale;
  }
  coef->is_centered = centered != 0;
  return exceptions == 0;
}

/* ---- all */

bool cubn_usual_begin(const cubn_call *call, cubn_channels *channels,
                      cubn_grid_coefficients *coef) {
  channels->any_exceptional = channels->any_prescaled = false;
  channels->rounds = 0;
  coef->is_prescaled = false;
  if (call->problem->pass == CUBN_PASS_INFER) return begin_inference(call, channels, coef);
  if (call->problem->pass == CUBN_PASS_BACKWARD) return begin_backward(call, channels, coef);
  cubn_fast_load_pivots(call, channels);
  if (channels->any_prescaled) return false;
  begin_training(channels, coef);
  return true;
}

bool cubn_usual_finish(const cubn_call *call, cubn_channels *channels,
                       cubn_grid_coefficients *coef) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  if (backward && finish_backward(call, channels, coef)) {
    cubn_fast_keep_gradients(call, channels, channels->scale);
    return true;
  }
  if (!backward && finish_training(call, channels, coef)) {
    cubn_fast_keep_statistics(call, channels);
    return true;
  }
  cubn_fast_clear(call, channels);
  if (backward) cubn_fast_begin_backward(call, channels);
  return false;
}
