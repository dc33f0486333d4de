/* Channels: their arrays, their moments, their coefficients. */
#include "cpu/fast/channels.h"

#include <math.h>

#include "cpu/common/clones.h"
#include "cpu/common/statistics.h"
#include "cpu/fast/criteria.h"
#include "cpu/fast/exact.h"

void cubn_channels_place(cubn_channels *channels, double *memory, int64_t capacity) {
  *channels = (cubn_channels){0};
  for (int i = 0; i < CUBN_CHANNEL_ARRAYS; ++i) channels->arrays[i] = memory + i * capacity;
}

cubn_channels cubn_channels_from(const cubn_channels *channels, int64_t first, int64_t count) {
  cubn_channels part = *channels;
  for (int i = 0; i < CUBN_CHANNEL_ARRAYS; ++i) part.arrays[i] += first;
  part.first += first;
  part.count = count;
  return part;
}

cubn_patch cubn_fast_values(const cubn_problem *problem, int64_t channel) {
  return (cubn_patch){channel * problem->s, problem->n, problem->c * problem->s, problem->s, 1};
}

void cubn_fast_clear_prescales(cubn_channels *channels) {
  channels->any_prescaled = false;
  channels->rounds = 0;
  for (int64_t i = 0; i < channels->count; ++i)
    channels->prescale[i] = channels->dy_prescale[i] = 1;
}

/* What the real number nearest to the mean lacks of it. */
CUBN_INLINED double get_mean_low(const cubn_call *call, double pivot, double distance) {
  return (pivot - cubn_to_real(call, pivot + distance)) + distance;
}

/* Sets mean and variance of all channels from sums that suffice, without prescales. */
CUBN_CLONES static void set_usual_moments(const cubn_call *call, double m,
                                          cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double square = channels->sums[1][i] / m, pivot = channels->pivot[i];
    const double distance = channels->sums[0][i] / m;
    channels->var[i] = square - distance * distance;
    channels->mean[i] = pivot + distance;
    channels->mean_low[i] = get_mean_low(call, pivot, distance);
  }
}

/* Sets mean and variance of channel i from its sums, or from x if these do not suffice. */
static void set_moments(const cubn_call *call, const cubn_sum_criteria *criteria,
                        cubn_channels *channels, int64_t i) {
  const double prescale = channels->prescale[i];
  const double square = channels->sums[1][i] / criteria->m;
  double pivot = channels->pivot[i], distance = channels->sums[0][i] / criteria->m;
  double var = square - distance * distance;
  if (!cubn_fast_sums_suffice(criteria, channels, i)) {
    if (cubn_fast_shows_nan(channels, i)) {
      distance = var = NAN;
    } else {
      const cubn_patch values = cubn_fast_values(call->problem, channels->first + i);
      cubn_exact_moments(call, values, &pivot, &distance, &var);
      if (isnan(var)) distance = var; /* infinity is among the values */
    }
  } else if (prescale != 1) {
    distance /= prescale;
    var = var / prescale / prescale;
  }
  channels->var[i] = var;
  channels->mean[i] = pivot + distance;
  channels->mean_low[i] = get_mean_low(call, pivot, distance);
}

CUBN_CLONES static void invert_deviations(const cubn_normalizer by, const double *restrict var,
                                          int64_t count, double *restrict inv_std) {
  for (int64_t i = 0; i < count; ++i) inv_std[i] = cubn_inverse_deviation(&by, var[i]);
}

void cubn_fast_set_inv_std(const cubn_call *call, cubn_channels *channels) {
  if (call->problem->var_is_inv_std)
    for (int64_t i = 0; i < channels->count; ++i) channels->inv_std[i] = channels->var[i];
  else
    invert_deviations(call->args->normalizer, channels->var, channels->count, channels->inv_std);
}

void cubn_fast_set_statistics(const cubn_call *call, cubn_channels *channels) {
  const cubn_sum_criteria criteria = cubn_fast_criteria(call);
  if (channels->rounds == 0 && !channels->any_prescaled)
    set_usual_moments(call, criteria.m, channels);
  else
    for (int64_t i = 0; i < channels->count; ++i) set_moments(call, &criteria, channels, i);
  invert_deviations(call->args->normalizer, channels->var, channels->count, channels->inv_std);
  if (channels->any_prescaled) cubn_fast_clear_prescales(channels);
  channels->rounds = 0;
}

cubn_coefficients cubn_fast_coefficients(const cubn_channels *channels, int64_t i) {
  return (cubn_coefficients){
      channels->center[i],  channels->prescale[i],    channels->dy_prescale[i],
      channels->inv_std[i], channels->gain[i],        channels->slope[i],
      channels->shift[i],   channels->preact_gain[i], channels->preact_shift[i]};
}

cubn_coefficients cubn_fast_sum_coefficients(const cubn_channels *channels, int64_t i) {
  cubn_coefficients coef = cubn_fast_coefficients(channels, i);
  coef.center = channels->pivot[i];
  return coef;
}
