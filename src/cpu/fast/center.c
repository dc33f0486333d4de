/* What the kernels need not do for every value, because it can be done for a channel: backward knows
 * nothing of 1 / std,
 *
 *   sums     of dy * (x - center), times inv_std in the end
 *   dx       dy * gain + ((x - center) * (inv_std * slope) + shift)
 *
 * and where values lie around 0 anyway, training and backward do not center them:
 *
 *   y        x * gain + (shift - center * gain)
 *   sums     of dy * x, less center times that of dy
 *
 * With |mean| <= 2 * std no term is larger than a few of the results' size, so that rounding stays what
 * it is. Further away differences from the mean are exact, and products are not. Inference keeps its
 * centers: its statistics are given, so that y is known to the last bit where x is close to the mean.
 * Fused operations do, too: all of them must compute p alike (input.h). */
#include <math.h>

#include "cpu/common/preactivation.h"
#include "cpu/fast/call.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"

/* Values by which a channel shows that it lies around 0. */
enum { SAMPLE = 16 };
/* Those of a channel are neighbours, or in rows so short and so many that they cost nothing. */
enum { FEW_COLUMNS = 64, ROWS_MIN = 4096 };
/* Means this many deviations from 0, at most. */
#define MEAN_DEVIATIONS 2.0
/* Deviations between the inverse of this and this: beyond, sums of dy * (x - center) and inv_std * slope
 * may leave the range of float (double) where dy * x_hat and slope do not. */
#define DEVIATION_MAX 0x1p40
#define DEVIATION_MAX_DOUBLE 0x1p300

/* 0 and NaN make no difference to when they come in. */
static bool can_fold(const cubn_call *call, double inv_std) {
  const double most = cubn_is_single(call->param_type) ? DEVIATION_MAX : DEVIATION_MAX_DOUBLE;
  return isnan(inv_std) || inv_std == 0 || (inv_std <= most && inv_std >= 1 / most);
}

/* Epsilon says more than the variance where values are nearly constant. */
static bool is_near_zero(const cubn_call *call, double center, double inv_std) {
  if (call->has_epilogue || call->problem->pass == CUBN_PASS_INFER) return false;
  return fabs(center) * inv_std <= MEAN_DEVIATIONS &&
         inv_std * inv_std * call->args->epsilon <= 0.5;
}

/* A value of the channel; 0 if there are values on both sides of it. */
void cubn_fast_load_pivots(const cubn_call *call, cubn_channels *channels) {
  const cubn_problem *problem = call->problem;
  const int64_t s = problem->s, first = channels->first * s;
  const bool are_near = s >= SAMPLE, are_few = problem->c * s <= FEW_COLUMNS;
  const int64_t stride = are_near ? 1 : problem->c * s;
  double *const pivot = channels->pivot, values[SAMPLE];
  call->type->load(call->args->x, (cubn_patch){first, 1, 0, channels->count, s}, pivot);
  for (int64_t i = 0; i < channels->count; ++i) {
    if (!are_near && !(are_few && problem->n >= ROWS_MIN)) continue;
    call->type->load(call->args->x, (cubn_patch){first + i * s, 1, 0, SAMPLE, stride}, values);
    double least = pivot[i], most = pivot[i];
    for (int k = 1; k < SAMPLE; ++k) {
      if (values[k] < least) least = values[k];
      if (values[k] > most) most = values[k];
    }
    if (least < 0 && most > 0) pivot[i] = 0;
  }
}

void cubn_fast_set_pivots(const cubn_call *call, cubn_channels *channels) {
  for (int64_t i = 0; i < channels->count; ++i) {
    const double center = channels->center[i];
    channels->pivot[i] = is_near_zero(call, center, channels->inv_std[i]) ? 0 : center;
  }
}

/* Channels whose sums are of no use: they overflowed, or their deviation is extreme. */
static bool sum_exactly(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const cubn_coefficients coef = cubn_fast_coefficients(channels, i);
  const cubn_patch values = cubn_fast_values(call->problem, channels->first + i);
  double sums[3] = {channels->sums[0][i], channels->sums[1][i], channels->sums[2][i]};
  if (can_fold(call, coef.inv_std) && isfinite(sums[0]) && isfinite(sums[1]) && isfinite(sums[2]))
    return false;
  if (call->has_epilogue)
    cubn_fused_exact_sums(call, values, &coef, sums);
  else
    cubn_exact_gradient_sums(call->type, call->args->x, call->args->dy, values, &coef, sums);
  for (int k = 0; k < 3; ++k) channels->sums[k][i] = sums[k];
  return true;
}

/* A saved mean near 0 is good enough without the sum of x - center. */
void cubn_fast_unfold_sums(const cubn_call *call, cubn_channels *channels, int64_t i) {
  if (sum_exactly(call, channels, i)) return;
  const double distance = channels->center[i] - channels->pivot[i];
  channels->sums[1][i] =
      (channels->sums[1][i] - distance * channels->sums[0][i]) * channels->inv_std[i];
  if (distance != 0) channels->sums[2][i] = 0;
}

static bool fold_deviation(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const double slope = channels->slope[i] * channels->inv_std[i];
  if (!can_fold(call, channels->inv_std[i]) ||
      (cubn_is_single(call->param_type) && fabs(slope) > CUBN_COEFFICIENT_MAX)) {
    cubn_fast_mark_double(channels, i);
    return false;
  }
  channels->slope[i] = slope;
  channels->inv_std[i] = 1;
  return true;
}

void cubn_fast_fold(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  const double center = channels->center[i];
  const bool folds_center = is_near_zero(call, center, channels->inv_std[i]);
  if (call->problem->is_frozen) return; /* has no slope */
  if (backward && !fold_deviation(call, channels, i)) return;
  if (!folds_center) return;
  double *const factor = backward ? &channels->slope[i] : &channels->gain[i];
  *factor = cubn_to_real(call, *factor);
  channels->shift[i] -= center * *factor;
  channels->center[i] = 0;
}

cubn_coefficients cubn_fast_sum_coefficients(const cubn_channels *channels, int64_t index) {
  cubn_coefficients coef = cubn_fast_coefficients(channels, index);
  coef.center = channels->pivot[index];
  return coef;
}
