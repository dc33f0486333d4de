/* Channels: their arrays, their moments, their coefficients. */
#include "cpu/fast/channels.h"

#include <math.h>
#include <string.h>

#include "cpu/common/preactivation.h"
#include "cpu/common/statistics.h"
#include "cpu/fast/exact.h"

/* A pivot further from the mean than this many deviations costs too much of the sum of squares. */
#define PIVOT_DEVIATIONS 4.0
/* Mean squares below this may have lost terms to underflow. */
#define SQUARE_MIN 1e-30
#define SQUARE_MIN_DOUBLE 1e-280

/* The arrays in `channels`. */
static void list_arrays(cubn_channels *channels, double **arrays[CUBN_CHANNEL_ARRAYS]) {
  double **const all[CUBN_CHANNEL_ARRAYS] = {
      &channels->pivot,   &channels->prescale, &channels->dy_prescale,  &channels->center,
      &channels->inv_std, &channels->gain,     &channels->slope,        &channels->shift,
      &channels->sums[0], &channels->sums[1],  &channels->sums[2],      &channels->preact_gain,
      &channels->scale,   &channels->bias,     &channels->preact_shift, &channels->mean,
      &channels->seen,    &channels->var,      &channels->mean_low,     &channels->needs_double};
  memcpy(arrays, all, sizeof all);
}

void cubn_channels_place(cubn_channels *channels, double *memory, int64_t capacity) {
  double **arrays[CUBN_CHANNEL_ARRAYS];
  *channels = (cubn_channels){0};
  list_arrays(channels, arrays);
  for (int i = 0; i < CUBN_CHANNEL_ARRAYS; ++i) *arrays[i] = memory + i * capacity;
}

cubn_channels cubn_channels_from(const cubn_channels *channels, int64_t first, int64_t count) {
  double **arrays[CUBN_CHANNEL_ARRAYS];
  cubn_channels part = *channels;
  list_arrays(&part, arrays);
  for (int i = 0; i < CUBN_CHANNEL_ARRAYS; ++i) *arrays[i] += first;
  part.first += first;
  part.count = count;
  return part;
}

void cubn_fast_mark_double(cubn_channels *channels, int64_t i) {
  channels->needs_double[i] = 1;
  channels->any_needs_double = true;
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

cubn_fast_moments cubn_fast_get_moments(const cubn_call *call, const cubn_channels *channels,
                                        int64_t i) {
  const double m = (double)cubn_count(call->problem), prescale = channels->prescale[i];
  const double square = channels->sums[1][i] / m, distance = channels->sums[0][i] / m;
  const double least = cubn_is_single(call->param_type) ? SQUARE_MIN : SQUARE_MIN_DOUBLE;
  cubn_fast_moments moments = {.square = square, .distance = distance};
  const bool is_constant =
      square == 0 && distance == 0 && (call->args->epsilon >= least * 0x1p24 || prescale > 1);
  moments.var = square - distance * distance;
  moments.are_small = square < least;
  /* Pivots are finite, so that squares become NaN by NaN only. */
  moments.are_nan = isnan(square) || (isinf(square) && channels->seen[i] != 0);
  moments.suffice =
      is_constant || (isfinite(square) && !moments.are_small &&
                      distance * distance <= PIVOT_DEVIATIONS * PIVOT_DEVIATIONS * moments.var);
  return moments;
}

/* Sets mean and variance of channel i from its sums, or from x if these do not suffice. */
static void set_moments(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const cubn_fast_moments moments = cubn_fast_get_moments(call, channels, i);
  const double prescale = channels->prescale[i];
  double pivot = channels->pivot[i], distance = moments.distance / prescale;
  double var = moments.var / prescale / prescale;
  if (moments.are_nan) {
    distance = var = NAN;
  } else if (!moments.suffice) {
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
  cubn_fast_clear_prescales(channels);
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
