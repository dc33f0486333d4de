/* Usual channels: coefficients of backward, the loops of backward.c and center.c as one. */
#include "cpu/common/statistics.h"
#include "cpu/fast/criteria.h"
#include "cpu/fast/deviations.h"
#include "cpu/fast/usual_loops.h"

CUBN_CLONES bool cubn_usual_begin_preactivation(const cubn_call *call,
                                                const cubn_channels *channels,
                                                cubn_grid_coefficients *coef) {
  const cubn_args *args = call->args;
  const float *const inv_stds = cubn_usual_params(args->saved_inv_std, channels);
  const float *const scales = cubn_usual_params(args->scale, channels);
  const float *const biases = cubn_usual_params(args->bias, channels);
  const bool has_low = call->problem->reserve == CUBN_RESERVE_STATISTICS;
  const float *const lows = cubn_usual_params(has_low ? args->reserve : args->bias, channels);
  float *const gains = coef->preact_gain, *const shifts = coef->preact_shift;
  int64_t exceptions = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double low = (double)lows[i], mean_low = has_low ? low : 0;
    const double gain = cubn_preact_gain((double)scales[i], (double)inv_stds[i]);
    exceptions |= !cubn_usual_fits(gain);
    gains[i] = (float)gain;
    shifts[i] = (float)cubn_preact_shift((double)biases[i], mean_low, gain);
  }
  return exceptions == 0;
}

CUBN_CLONES bool cubn_usual_begin_backward(const cubn_call *call, const cubn_channels *channels,
                                           cubn_grid_coefficients *coef) {
  const cubn_deviations of = cubn_fast_deviations(call);
  const float *const means = cubn_usual_params(call->args->saved_mean, channels);
  const float *const inv_stds = cubn_usual_params(call->args->saved_inv_std, channels);
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

CUBN_CLONES bool cubn_usual_finish_backward(const cubn_call *call, const cubn_channels *channels,
                                            cubn_grid_coefficients *coef) {
  const cubn_args *args = call->args;
  const cubn_deviations of = cubn_fast_deviations(call);
  const float *const saved_means = cubn_usual_params(args->saved_mean, channels);
  const float *const inv_stds = cubn_usual_params(args->saved_inv_std, channels);
  const float *const scales = cubn_usual_params(args->scale, channels);
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
    const bool fit = cubn_usual_fits(gain), is_inverse = cubn_usual_fits(inv_std);
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
