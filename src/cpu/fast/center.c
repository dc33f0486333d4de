/* Work that is done per channel instead of per value. Backward does not multiply by 1 / std:
 *
 *   sums     of dy * (x - center), times inv_std in the end
 *   dx       dy * gain + ((x - center) * (inv_std * slope) + shift)
 *
 * Training and backward do not center values that are around 0 anyway:
 *
 *   y        x * gain + (shift - center * gain)
 *   sums     of dy * x, less center times that of dy
 *
 * With |mean| <= 2 * std no term is larger than a few times the result, so that rounding stays what
 * it is. Further away differences from the mean are exact, and products are not. Inference keeps
 * its centers: its statistics are given, so that y is known to the last bit where x is close to the
 * mean. Calls with an epilogue keep them, too: all of them must compute p alike
 * (preactivation.h). */
#include "cpu/fast/center.h"

#include <math.h>

#include "cpu/common/preactivation.h"
#include "cpu/fast/criteria.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/pivots.h"

/* A mean is around 0 if it is at most this many deviations away. */
#define MEAN_DEVIATIONS 2.0
/* Deviations are between the inverse of this and this. Beyond, sums of dy * (x - center), and
 * inv_std * slope, may leave the range of float (or double) where dy * x_hat and slope do not. */
#define DEVIATION_MAX 0x1p40
#define DEVIATION_MAX_DOUBLE 0x1p300

/* Whether inv_std may be applied to sums and slope as it is. With 0 and NaN the results are the
 * same anyway. */
static bool can_fold_deviation(const cubn_call *call, double inv_std) {
  const double most = cubn_is_single(call->param_type) ? DEVIATION_MAX : DEVIATION_MAX_DOUBLE;
  return isnan(inv_std) || inv_std == 0 || (inv_std <= most && inv_std >= 1 / most);
}

/* Whether the channel needs no center. Where values are nearly constant, epsilon dominates the
 * variance, and inv_std does not measure the deviation. */
static bool is_near_zero(const cubn_call *call, double center, double inv_std) {
  if (call->has_epilogue || call->problem->pass == CUBN_PASS_INFER) return false;
  return fabs(center) * inv_std <= MEAN_DEVIATIONS &&
         inv_std * inv_std * call->args->epsilon <= 0.5;
}

void cubn_fast_set_pivots(const cubn_call *call, cubn_channels *channels) {
  for (int64_t i = 0; i < channels->count; ++i) {
    const double center = channels->center[i];
    const double inv_std = channels->inv_std[i];
    channels->pivot[i] = is_near_zero(call, center, inv_std) ? 0 : center;
    if (!can_fold_deviation(call, inv_std) &&
        !cubn_needs_double(cubn_is_single(call->param_type), inv_std))
      cubn_fast_prescale(channels, channels->prescale, i,
                         cubn_fast_get_prescale(call, 1 / inv_std, center));
  }
}

/* Sums a channel in double if its deviation is so extreme that no prescale helps, or if float
 * cannot compute its pre-activation; false if not. */
static bool sum_exactly(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const cubn_coefficients coef = cubn_fast_coefficients(channels, i);
  const cubn_patch values = cubn_fast_values(call->problem, channels->first + i);
  double sums[3];
  const bool fits = can_fold_deviation(call, coef.inv_std) || coef.prescale != 1;
  if (fits && (cubn_fast_are_finite(channels, i) || channels->needs_double[i] == 0)) return false;
  cubn_exact_sums(call, values, &coef, sums);
  for (int k = 0; k < 3; ++k) channels->sums[k][i] = sums[k];
  return true;
}

/* Without a center the sum of x - center is not formed: near 0, the rounding of the saved mean is
 * negligible. */
void cubn_fast_unfold_sums(const cubn_call *call, cubn_channels *channels, int64_t i) {
  if (sum_exactly(call, channels, i)) return;
  const double distance = channels->center[i] - channels->pivot[i];
  const double prescale = channels->prescale[i], dy_prescale = channels->dy_prescale[i];
  const double inv_std = channels->inv_std[i];
  double *const *const sums = channels->sums;
  if (prescale == 1 && dy_prescale == 1) {
    sums[1][i] = (sums[1][i] - distance * sums[0][i]) * inv_std;
  } else { /* No product leaves the range of double. */
    sums[0][i] /= dy_prescale;
    sums[1][i] = sums[1][i] * (inv_std / prescale / dy_prescale) - distance * inv_std * sums[0][i];
    sums[2][i] /= prescale;
  }
  if (distance != 0) channels->sums[2][i] = 0;
}

/* Multiplies the slope by what prescale leaves of inv_std; false if that is not possible. */
static bool fold_deviation(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const double slope = channels->slope[i] * (channels->inv_std[i] / channels->prescale[i]);
  if ((!can_fold_deviation(call, channels->inv_std[i]) && channels->prescale[i] == 1) ||
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
  if (call->problem->is_frozen) return; /* there is no slope */
  if (backward && !fold_deviation(call, channels, i)) return;
  /* Channels in double keep their gain, which float may not hold, and so their center. */
  if (!folds_center || channels->needs_double[i] != 0) return;
  double *const factor = backward ? &channels->slope[i] : &channels->gain[i];
  *factor = cubn_to_real(call, *factor);
  channels->shift[i] -= center * channels->prescale[i] * *factor;
  channels->center[i] = 0;
}
