/* Channels: their arrays, their moments, their coefficients. */
#include "cpu/fast/call.h"

#include <math.h>
#include <string.h>

#include "cpu/common/preactivation.h"
#include "cpu/fast/exact.h"

/* A pivot further from the mean than this many deviations costs too much of the sum of squares. */
#define PIVOT_DEVIATIONS 4.0
/* Mean squares of floats below this may have lost terms to underflow. */
#define SQUARE_MIN 1e-30

void cubn_channels_place(cubn_channels *channels, double *memory, int64_t capacity) {
  double **const arrays[CUBN_CHANNEL_ARRAYS] = {
      &channels->pivot,   &channels->center,      &channels->inv_std,      &channels->gain,
      &channels->slope,   &channels->shift,       &channels->sums[0],      &channels->sums[1],
      &channels->sums[2], &channels->preact_gain, &channels->preact_shift, &channels->needs_double};
  *channels = (cubn_channels){0};
  for (int i = 0; i < CUBN_CHANNEL_ARRAYS; ++i) *arrays[i] = memory + i * capacity;
}

static cubn_patch params_of(const cubn_channels *channels) {
  return (cubn_patch){channels->first, 1, 0, channels->count, 1};
}

void cubn_fast_load(const cubn_call *call, const cubn_channels *channels, const void *array,
                    double absent, double *values) {
  if (array) {
    call->param_type->load(array, params_of(channels), values);
    return;
  }
  for (int64_t i = 0; i < channels->count; ++i) values[i] = absent;
}

void cubn_fast_blend(const cubn_call *call, const cubn_channels *channels, double weight,
                     const double *values, double prior_weight, const void *prior, void *array) {
  enum { PIECE = 64 };
  double result[PIECE], before[PIECE];
  for (int64_t done = 0, count; done < channels->count; done += count) {
    count = channels->count - done < PIECE ? channels->count - done : PIECE;
    const cubn_patch patch = {channels->first + done, 1, 0, count, 1};
    for (int64_t i = 0; i < count; ++i) result[i] = weight * values[done + i];
    if (prior_weight != 0) {
      call->param_type->load(prior, patch, before);
      for (int64_t i = 0; i < count; ++i) result[i] += prior_weight * before[i];
    }
    call->param_type->store(result, patch, array);
  }
}

double cubn_inverse_deviation(double var, double epsilon) {
  const double v = var + epsilon;
  return v == 0 ? 0 : 1 / sqrt(v);
}

cubn_patch cubn_fast_values(const cubn_problem *problem, int64_t channel) {
  return (cubn_patch){channel * problem->s, problem->n, problem->c * problem->s, problem->s, 1};
}

/* The sums are used unless they are not good enough. */
void cubn_fast_moments(const cubn_call *call, const cubn_channels *channels, int64_t i,
                       double *mean, double *var) {
  const double m = (double)cubn_count(call->problem);
  const double distance = channels->sums[0][i] / m, square = channels->sums[1][i] / m;
  const double square_min = cubn_is_single(call->param_type) ? SQUARE_MIN : SQUARE_MIN * SQUARE_MIN;
  *mean = channels->pivot[i] + distance;
  *var = square - distance * distance;
  if (square == 0 && distance == 0 && call->args->epsilon >= square_min * 0x1p24) return;
  if (isfinite(square) && square >= square_min &&
      distance * distance <= PIVOT_DEVIATIONS * PIVOT_DEVIATIONS * *var)
    return;
  double squares;
  cubn_exact_moments(call->type, call->args->x,
                     cubn_fast_values(call->problem, channels->first + i), mean, &squares);
  *var = squares / m;
  if (isnan(*var)) *mean = *var; /* infinity among the values */
}

cubn_coefficients cubn_fast_coefficients(const cubn_channels *channels, int64_t index) {
  return (cubn_coefficients){channels->center[index],      channels->inv_std[index],
                             channels->gain[index],        channels->slope[index],
                             channels->shift[index],       channels->preact_gain[index],
                             channels->preact_shift[index]};
}
