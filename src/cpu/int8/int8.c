/* int8: inference of quantized tensors, every problem.
 *
 * The coefficients of a slice of channels are computed once, into the workspace. Where neighbors in
 * memory are different channels, elements are processed row by row; else run by run, each with the
 * coefficients of its channel. Packed tensors with short runs are rows, too, of c * s elements, and
 * short rows are folded: some become one, so that rows are long enough for vectors. */

#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/common/axes.h"
#include "cpu/common/device.h"
#include "cpu/common/params.h"
#include "cpu/common/statistics.h"
#include "cpu/int8/loops.h"

/* Coefficients of a slice: two arrays of floats in the workspace. */
enum { SLICE_MAX = 800000 };
/* A row that is shorter is folded. A run that is shorter is part of a row if that has at most so
 * many elements, whose coefficients then stay in a core's caches, and if there are so many rows,
 * which is worth writing the coefficients of each element. */
enum { SHORT_ROW = 1024, SHORT_RUN = 256, ROW_OF_RUNS_MAX = 1 << 16, ROWS_OF_RUNS_MIN = 8 };
/* Elements that a thread claims at a time, and the parts of long runs. */
enum { GRAIN = 1 << 16 };
/* Channels whose parameters are loaded at a time. */
enum { BLOCK = 128 };

_Static_assert(2 * sizeof(float) * SLICE_MAX <= CUBN_CPU_WORKSPACE_BYTES, "a slice fits");

typedef struct int8_job {
  const cubn_problem *problem;
  const cubn_args *args;
  cubn_int8_range range;
  int64_t first, channels; /* the channels of the slice */
  float *gain, *shift;     /* their coefficients: */
  int64_t each, times;     /* each channel's so often, and then all of them so often */
  int64_t parts;           /* of a run */
} int8_job;

static void load(const cubn_problem *problem, const void *array, int64_t first, int64_t count,
                 double absent, double *values) {
  const cubn_axes *const axes = &problem->channels;
  const int64_t stride = axes->rank > 0 ? axes->stride[CUBN_ARRAY_PARAM][axes->rank - 1] : 1;
  const int64_t offset = cubn_axes_offset(axes, axes->rank, CUBN_ARRAY_PARAM, first);
  cubn_params_load(cubn_conversion_of_param(problem->type), array,
                   (cubn_patch){offset, 1, 0, count, stride}, absent, values);
}

/* The coefficients of BLOCK channels, or of those on one axis. */
static void coefficients_task(void *context, int64_t index) {
  const int8_job *const job = context;
  const cubn_problem *const problem = job->problem;
  const cubn_args *const args = job->args;
  const cubn_axes *const axes = &problem->channels;
  const int64_t begin = index * BLOCK, end = cubn_min(begin + BLOCK, job->channels);
  double scale[BLOCK], bias[BLOCK], mean[BLOCK], mean_low[BLOCK], inv_std[BLOCK];
  float gain[BLOCK], shift[BLOCK];
  for (int64_t i = begin, count; i < end; i += count) {
    const int64_t first = job->first + i;
    const int64_t size = axes->rank > 0 ? axes->size[axes->rank - 1] : 1;
    count = cubn_min(end - i, size - first % size);
    load(problem, args->scale, first, count, 1, scale);
    load(problem, args->bias, first, count, 0, bias);
    load(problem, args->mean, first, count, 0, mean);
    load(problem, args->mean_low, first, count, 0, mean_low);
    load(problem, args->var, first, count, 0, inv_std);
    for (int64_t j = 0; j < count; ++j) inv_std[j] = cubn_given_inv_std(problem, args, inv_std[j]);
    cubn_int8_coefficients(&args->quantization, count, scale, bias, mean, mean_low, inv_std, gain,
                           shift);
    for (int64_t j = 0; j < count; ++j)
      for (int64_t k = 0; k < job->each; ++k) {
        job->gain[(i + j) * job->each + k] = gain[j];
        job->shift[(i + j) * job->each + k] = shift[j];
      }
  }
}

/* Repeats the coefficients of a row. */
static void repeat(const int8_job *job) {
  const int64_t row = job->channels * job->each;
  for (int64_t i = row; i < row * job->times; ++i) {
    job->gain[i] = job->gain[i - row];
    job->shift[i] = job->shift[i - row];
  }
}

/* Rows of packed tensors, folded ones; the last one may be shorter. */
static void packed_rows(void *context, int64_t worker, cubn_items *items) {
  const int8_job *const job = context;
  const int64_t c = job->problem->c * job->each, row = job->channels * job->each * job->times;
  const int64_t rows = job->problem->n * (job->problem->s / job->each);
  (void)worker;
  for (int64_t first, end; cubn_claim(items, &first, &end);)
    for (; first < end; ++first) {
      const int64_t offset = first * job->times * c + job->first * job->each;
      const int64_t left = (rows - first * job->times) * (row / job->times);
      cubn_int8_row((const int8_t *)job->args->x + offset, (uint8_t *)job->args->output + offset,
                    cubn_min(row, left), job->gain, job->shift, job->range);
    }
}

/* Rows along the only axis of the channels, one for each sample. */
static void strided_rows(void *context, int64_t worker, cubn_items *items) {
  const int8_job *const job = context;
  const cubn_axes *const samples = &job->problem->samples;
  (void)worker;
  for (int64_t first, end; cubn_claim(items, &first, &end);)
    for (; first < end; ++first)
      cubn_int8_row((const int8_t *)job->args->x + job->first +
                        cubn_axes_offset(samples, samples->rank, CUBN_ARRAY_X, first),
                    (uint8_t *)job->args->output + job->first +
                        cubn_axes_offset(samples, samples->rank, CUBN_ARRAY_OUTPUT, first),
                    job->channels, job->gain, job->shift, job->range);
}

/* Parts of runs along the fastest axis of the samples. */
static void runs(void *context, int64_t worker, cubn_items *items) {
  const int8_job *const job = context;
  const cubn_axes *const channels = &job->problem->channels, *const samples =
                                                                 &job->problem->samples;
  const int outer = samples->rank > 0 ? samples->rank - 1 : 0;
  const int64_t size = samples->rank > 0 ? samples->size[outer] : 1;
  const int64_t stride[] = {samples->rank > 0 ? samples->stride[CUBN_ARRAY_X][outer] : 1,
                            samples->rank > 0 ? samples->stride[CUBN_ARRAY_OUTPUT][outer] : 1};
  (void)worker;
  for (int64_t item, end; cubn_claim(items, &item, &end);)
    for (; item < end; ++item) {
      const int64_t begin = item % job->parts * GRAIN, run = item / job->parts;
      const int64_t j = run % job->channels, channel = job->first + j;
      int64_t at[2];
      for (int a = 0; a < 2; ++a)
        at[a] = cubn_axes_offset(channels, channels->rank, (cubn_array)a, channel) +
                cubn_axes_offset(samples, outer, (cubn_array)a, run / job->channels) +
                begin * stride[a];
      cubn_int8_run((const int8_t *)job->args->x + at[CUBN_ARRAY_X], stride[CUBN_ARRAY_X],
                    (uint8_t *)job->args->output + at[CUBN_ARRAY_OUTPUT], stride[CUBN_ARRAY_OUTPUT],
                    cubn_min(size - begin, GRAIN), (cubn_int8_affine){job->gain[j], job->shift[j]},
                    job->range);
    }
}

/* Whether neighbors in x and y are channels, on one axis. */
static bool has_strided_rows(const cubn_problem *problem) {
  const cubn_axes *const channels = &problem->channels;
  return channels->rank == 1 && channels->stride[CUBN_ARRAY_X][0] == 1 &&
         channels->stride[CUBN_ARRAY_OUTPUT][0] == 1 && channels->size[0] > 1;
}

static bool has_packed_rows(const cubn_problem *problem) {
  if (problem->layout == CUBN_LAYOUT_ROWS)
    return problem->s < SHORT_RUN && problem->c * problem->s <= ROW_OF_RUNS_MAX &&
           problem->n >= ROWS_OF_RUNS_MIN;
  return problem->layout == CUBN_LAYOUT_COLUMNS;
}

static void run_slice(const cubn_device *device, int8_job *job) {
  const cubn_problem *const problem = job->problem;
  const int64_t count = cubn_count(problem), row = job->channels * job->each;
  const int threads = cubn_threads_for(device, job->channels * count);
  cubn_pool_work *work = packed_rows;
  int64_t items = cubn_divide_up(count / job->each, job->times), length = row * job->times;
  if (!has_packed_rows(problem)) {
    const cubn_axes *const samples = &problem->samples;
    const int64_t size = samples->rank > 0 ? samples->size[samples->rank - 1] : 1;
    const bool has_rows = has_strided_rows(problem);
    job->parts = cubn_divide_up(size, GRAIN);
    work = has_rows ? strided_rows : runs;
    items = has_rows ? count : job->channels * (count / size) * job->parts;
    length = has_rows ? job->channels : cubn_min(size, GRAIN);
  }
  cubn_for_each(device, cubn_threads_for(device, job->channels * 8),
                cubn_divide_up(job->channels, BLOCK), coefficients_task, job);
  repeat(job);
  cubn_share(device, threads, items, cubn_at_least_1(GRAIN / length), work, job);
}

static cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  int8_job job = {.problem = problem,
                  .args = args,
                  .range = cubn_int8_range_of(&args->quantization, &problem->activation),
                  .gain = args->workspace,
                  .each = 1,
                  .times = 1};
  job.shift = job.gain + SLICE_MAX;
  if (has_packed_rows(problem)) {
    job.each = problem->s;
    const int64_t row = problem->c * job.each;
    job.times = cubn_max(1, cubn_min(SHORT_ROW / row, problem->n));
  }
  for (job.first = 0; job.first < problem->c; job.first += job.channels) {
    job.channels = cubn_min(problem->c - job.first, SLICE_MAX);
    run_slice(device, &job);
  }
  return CUBN_STATUS_SUCCESS;
}

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  (void)problem;
  return cubn_accept();
}

static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  (void)problem;
  return 2 * sizeof(float) * SLICE_MAX;
}

const cubn_algo cubn_cpu_int8 = {"int8", reject, workspace_bytes, run};
