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
  call.stream = bytes > device->machine.shared_cache_bytes / 8 * 3;
  return call;
}

const char *cubn_fast_reject(const cubn_problem *problem) {
  if (cubn_count(problem) == 0) return "empty";
  if (problem->blends) return "beta is not 0";
  if (problem->pass == CUBN_PASS_BACKWARD && !problem->has_saved) return "no saved statistics";
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

static double load_one(const cubn_call *call, const void *array, int64_t channel) {
  double value;
  call->param_type->load(array, (cubn_patch){channel, 1, 0, 1, 1}, &value);
  return value;
}

/* array[channel] = weight * value + prior_weight * array[channel] */
static void blend_one(const cubn_call *call, double weight, double value, double prior_weight,
                      void *array, int64_t channel) {
  double result = weight * value;
  if (prior_weight != 0) result += prior_weight * load_one(call, array, channel);
  call->param_type->store(&result, (cubn_patch){channel, 1, 0, 1, 1}, array);
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
  load_param(call, channels, args->scale, channels->gain);
  load_param(call, channels, args->bias, channels->shift);
  for (int64_t i = 0; i < count; ++i) {
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

static void finish_training(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const double m = (double)cubn_count(call->problem), freedom = m > 1 ? m - 1 : 1;
  load_param(call, channels, args->scale, channels->gain);
  load_param(call, channels, args->bias, channels->shift);
  for (int64_t i = 0; i < channels->count; ++i) {
    const int64_t channel = channels->first + i;
    double mean, var;
    get_moments(call, channels, i, &mean, &var);
    channels->inv_std[i] = inverse_deviation(var, args->epsilon);
    set_forward(call, channels, i, mean);
    if (call->problem->has_saved) {
      blend_one(call, 1, mean, 0, args->saved_mean, channel);
      blend_one(call, 1, channels->inv_std[i], 0, args->saved_inv_std, channel);
    }
    if (call->problem->has_running) {
      blend_one(call, args->factor, mean, 1 - args->factor, args->running_mean, channel);
      blend_one(call, args->factor, var * (m / freedom), 1 - args->factor, args->running_var,
                channel);
    }
  }
}

/* See channels.c: the saved mean stands for the mean of x if it differs by its rounding only. */
static double saved_mean_error(const cubn_call *call, double saved_mean, double difference) {
  const double roundoff = call->param_type->bytes == sizeof(double) ? 0x1p-52 : 0x1p-23;
  return fabs(difference) <= roundoff * fabs(saved_mean) ? difference : 0;
}

static void finish_backward(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  const double m = (double)cubn_count(call->problem);
  double *const scale = channels->pivot; /* free in backward */
  load_param(call, channels, args->scale, scale);
  for (int64_t i = 0; i < channels->count; ++i) {
    const int64_t channel = channels->first + i;
    double sums[3] = {channels->sums[0][i], channels->sums[1][i], channels->sums[2][i]};
    const double inv_std = channels->inv_std[i], gain = args->alpha * (scale[i] * inv_std);
    if (!isfinite(sums[0]) || !isfinite(sums[1]) || !isfinite(sums[2])) {
      const cubn_coefficients with = {.center = channels->center[i], .inv_std = inv_std};
      cubn_exact_gradient_sums(call->type, args->x, args->dy,
                               cubn_fast_values(call->problem, channel), &with, sums);
    }
    const double error = saved_mean_error(call, channels->center[i], sums[2] / m);
    const double dscale = sums[1] - sums[0] * (error * inv_std);
    channels->gain[i] = gain;
    channels->slope[i] = -gain * (dscale / m);
    channels->shift[i] = -gain * (sums[0] / m) - channels->slope[i] * (error * inv_std);
    channels->is_wide = channels->is_wide || is_wide(call, gain) || is_wide(call, inv_std);
    blend_one(call, args->param_alpha, dscale, args->param_beta, args->dscale, channel);
    blend_one(call, args->param_alpha, sums[0], args->param_beta, args->dbias, channel);
  }
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
