/* Folding into the layer behind, and counting what is not finite. */
#include "cpu/fold.h"

#include <math.h>

#include "cpu/common/axes.h"
#include "cpu/common/convert.h"

static double load(const cubn_conversion *conversion, const void *array, int64_t offset) {
  double value;
  conversion->load(array, (cubn_patch){offset, 1, 0, 1, 1}, &value);
  return value;
}

static void store(const cubn_conversion *conversion, double value, int64_t offset, void *array) {
  conversion->store(&value, (cubn_patch){offset, 1, 0, 1, 1}, array);
}

static cubn_fold_affine affine_of(const cubn_fold_task *task, int64_t channel) {
  const cubn_conversion *const param = cubn_conversion_of_param(task->problem.type);
  return cubn_fold_affine_of(task->scale ? load(param, task->scale, channel) : 1,
                             task->bias ? load(param, task->bias, channel) : 0,
                             load(param, task->mean, channel), load(param, task->var, channel),
                             task->epsilon);
}

/* The x of a channel that is normalized to 0. */
static double padding_of(const cubn_fold_task *task, int64_t channel) {
  const cubn_fold_affine a = affine_of(task, channel);
  return -a.addend / a.factor;
}

cubnStatus_t cubn_cpu_fold_behind(cubn_device *device, const cubn_fold_task *task) {
  const cubn_problem *const problem = &task->problem;
  const cubn_axes *const outputs = &problem->channels, *const weights = &problem->samples;
  const cubn_conversion *const element = cubn_conversion_of(problem->type);
  const cubn_conversion *const folded = cubn_conversion_of(task->folded_type);
  const cubn_conversion *const param = cubn_conversion_of_param(problem->type);
  const int64_t count = cubn_count(problem);
  (void)device;
  for (int64_t k = 0; k < problem->c; ++k) {
    const int64_t origin = cubn_axes_offset(outputs, outputs->rank, CUBN_ARRAY_X, k);
    const int64_t group = k / (problem->c / task->groups);
    double sum = task->layer_bias ? load(element, task->layer_bias, k) : 0, addend = 0;
    int64_t before = -1; /* the input whose addend that is */
    for (int64_t i = 0; i < count; ++i) {
      const int64_t at = cubn_axes_offset(weights, weights->rank, CUBN_ARRAY_X, i);
      const int64_t input = cubn_axes_offset(weights, weights->rank, CUBN_ARRAY_OUTPUT, i);
      if (input != before) addend = affine_of(task, group * task->inputs + input).addend;
      before = input;
      sum += load(element, task->weights, origin + at) * addend;
    }
    store(folded, sum, k, task->folded_bias);
  }
  for (int64_t c = 0; task->padding && c < task->inputs * task->groups; ++c)
    store(param, padding_of(task, c), c, task->padding);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_cpu_count_nonfinite(cubn_device *device, const cubn_problem *problem,
                                      const void *x, int64_t *count) {
  const cubn_axes *const channels = &problem->channels, *const samples = &problem->samples;
  const cubn_conversion *const element = cubn_conversion_of(problem->type);
  (void)device;
  *count = 0;
  for (int64_t c = 0; c < problem->c; ++c) {
    const int64_t origin = cubn_axes_offset(channels, channels->rank, CUBN_ARRAY_X, c);
    for (int64_t i = 0; i < cubn_count(problem); ++i) {
      const int64_t at = cubn_axes_offset(samples, samples->rank, CUBN_ARRAY_X, i);
      *count += !isfinite(load(element, x, origin + at));
    }
  }
  return CUBN_STATUS_SUCCESS;
}
