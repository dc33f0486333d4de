/* Channels: their arrays, their moments, their coefficients. */
#include "cpu/fast/channels.h"

#include <math.h>

#include "cpu/common/preactivation.h"
#include "cpu/common/statistics.h"
#include "cpu/fast/exact.h"

/* A pivot further from the mean than this many deviations costs too much of the sum of squares. */
#define PIVOT_DEVIATIONS 4.0
/* Mean squares of floats below this may have lost terms to underflow. */
#define SQUARE_MIN 1e-30

void cubn_channels_place(cubn_channels *channels, double *memory, int64_t capacity) {
  double **const arrays[CUBN_CHANNEL_ARRAYS] = {
      &channels->pivot,       &channels->center,      &channels->inv_std,      &channels->gain,
      &channels->slope,       &channels->shift,       &channels->sums[0],      &channels->sums[1],
      &channels->sums[2],     &channels->preact_gain, &channels->preact_shift, &channels->scale,
      &channels->bias,        &channels->mean,        &channels->var,          &channels->mean_low,
      &channels->needs_double};
  *channels = (cubn_channels){0};
  for (int i = 0; i < CUBN_CHANNEL_ARRAYS; ++i) *arrays[i] = memory + i * capacity;
}

void cubn_fast_mark_double(cubn_channels *channels, int64_t i) {
  channels->needs_double[i] = 1;
  channels->any_needs_double = true;
}

cubn_patch cubn_fast_values(const cubn_problem *problem, int64_t channel) {
  return (cubn_patch){channel * problem->s, problem->n, problem->c * problem->s, problem->s, 1};
}

/* Sets mean and variance of channel i from its sums, or from x if these do not suffice. */
static void set_moments(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const double m = (double)cubn_count(call->problem);
  const double square = channels->sums[1][i] / m;
  const double square_min = cubn_is_single(call->param_type) ? SQUARE_MIN : SQUARE_MIN * SQUARE_MIN;
  double pivot = channels->pivot[i], distance = channels->sums[0][i] / m;
  double var = square - distance * distance;
  const bool is_constant =
      square == 0 && distance == 0 && call->args->epsilon >= square_min * 0x1p24;
  const bool suffices = isfinite(square) && square >= square_min &&
                        distance * distance <= PIVOT_DEVIATIONS * PIVOT_DEVIATIONS * var;
  if (!is_constant && !suffices) {
    const cubn_patch values = cubn_fast_values(call->problem, channels->first + i);
    cubn_exact_moments(call, values, &pivot, &distance, &var);
    if (isnan(var)) distance = var; /* infinity is among the values */
  }
  channels->var[i] = var;
  channels->mean[i] = pivot + distance;
  channels->mean_low[i] = (pivot - cubn_to_real(call, channels->mean[i])) + distance;
}

void cubn_fast_set_statistics(const cubn_call *call, cubn_channels *channels) {
  for (int64_t i = 0; i < channels->count; ++i) {
    set_moments(call, channels, i);
    channels->inv_std[i] = cubn_inverse_deviation(channels->var[i], call->args->epsilon);
  }
}

cubn_coefficients cubn_fast_coefficients(const cubn_channels *channels, int64_t i) {
  return (cubn_coefficients){
      channels->center[i], channels->inv_std[i],     channels->gain[i],        channels->slope[i],
      channels->shift[i],  channels->preact_gain[i], channels->preact_shift[i]};
}

cubn_coefficients cubn_fast_sum_coefficients(const cubn_channels *channels, int64_t i) {
  cubn_coefficients coef = cubn_fast_coefficients(channels, i);
  coef.center = channels->pivot[i];
  return coef;
}
