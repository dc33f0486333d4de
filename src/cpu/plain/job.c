/* Divides a job into work items and runs them. A group that fits in a core's caches is one work
 * item: it is read from memory once. Otherwise all threads process a slice of the groups, chunk by
 * chunk, one pass over the samples after the other. */
#include "cpu/plain/job.h"

#include <string.h>

#include "core/check.h"
#include "cpu/common/arith.h"
#include "cpu/common/device.h"
#include "cpu/common/mask_tiles.h"

/* Input of a group that one thread processes alone, in all passes, while it is in a core's caches:
 * what large processors have of L2 and LLC for each core. */
enum { GROUP_BYTES = 1 << 20 };
/* Input of a slice, which is to stay in the LLC from one pass to the next. */
enum { SLICE_BYTES = 8 << 20 };
/* Values of a chunk, unless there would be too many chunks. */
enum { CHUNK_VALUES = 16384 };
/* So many groups keep the threads busy without being divided. */
enum { GROUPS_ENOUGH = 16 };
/* Bytes of a mask that one work item clears. */
enum { MASK_BLOCK_BYTES = 64 << 10 };
/* Limits of a slice, which bound the workspace. */
enum { SLICE_GROUPS_MAX = 128, SLICE_CHUNKS_MAX = 512 };

_Static_assert(SLICE_GROUPS_MAX * sizeof(cubn_lanes) + SLICE_CHUNKS_MAX * sizeof(cubn_partial) <=
                   CUBN_CPU_WORKSPACE_BYTES,
               "a slice fits in the workspace");

static void get_group(const cubn_job *job, int64_t index, cubn_group *group) {
  job->plan.group(job->problem, &job->plan, index, group);
  group->lanes = cubn_lanes_for_width(group->width);
  group->tile_samples =
      cubn_at_least_1(CUBN_TILE_VALUES / group->lanes) * (group->lanes / group->width);
}

/* Decides how the job is divided, from the problem alone. */
static void partition(const cubn_problem *problem, const cubn_plan *plan, cubn_job *job) {
  const int64_t samples = cubn_count(problem);
  static const int64_t arrays_read[CUBN_PASS_COUNT] = {1, 1, 2, 3};
  const int64_t arrays = arrays_read[problem->pass];
  const int64_t sample_bytes = plan->width * arrays * (int64_t)cubn_element_bytes(problem->type);
  job->problem = problem;
  job->plan = *plan;
  job->slice = plan->groups;
  job->chunks = 1;
  job->chunk_samples = samples;
  if (samples == 0) return;
  if (samples <= GROUP_BYTES / sample_bytes && plan->groups >= GROUPS_ENOUGH) return;

  /* Groups of several channels share cache lines, so a slice takes all of them. */
  job->slice = cubn_min(plan->groups, SLICE_GROUPS_MAX);
  if (plan->width == 1)
    job->slice = cubn_min(job->slice, cubn_at_least_1(SLICE_BYTES / sample_bytes / samples));
  const int64_t wanted = cubn_at_least_1(samples / cubn_at_least_1(CHUNK_VALUES / plan->width));
  const int64_t chunks = cubn_min(wanted, SLICE_CHUNKS_MAX / job->slice);
  cubn_group first;
  get_group(job, 0, &first);
  job->chunk_samples = cubn_round_up(cubn_divide_up(samples, chunks), first.tile_samples);
  job->chunks = cubn_at_least_1(cubn_divide_up(samples, job->chunk_samples));
  if (job->chunks == 1) job->slice = plan->groups;
}

size_t cubn_job_workspace_bytes(const cubn_problem *problem, const cubn_plan *plan) {
  cubn_job job;
  partition(problem, plan, &job);
  if (job.chunks == 1) return 0;
  return (size_t)job.slice * (sizeof(cubn_lanes) + (size_t)job.chunks * sizeof(cubn_partial));
}

static bool is_forward(const cubn_job *job) {
  return job->problem->pass == CUBN_PASS_TRAIN || job->problem->pass == CUBN_PASS_INFER;
}

/* Runs all passes over one group, on one thread. */
static void whole_group_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const cubn_problem *problem = job->problem;
  const int64_t samples = cubn_count(problem);
  cubn_group group;
  cubn_lanes lanes;
  cubn_partial partial;
  get_group(job, index, &group);
  if (samples == 0) {
    cubn_channels_finish_empty(job, &group);
    return;
  }
  cubn_channels_begin(job, &group, &lanes);
  if (job->needs.moments) {
    cubn_sweep_moments(job, &group, 0, samples, &lanes, &partial.moments);
    cubn_channels_finish_moments(job, &group, &partial.moments, &lanes);
  }
  if (is_forward(job)) {
    if (problem->has_output) cubn_sweep_forward(job, &group, 0, samples, &lanes);
    return;
  }
  if (job->needs.sums) {
    cubn_gradients_sum(job, &group, 0, samples, &lanes, &partial);
    cubn_gradients_finish(job, &group, &partial, &lanes);
  }
  if (!job->needs.sums || job->needs.dx_waits)
    cubn_gradients_write(job, &group, 0, samples, &lanes);
}

/* A chunk of a group of the current slice. */
typedef struct chunk {
  cubn_group group;
  cubn_lanes *lanes;
  cubn_partial *partial;
  int64_t first, samples;
} chunk;

/* Neighboring work items are neighbors in memory: the same samples of all groups. */
static chunk get_chunk(const cubn_job *job, int64_t index) {
  const int64_t groups = cubn_min(job->slice, job->plan.groups - job->first_group);
  const int64_t group = index % groups, number = index / groups;
  chunk result;
  get_group(job, job->first_group + group, &result.group);
  result.lanes = job->lanes + group;
  result.partial = job->partials + group * job->chunks + number;
  result.first = number * job->chunk_samples;
  result.samples = cubn_min(job->chunk_samples, cubn_count(job->problem) - result.first);
  return result;
}

static void begin_task(void *context, int64_t index) {
  const cubn_job *job = context;
  cubn_group group;
  get_group(job, job->first_group + index, &group);
  cubn_channels_begin(job, &group, job->lanes + index);
}

static void moments_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const chunk chunk = get_chunk(job, index);
  cubn_sweep_moments(job, &chunk.group, chunk.first, chunk.samples, chunk.lanes,
                     &chunk.partial->moments);
}

static void finish_moments_task(void *context, int64_t index) {
  const cubn_job *job = context;
  cubn_partial *partials = job->partials + index * job->chunks;
  cubn_group group;
  get_group(job, job->first_group + index, &group);
  for (int64_t i = 1; i < job->chunks; ++i)
    cubn_moments_append(&partials[0].moments, &partials[i].moments, group.width);
  cubn_channels_finish_moments(job, &group, &partials[0].moments, job->lanes + index);
}

static void sums_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const chunk chunk = get_chunk(job, index);
  cubn_gradients_sum(job, &chunk.group, chunk.first, chunk.samples, chunk.lanes, chunk.partial);
}

static void finish_sums_task(void *context, int64_t index) {
  const cubn_job *job = context;
  cubn_partial *partials = job->partials + index * job->chunks;
  cubn_group group;
  get_group(job, job->first_group + index, &group);
  for (int64_t i = 1; i < job->chunks; ++i)
    cubn_gradients_append(job, &partials[0], &partials[i], group.width);
  cubn_gradients_finish(job, &group, &partials[0], job->lanes + index);
}

static void forward_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const chunk chunk = get_chunk(job, index);
  cubn_sweep_forward(job, &chunk.group, chunk.first, chunk.samples, chunk.lanes);
}

static void gradients_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const chunk chunk = get_chunk(job, index);
  cubn_gradients_write(job, &chunk.group, chunk.first, chunk.samples, chunk.lanes);
}

static void clear_mask_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const int64_t first = index * MASK_BLOCK_BYTES, bytes = cubn_mask_bytes(job->problem) - first;
  memset((uint8_t *)job->args->reserve + first, 0, (size_t)cubn_min(bytes, MASK_BLOCK_BYTES));
}

/* Runs a task for each index; together they process `values`. */
static void run_tasks(cubn_job *job, int64_t count, int64_t values,
                      void (*task)(void *context, int64_t index)) {
  cubn_for_each(job->device, cubn_threads_for(job->device, values), count, task, job);
}

/* Runs one pass over a slice after the other; each waits for the one before. */
static void run_slice(cubn_job *job) {
  const int64_t groups = cubn_min(job->slice, job->plan.groups - job->first_group);
  const int64_t chunks = groups * job->chunks, channels = groups * job->plan.width;
  const int64_t values = channels * cubn_count(job->problem);
  run_tasks(job, groups, channels, begin_task);
  if (job->needs.moments) {
    run_tasks(job, chunks, values, moments_task);
    run_tasks(job, groups, channels * job->chunks, finish_moments_task);
  }
  if (is_forward(job)) {
    if (job->problem->has_output) run_tasks(job, chunks, values, forward_task);
    return;
  }
  if (job->needs.sums) {
    run_tasks(job, chunks, values, sums_task);
    run_tasks(job, groups, channels * job->chunks, finish_sums_task);
  }
  if (!job->needs.sums || job->needs.dx_waits) run_tasks(job, chunks, values, gradients_task);
}

cubnStatus_t cubn_job_run(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args, const cubn_plan *plan) {
  cubn_job job;
  partition(problem, plan, &job);
  job.args = args;
  job.type = cubn_conversion_of(problem->type);
  job.param_type = cubn_conversion_of_param(problem->type);
  job.device = device;
  job.activator = cubn_activator_of(&problem->activation, job.type);
  job.needs = cubn_needs_of(problem, args);
  const int64_t values = problem->c * cubn_at_least_1(cubn_count(problem));
  if (is_forward(&job) && problem->reserve == CUBN_RESERVE_MASK)
    run_tasks(&job, cubn_divide_up(cubn_mask_bytes(problem), MASK_BLOCK_BYTES), values,
              clear_mask_task);
  if (job.chunks == 1) {
    run_tasks(&job, plan->groups, values, whole_group_task);
    return CUBN_STATUS_SUCCESS;
  }
  CUBN_TRY(cubn_check_workspace(args, cubn_job_workspace_bytes(problem, plan), __func__));
  job.lanes = args->workspace;
  job.partials = (cubn_partial *)(job.lanes + job.slice);
  for (job.first_group = 0; job.first_group < plan->groups; job.first_group += job.slice)
    run_slice(&job);
  return CUBN_STATUS_SUCCESS;
}
