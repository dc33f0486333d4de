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

#include "cpu/common/clones.h"
#include "cpu/common/preactivation.h"
#include "cpu/fast/criteria.h"
#include "cpu/fast/deviations.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/pivots.h"

/* Sets the pivots; returns whether deviations of some channels cannot be folded. */
CUBN_CLONES static bool choose_pivots(cubn_deviations of, cubn_channels *channels) {
  int64_t others = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double center = channels->center[i], inv_std = channels->inv_std[i];
    channels->pivot[i] = cubn_is_near_zero(of, center, inv_std) ? 0 : center;
    others |= !cubn_can_fold_deviation(of, inv_std);
  }
  return others != 0;
}

void cubn_fast_set_pivots(const cubn_call *call, cubn_channels *channels) {
  const cubn_deviations of = cubn_fast_deviations(call);
  if (!choose_pivots(of, channels)) return;
  for (int64_t i = 0; i < channels->count; ++i) {
    const double inv_std = channels->inv_std[i];
    if (!cubn_can_fold_deviation(of, inv_std) && !cubn_needs_double(of.is_single, inv_std))
      cubn_fast_prescale(channels, channels->prescale, i,
                         cubn_fast_get_prescale(call, 1 / inv_std, channels->center[i]));
  }
}

/* Whether a channel is summed in double: its deviation is so extreme that no prescale helps, or
 * float cannot compute its pre-activation. */
CUBN_INLINED bool needs_exact_sums(cubn_deviations of, const cubn_channels *channels, int64_t i) {
  const double inv_std = channels->inv_std[i], prescale = channels->prescale[i];
  const bool needs_double = channels->needs_double[i] != 0;
  const bool is_finite = cubn_fast_are_finite(channels, i);
  return (!cubn_can_fold_deviation(of, inv_std) & (prescale == 1)) | (needs_double & !is_finite);
}

static void sum_exactly(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const cubn_coefficients coef = cubn_fast_coefficients(channels, i);
  double sums[3];
  cubn_exact_sums(call, cubn_fast_values(call->problem, channels->first + i), &coef, sums);
  for (int k = 0; k < 3; ++k) channels->sums[k][i] = sums[k];
}

/* Without a center the sum of x - center is not formed: near 0, the rounding of the saved mean is
 * negligible. */
CUBN_INLINED void unfold(cubn_channels *channels, int64_t i, bool is_prescaled) {
  const double distance = channels->center[i] - channels->pivot[i];
  const double inv_std = channels->inv_std[i];
  double *const *const sums = channels->sums;
  if (!is_prescaled) {
    sums[1][i] = (sums[1][i] - distance * sums[0][i]) * inv_std;
  } else { /* No product leaves the range of double. */
    const double prescale = channels->prescale[i], dy_prescale = channels->dy_prescale[i];
    sums[0][i] /= dy_prescale;
    sums[1][i] = sums[1][i] * (inv_std / prescale / dy_prescale) - distance * inv_std * sums[0][i];
    sums[2][i] /= prescale;
  }
  sums[2][i] = distance != 0 ? 0 : sums[2][i];
}

CUBN_CLONES static bool any_needs_exact_sums(cubn_deviations of, const cubn_channels *channels) {
  int64_t any = 0;
  for (int64_t i = 0; i < channels->count; ++i) any |= needs_exact_sums(of, channels, i);
  return any != 0;
}

CUBN_CLONES static void unfold_usual(cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) unfold(channels, i, false);
}

void cubn_fast_unfold_sums(const cubn_call *call, cubn_channels *channels) {
  const cubn_deviations of = cubn_fast_deviations(call);
  if (!channels->any_prescaled && !any_needs_exact_sums(of, channels)) {
    unfold_usual(channels);
    return;
  }
  for (int64_t i = 0; i < channels->count; ++i)
    if (needs_exact_sums(of, channels, i))
      sum_exactly(call, channels, i);
    else
      unfold(channels, i, channels->prescale[i] != 1 || channels->dy_prescale[i] != 1);
}

/* Moves work of training and inference. */
CUBN_CLONES static void fold_forward(cubn_deviations of, cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double center = channels->center[i], gain = channels->gain[i];
    const double shift = channels->shift[i], inv_std = channels->inv_std[i];
    const double prescale = channels->prescale[i], needs_double = channels->needs_double[i];
    const double rounded = of.is_single ? (double)(float)gain : gain;
    /* Channels in double keep their gain, which float may not hold, and so their center. */
    const bool folds = cubn_is_near_zero(of, center, inv_std) && needs_double == 0;
    channels->gain[i] = folds ? rounded : gain;
    channels->shift[i] = folds ? shift - center * prescale * rounded : shift;
    channels->center[i] = folds ? 0 : center;
  }
}

/* Multiplies slopes by what prescales leave of inv_std, and moves the centers' work. Where that is
 * not possible, the channel needs double. */
CUBN_CLONES static void fold_backward(cubn_deviations of, cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double center = channels->center[i], shift = channels->shift[i];
    const double inv_std = channels->inv_std[i], prescale = channels->prescale[i];
    const double before = channels->slope[i], slope = before * (inv_std / prescale);
    const double rounded = of.is_single ? (double)(float)slope : slope;
    const bool fits = (cubn_can_fold_deviation(of, inv_std) || prescale != 1) &&
                      !(of.is_single && fabs(slope) > CUBN_COEFFICIENT_MAX);
    const double needed_double = channels->needs_double[i], needs_double = fits ? needed_double : 1;
    const bool folds = cubn_is_near_zero(of, center, inv_std) && needs_double == 0;
    channels->needs_double[i] = needs_double;
    channels->slope[i] = folds ? rounded : fits ? slope : before;
    channels->inv_std[i] = fits ? 1 : inv_std;
    channels->shift[i] = folds ? shift - center * prescale * rounded : shift;
    channels->center[i] = folds ? 0 : center;
  }
}

/* Marks channels whose coefficients make all outputs NaN. */
CUBN_CLONES static void mark_nan(cubn_channels *channels) {
  int64_t any = 0;
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double gain = channels->gain[i], shift = channels->shift[i];
    const bool is_nan = isnan(gain) || isnan(shift), needs_double = channels->needs_double[i] != 0;
    channels->is_nan[i] = is_nan ? 1 : 0;
    any |= is_nan | needs_double;
  }
  if (any != 0) channels->any_exceptional = true;
}

void cubn_fast_fold(const cubn_call *call, cubn_channels *channels) {
  const cubn_deviations of = cubn_fast_deviations(call);
  if (call->problem->pass == CUBN_PASS_BACKWARD) {
    if (!call->problem->is_frozen) fold_backward(of, channels); /* frozen: there is no slope */
  } else if (of.can_be_near_zero) {
    fold_forward(of, channels);
  }
  mark_nan(channels);
}
