/* Arithmetic on channels for the fast algorithms: from sums in double to coefficients in the
 * kernels' precision. */
#include "cpu/fast.h"

#include <math.h>
#include <string.h>

#include "cpu/exact.h"

/* A pivot further from the mean than this many deviations costs too much of the sum of squares. */
#define PIVOT_DEVIATIONS 4.0
/* Mean squares of floats below this may have lost terms to underflow. */
#define SQUARE_MIN 1e-30
/* Coefficients of float arithmetic stay within 1 / this and this. */
#define COEFFICIENT_MAX 1e34

cubn_call cubn_call_begin(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args) {
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const int64_t values = cubn_count(problem) * problem->c;
  cubn_call call = {.device = device, .problem = problem, .args = args};
  call.kernels = cubn_machine_kernels(&device->machine, problem->type);
  call.type = cubn_conversion_of(problem->type);
  call.param_type = cubn_conversion_of_param(problem->type);
  call.element_bytes = (int64_t)cubn_element_bytes(problem->type);
  call.sums = backward ? 3 : problem->pass == CUBN_PASS_TRAIN ? 2 : 0;
  call.threads = cubn_threads_for(device, values);
  if (call.threads > device->machine.threads) call.threads = device->machine.threads;
  const int64_t bytes = values * call.element_bytes * (backward ? 3 : 2);
  call.fits_core = bytes <= device->machine.core_cache_bytes;
  call.stream = bytes > device->machine.shared_cache_bytes / 8 * 3;
  return call;
}

const char *cubn_fast_reject(const cubn_problem *problem) {
  if (cubn_count(problem) == 0) return "empty";
  if (!problem->has_output) return "no output is wanted";
  if (problem->blends) return "beta is not 0";
  if (cubn_is_fused(problem)) return "fused with an activation or an addition";
  if (problem->pass != CUBN_PASS_BACKWARD) return NULL;
  if (problem->is_frozen || problem->sums_are_given) return "sums are not to be computed";
  if (!problem->has_saved) return "no saved statistics";
  return NULL;
}

void cubn_channels_place(cubn_channels *channels, double *memory, int64_t capacity) {
  double **const arrays[CUBN_CHANNEL_ARRAYS] = {
      &channels->pivot, &channels->center,  &channels->inv_std, &channels->gain,   &channels->slope,
      &channels->shift, &channels->sums[0], &channels->sums[1], &channels->sums[2]};
  *channels = (cubn_channels){0};
  for (int i = 0; i < CUBN_CHANNEL_ARRAYS; ++i) *arrays[i] = memory + i * capacity;
}

static cubn_patch params_of(const cubn_channels *channels) {
  return (cubn_patch){channels->first, 1, 0, channels->count, 1};
}

static void load_param(const cubn_call *call, const cubn_channels *channels, const void *array,
                       double *values) {
  call->param_type->load(array, params_of(channels), values);
}

/* The same, or all `absent` if array is NULL. */
static void load_param_or(const cubn_call *call, const cubn_channels *channels, const void *array,
                          double absent, double *values) {
  if (array) {
    load_param(call, channels, array, values);
    return;
  }
  for (int64_t i = 0; i < channels->count; ++i) values[i] = absent;
}

/* array = weight * values + prior_weight * prior; prior is not read if its weight is 0. */
static void blend_param(const cubn_call *call, const cubn_channels *channels, double weight,
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

static double inverse_deviation(double var, double epsilon) {
  const double v = var + epsilon;
  return v == 0 ? 0 : 1 / sqrt(v);
}

static bool computes_in_double(const cubn_call *call) {
  return call->kernels->real_bytes == sizeof(double);
}

/* As the kernels hold it. */
static double to_real(const cubn_call *call, double value) {
  return computes_in_double(call) ? value : (double)(float)value;
}

static bool is_wide(const cubn_call *call, double coefficient) {
  const double size = fabs(coefficient);
  return !computes_in_double(call) && size != 0 && isfinite(size) &&
         (size > COEFFICIENT_MAX || size < 1 / COEFFICIENT_MAX);
}

/* y = alpha * (scale * (x - mean) * inv_std + bias); the part of the mean that the center does not
 * hold goes into the shift. */
static void set_forward(const cubn_call *call, cubn_channels *channels, int64_t i, double mean) {
  const double scale = channels->gain[i], bias = channels->shift[i];
  const double gain = call->args->alpha * (scale * channels->inv_std[i]);
  channels->center[i] = to_real(call, mean);
  channels->gain[i] = gain;
  channels->shift[i] = call->args->alpha * bias;
  if (mean != channels->center[i]) channels->shift[i] -= (mean - channels->center[i]) * gain;
  channels->is_wide = channels->is_wide || is_wide(call, gain);
}

void cubn_fast_begin(const cubn_call *call, int64_t first, int64_t count, cubn_channels *channels) {
  const cubn_args *args = call->args;
  channels->first = first;
  channels->count = count;
  channels->is_wide = false;
  if (call->problem->pass == CUBN_PASS_TRAIN) {
    const int64_t s = call->problem->s;
    call->type->load(args->x, (cubn_patch){first * s, 1, 0, count, s}, channels->pivot);
    return;
  }
  if (call->problem->pass == CUBN_PASS_BACKWARD) {
    load_param(call, channels, args->saved_mean, channels->center);
    load_param(call, channels, args->saved_inv_std, channels->inv_std);
    return;
  }
  double *const mean = channels->slope; /* free until backward */
  load_param(call, channels, args->mean, mean);
  load_param(call, channels, args->var, channels->inv_std);
  load_param_or(call, channels, args->scale, 1, channels->gain);
  load_param_or(call, channels, args->bias, 0, channels->shift);
  for (int64_t i = 0; i < count; ++i) {
    if (!call->problem->var_is_inv_std)
      channels->inv_std[i] = inverse_deviation(channels->inv_std[i], args->epsilon);
    set_forward(call, channels, i, mean[i]);
  }
}

cubn_patch cubn_fast_values(const cubn_problem *problem, int64_t channel) {
  return (cubn_patch){channel * problem->s, problem->n, problem->c * problem->s, problem->s, 1};
}

/* Mean and variance from the sums over x - pivot, unless these are not good enough. */
static void get_moments(const cubn_call *call, const cubn_channels *channels, int64_t i,
                        double *mean, double *var) {
  const double m = (double)cubn_count(call->problem);
  const double distance = channels->sums[0][i] / m, square = channels->sums[1][i] / m;
  const double square_min = computes_in_double(call) ? SQUARE_MIN * SQUARE_MIN : SQUARE_MIN;
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

/* Writes the running statistics, the last thing that is done with a channel's parameters: they may
 * share memory with scale and bias. */
static void update_running(const cubn_call *call, const cubn_channels *channels, const double *mean,
                           double *var) {
  const cubn_args *args = call->args;
  const double m = (double)cubn_count(call->problem);
  double factor = args->factor;
  if (args->factor_pointer)
    call->param_type->load(args->factor_pointer, (cubn_patch){0, 1, 0, 1, 1}, &factor);
  if (!call->problem->running_is_biased && m > 1)
    for (int64_t i = 0; i < channels->count; ++i) var[i] *= m / (m - 1);
  blend_param(call, channels, factor, mean, 1 - factor, args->previous_running_mean,
              args->running_mean);
  blend_param(call, channels, factor, var, 1 - factor, args->previous_running_var,
              args->running_var);
}

static void finish_training(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  double *const mean = channels->sums[0], *const var = channels->sums[1];
  load_param_or(call, channels, args->scale, 1, channels->gain);
  load_param_or(call, channels, args->bias, 0, channels->shift);
  for (int64_t i = 0; i < channels->count; ++i) {
    double of_x, squares;
    get_moments(call, channels, i, &of_x, &squares);
    mean[i] = of_x;
    var[i] = squares;
    channels->inv_std[i] = inverse_deviation(squares, args->epsilon);
    set_forward(call, channels, i, of_x);
  }
  if (call->problem->has_saved) {
    blend_param(call, channels, 1, mean, 0, NULL, args->saved_mean);
    blend_param(call, channels, 1, channels->inv_std, 0, NULL, args->saved_inv_std);
  }
  if (call->problem->has_running) update_running(call, channels, mean, var);
}

/* See channels.c: the saved mean stands for the mean of x if it differs by its rounding only. */
static double saved_mean_error(const cubn_call *call, double saved_mean, double difference) {
  const double roundoff = call->param_type->bytes == sizeof(double) ? 0x1p-52 : 0x1p-23;
  return fabs(difference) <= roundoff * fabs(saved_mean) ? difference : 0;
}

/* Sums of channels that overflowed, again. */
static void repair_sums(const cubn_call *call, cubn_channels *channels, int64_t i) {
  const cubn_coefficients with = {.center = channels->center[i], .inv_std = channels->inv_std[i]};
  double sums[3] = {channels->sums[0][i], channels->sums[1][i], channels->sums[2][i]};
  if (isfinite(sums[0]) && isfinite(sums[1]) && isfinite(sums[2])) return;
  cubn_exact_gradient_sums(call->type, call->args->x, call->args->dy,
                           cubn_fast_values(call->problem, channels->first + i), &with, sums);
  for (int k = 0; k < 3; ++k) channels->sums[k][i] = sums[k];
}

static void finish_backward(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const double m = (double)cubn_count(call->problem);
  double *const dbias = channels->sums[0], *const dscale = channels->sums[1];
  double *const scale = channels->pivot; /* free in backward */
  load_param_or(call, channels, args->scale, 1, scale);
  for (int64_t i = 0; i < channels->count; ++i) {
    repair_sums(call, channels, i);
    const double inv_std = channels->inv_std[i], gain = args->alpha * (scale[i] * inv_std);
    const double error = saved_mean_error(call, channels->center[i], channels->sums[2][i] / m);
    dscale[i] -= dbias[i] * (error * inv_std);
    channels->gain[i] = gain;
    channels->slope[i] = -gain * (dscale[i] / args->count);
    channels->shift[i] = -gain * (dbias[i] / args->count) - channels->slope[i] * (error * inv_std);
    channels->is_wide = channels->is_wide || is_wide(call, gain) || is_wide(call, inv_std);
  }
  if (args->dscale)
    blend_param(call, channels, args->param_alpha, dscale, args->param_beta, args->dscale,
                args->dscale);
  if (args->dbias)
    blend_param(call, channels, args->param_alpha, dbias, args->param_beta, args->dbias,
                args->dbias);
}

void cubn_fast_finish(const cubn_call *call, cubn_channels *channels) {
  if (call->problem->pass == CUBN_PASS_TRAIN) finish_training(call, channels);
  if (call->problem->pass == CUBN_PASS_BACKWARD) finish_backward(call, channels);
}

cubn_coefficients cubn_fast_coefficients(const cubn_channels *channels, int64_t index) {
  return (cubn_coefficients){channels->center[index], channels->inv_std[index],
                             channels->gain[index], channels->slope[index], channels->shift[index]};
}

void cubn_fast_output_exact(const cubn_call *call, const cubn_channels *channels) {
  const cubn_args *args = call->args;
  for (int64_t i = 0; i < channels->count; ++i) {
    const cubn_coefficients with = cubn_fast_coefficients(channels, i);
    const cubn_patch values = cubn_fast_values(call->problem, channels->first + i);
    if (call->problem->pass == CUBN_PASS_BACKWARD)
      cubn_exact_gradient(call->type, args->x, args->dy, args->output, values, &with);
    else
      cubn_exact_normalize(call->type, args->x, args->output, values, &with);
  }
}
