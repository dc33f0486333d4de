/* Arithmetic on channels for the fast algorithms: from sums in double to coefficients in the
 * kernels' precision. Backward: fast_backward.c. */
#include "cpu/fast.h"

#include <math.h>
#include <string.h>

#include "cpu/exact.h"
#include "cpu/fast_fused.h"
#include "cpu/input.h"

/* A pivot further from the mean than this many deviations costs too much of the sum of squares. */
#define PIVOT_DEVIATIONS 4.0
/* Mean squares of floats below this may have lost terms to underflow. */
#define SQUARE_MIN 1e-30

cubn_call cubn_call_begin(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args) {
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const int64_t values = cubn_count(problem) * problem->c;
  cubn_call call = {.device = device, .problem = problem, .args = args};
  call.kernels = cubn_machine_kernels(&device->machine, problem->type);
  call.type = cubn_conversion_of(problem->type);
  call.param_type = cubn_conversion_of_param(problem->type);
  call.element_bytes = (int64_t)cubn_element_bytes(problem->type);
  call.needs = cubn_needs_of(problem, args);
  call.sums = problem->pass == CUBN_PASS_TRAIN ? 2 : call.needs.sums ? 3 : 0;
  call.writes = problem->has_output || problem->has_dz;
  call.threads = cubn_threads_for(device, values);
  if (call.threads > device->machine.threads) call.threads = device->machine.threads;
  const int tensors = (backward ? 3 : 2) + (problem->adds && (!backward || problem->has_dz));
  const int64_t bytes = values * call.element_bytes * tensors;
  call.fits_core = bytes <= device->machine.core_cache_bytes;
  call.fetches = bytes > device->machine.shared_cache_bytes / 8;
  call.stream = problem->has_output && bytes > device->machine.shared_cache_bytes / 8 * 3;
  call.is_rich = cubn_is_rich(problem);
  if (call.is_rich) cubn_fused_begin(&call);
  return call;
}

cubn_call cubn_call_of_moments(const cubn_call *call) {
  cubn_call it = *call;
  it.sums = 2;
  return it;
}

const char *cubn_fast_reject(const cubn_problem *problem) {
  if (cubn_count(problem) == 0) return "empty";
  /* Backward will compute the statistics again, and all algorithms must come to the same. */
  if (problem->reserve == CUBN_RESERVE_MEANS && !problem->has_saved)
    return "an activation's input needs saved statistics";
  return NULL;
}

void cubn_channels_place(cubn_channels *channels, double *memory, int64_t capacity) {
  double **const arrays[CUBN_CHANNEL_ARRAYS] = {
      &channels->pivot,   &channels->center,     &channels->inv_std,     &channels->gain,
      &channels->slope,   &channels->shift,      &channels->sums[0],     &channels->sums[1],
      &channels->sums[2], &channels->input_gain, &channels->input_shift, &channels->wide};
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

/* y = alpha * (scale * (x - mean) * inv_std + bias); the part of the mean that the center does not
 * hold goes into the shift. Where something is fused, alpha comes behind it; the input of an
 * activation is that of input.h. */
static void set_forward(const cubn_call *call, cubn_channels *channels, int64_t i, double mean) {
  const double scale = channels->gain[i], bias = channels->shift[i];
  const bool is_single = cubn_is_single(call->param_type);
  const double alpha = call->is_rich ? 1 : call->args->alpha;
  double inv_std = channels->inv_std[i], rest = mean - cubn_to_real(call, mean);
  if (call->fusion.decides) {
    inv_std = cubn_to_real(call, inv_std);
    rest = cubn_to_real(call, rest);
  }
  const double gain = alpha * cubn_input_gain(scale, inv_std);
  channels->center[i] = cubn_to_real(call, mean);
  channels->gain[i] = gain;
  channels->shift[i] = cubn_input_shift(alpha * bias, rest, gain);
  if (cubn_is_wide(is_single, gain)) cubn_fast_set_wide(channels, i);
  cubn_fast_fold(call, channels, i);
}

/* Statistics are given. */
static void begin_inference(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  double *const mean = channels->slope; /* free until backward */
  cubn_fast_load(call, channels, args->mean, 0, mean);
  cubn_fast_load(call, channels, args->var, 0, channels->inv_std);
  cubn_fast_load(call, channels, args->scale, 1, channels->gain);
  cubn_fast_load(call, channels, args->bias, 0, channels->shift);
  for (int64_t i = 0; i < channels->count; ++i) {
    if (!call->problem->var_is_inv_std)
      channels->inv_std[i] = cubn_inverse_deviation(channels->inv_std[i], args->epsilon);
    set_forward(call, channels, i, mean[i]);
  }
}

void cubn_fast_begin(const cubn_call *call, int64_t first, int64_t count, cubn_channels *channels) {
  channels->first = first;
  channels->count = count;
  channels->has_wide = call->has_wide_factor;
  for (int64_t i = 0; i < count; ++i) channels->wide[i] = call->has_wide_factor;
  if (call->needs.moments)
    cubn_fast_load_pivots(call, channels);
  else if (call->problem->pass == CUBN_PASS_BACKWARD)
    cubn_fast_begin_backward(call, channels);
  else
    begin_inference(call, channels);
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
  cubn_fast_blend(call, channels, factor, mean, 1 - factor, args->previous_running_mean,
                  args->running_mean);
  cubn_fast_blend(call, channels, factor, var, 1 - factor, args->previous_running_var,
                  args->running_var);
}

/* What the center lacks of the mean: backward needs it to compute the input again. */
static void put_rest_of_means(const cubn_call *call, const cubn_channels *channels,
                              const double *mean) {
  double *const rest = channels->slope; /* free until backward */
  for (int64_t i = 0; i < channels->count; ++i) rest[i] = mean[i] - cubn_to_real(call, mean[i]);
  cubn_fast_blend(call, channels, 1, rest, 0, NULL, call->args->reserve);
}

static void finish_training(const cubn_call *call, cubn_channels *channels) {
  const cubn_args *args = call->args;
  double *const mean = channels->sums[0], *const var = channels->sums[1];
  if (call->writes) {
    cubn_fast_load(call, channels, args->scale, 1, channels->gain);
    cubn_fast_load(call, channels, args->bias, 0, channels->shift);
  }
  for (int64_t i = 0; i < channels->count; ++i) {
    double of_x, squares;
    cubn_fast_moments(call, channels, i, &of_x, &squares);
    mean[i] = of_x;
    var[i] = squares;
    channels->inv_std[i] = cubn_inverse_deviation(squares, args->epsilon);
    if (call->writes) set_forward(call, channels, i, of_x);
  }
  if (call->problem->reserve == CUBN_RESERVE_MEANS) put_rest_of_means(call, channels, mean);
  if (call->problem->has_saved) {
    cubn_fast_blend(call, channels, 1, mean, 0, NULL, args->saved_mean);
    cubn_fast_blend(call, channels, 1, channels->inv_std, 0, NULL, args->saved_inv_std);
  }
  if (call->problem->has_running) update_running(call, channels, mean, var);
}

void cubn_fast_finish(const cubn_call *call, cubn_channels *channels) {
  if (!call->sums) return;
  if (call->problem->pass == CUBN_PASS_TRAIN)
    finish_training(call, channels);
  else
    cubn_fast_finish_backward(call, channels);
}

cubn_coefficients cubn_fast_coefficients(const cubn_channels *channels, int64_t index) {
  return (cubn_coefficients){channels->center[index],     channels->inv_std[index],
                             channels->gain[index],       channels->slope[index],
                             channels->shift[index],      channels->input_gain[index],
                             channels->input_shift[index]};
}
