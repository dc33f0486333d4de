/* Cuts a job into pieces and runs them. A group that fits in a core's cache is one piece: it is
 * read from memory once. Otherwise all threads work on a slice of the groups, chunk by chunk, once
 * per pass over the samples. */
#include "cpu/plain/job.h"

#include <string.h>

#include "core/check.h"
#include "cpu/common/mask_tiles.h"
#include "cpu/common/device.h"

/* Input of a group that one thread works on alone, all passes while it is in a core's caches: what
 * large processors have of second- and last-level cache for each core. */
enum { PIECE_BYTES = 1 << 20 };
/* Input of a slice, which shall stay in the last-level cache from one pass to the next. */
enum { SLICE_BYTES = 8 << 20 };
/* Values of a chunk, unless there would be too many chunks. */
enum { CHUNK_VALUES = 16384 };
/* So many groups keep the threads busy without cutting them. */
enum { GROUPS_ENOUGH = 16 };
/* What one thread clears of a mask. */
enum { MASK_BLOCK_BYTES = 64 << 10 };
/* Limits of a slice, which bound the workspace. */
enum { SLICE_GROUPS_MAX = 128, SLICE_CHUNKS_MAX = 512 };

_Static_assert(SLICE_GROUPS_MAX * sizeof(cubn_lanes) + SLICE_CHUNKS_MAX * sizeof(cubn_partial) <=
                   CUBN_CPU_WORKSPACE_BYTES,
               "a slice fits in the workspace");

static int64_t divide_up(int64_t a, int64_t b) {
  return a / b + (a % b != 0);
}

static int64_t at_least_1(int64_t value) {
  return value > 1 ? value : 1;
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

static void get_group(const cubn_job *job, int64_t index, cubn_group *group) {
  job->plan.group(job->problem, &job->plan, index, group);
  group->lanes = cubn_lanes_for_width(group->width);
  group->tile_samples = at_least_1(CUBN_TILE_VALUES / group->lanes) * (group->lanes / group->width);
}

/* Decides how the job is cut, from the problem alone. */
static void partition(const cubn_problem *problem, const cubn_walk_plan *plan, cubn_job *job) {
  const int64_t samples = cubn_count(problem);
  const int64_t arrays = problem->pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t sample_bytes = plan->width * arrays * (int64_t)cubn_element_bytes(problem->type);
  job->problem = problem;
  job->plan = *plan;
  job->slice = plan->groups;
  job->chunks = 1;
  job->chunk_samples = samples;
  if (samples == 0) return;
  if (samples <= PIECE_BYTES / sample_bytes && plan->groups >= GROUPS_ENOUGH) return;

  /* Side by side in memory, groups are not read apart from one another. */
  job->slice = smaller(plan->groups, SLICE_GROUPS_MAX);
  if (plan->width == 1)
    job->slice = smaller(job->slice, at_least_1(SLICE_BYTES / sample_bytes / samples));
  const int64_t wanted = at_least_1(samples / at_least_1(CHUNK_VALUES / plan->width));
  const int64_t chunks = smaller(wanted, SLICE_CHUNKS_MAX / job->slice);
  cubn_group first;
  get_group(job, 0, &first);
  job->chunk_samples =
      divide_up(divide_up(samples, chunks), first.tile_samples) * first.tile_samples;
  job->chunks = at_least_1(divide_up(samples, job->chunk_samples));
  if (job->chunks == 1) job->slice = plan->groups;
}

size_t cubn_job_workspace_bytes(const cubn_problem *problem, const cubn_walk_plan *plan) {
  cubn_job job;
  partition(problem, plan, &job);
  if (job.chunks == 1) return 0;
  return (size_t)job.slice * (sizeof(cubn_lanes) + (size_t)job.chunks * sizeof(cubn_partial));
}

/* All passes over one group, by one thread. */
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
  if (problem->pass != CUBN_PASS_BACKWARD) {
    if (problem->has_output) cubn_sweep_forward(job, &group, 0, samples, &lanes);
    return;
  }
  if (job->needs.sums) {
    cubn_sweep_backward(job, &group, 0, samples, &lanes, &partial.sums, !job->needs.waiting);
    cubn_channels_finish_sums(job, &group, &partial.sums, &lanes);
  }
  if (!job->needs.sums || job->needs.waiting)
    cubn_sweep_backward(job, &group, 0, samples, &lanes, NULL, true);
}

/* A chunk of a group of the current slice. */
typedef struct chunk {
  cubn_group group;
  cubn_lanes *lanes;
  cubn_partial *partial;
  int64_t first, samples;
} chunk;

/* Neighbouring tasks are neighbours in memory: the same samples of all groups. */
static chunk get_chunk(const cubn_job *job, int64_t index) {
  const int64_t groups = smaller(job->slice, job->plan.groups - job->first_group);
  const int64_t group = index % groups, number = index / groups;
  chunk it;
  get_group(job, job->first_group + group, &it.group);
  it.lanes = job->lanes + group;
  it.partial = job->partials + group * job->chunks + number;
  it.first = number * job->chunk_samples;
  it.samples = smaller(job->chunk_samples, cubn_count(job->problem) - it.first);
  return it;
}

static void begin_task(void *context, int64_t index) {
  const cubn_job *job = context;
  cubn_group group;
  get_group(job, job->first_group + index, &group);
  cubn_channels_begin(job, &group, job->lanes + index);
}

static void moments_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const chunk it = get_chunk(job, index);
  cubn_sweep_moments(job, &it.group, it.first, it.samples, it.lanes, &it.partial->moments);
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
  const chunk it = get_chunk(job, index);
  cubn_sweep_backward(job, &it.group, it.first, it.samples, it.lanes, &it.partial->sums,
                      !job->needs.waiting);
}

static void finish_sums_task(void *context, int64_t index) {
  const cubn_job *job = context;
  cubn_partial *partials = job->partials + index * job->chunks;
  cubn_group group;
  get_group(job, job->first_group + index, &group);
  for (int64_t i = 1; i < job->chunks; ++i)
    cubn_gradient_sums_append(&partials[0].sums, &partials[i].sums, group.width);
  cubn_channels_finish_sums(job, &group, &partials[0].sums, job->lanes + index);
}

static void forward_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const chunk it = get_chunk(job, index);
  cubn_sweep_forward(job, &it.group, it.first, it.samples, it.lanes);
}

static void backward_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const chunk it = get_chunk(job, index);
  cubn_sweep_backward(job, &it.group, it.first, it.samples, it.lanes, NULL, true);
}

static void clear_mask_task(void *context, int64_t index) {
  const cubn_job *job = context;
  const int64_t first = index * MASK_BLOCK_BYTES, left = cubn_mask_bytes(job->problem) - first;
  memset((uint8_t *)job->args->reserve + first, 0, (size_t)smaller(left, MASK_BLOCK_BYTES));
}

/* Runs a task for each index; `values` in all. */
static void run_tasks(cubn_job *job, int64_t count, int64_t values,
                      void (*task)(void *context, int64_t index)) {
  cubn_for_each(cubn_threads_for(job->device, values), count, task, job);
}

/* One pass over a slice after the other; each waits for the one before. */
static void run_slice(cubn_job *job) {
  const int64_t groups = smaller(job->slice, job->plan.groups - job->first_group);
  const int64_t chunks = groups * job->chunks, channels = groups * job->plan.width;
  const int64_t values = channels * cubn_count(job->problem);
  run_tasks(job, groups, channels, begin_task);
  if (job->needs.moments) {
    run_tasks(job, chunks, values, moments_task);
    run_tasks(job, groups, channels * job->chunks, finish_moments_task);
  }
  if (job->problem->pass != CUBN_PASS_BACKWARD) {
    if (job->problem->has_output) run_tasks(job, chunks, values, forward_task);
    return;
  }
  if (job->needs.sums) {
    run_tasks(job, chunks, values, sums_task);
    run_tasks(job, groups, channels * job->chunks, finish_sums_task);
  }
  if (!job->needs.sums || job->needs.waiting) run_tasks(job, chunks, values, backward_task);
}

cubnStatus_t cubn_job_run(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args, const cubn_walk_plan *plan) {
  cubn_job job;
  partition(problem, plan, &job);
  job.args = args;
  job.type = cubn_conversion_of(problem->type);
  job.param_type = cubn_conversion_of_param(problem->type);
  job.device = device;
  job.activator = cubn_activator_of(&problem->activation, job.type);
  job.needs = cubn_needs_of(problem, args);
  const int64_t values = problem->c * at_least_1(cubn_count(problem));
  if (problem->pass != CUBN_PASS_BACKWARD && problem->reserve == CUBN_RESERVE_MASK)
    run_tasks(&job, divide_up(cubn_mask_bytes(problem), MASK_BLOCK_BYTES), values, clear_mask_task);
  if (job.chunks == 1) {
    run_tasks(&job, plan->groups, values, whole_group_task);
    return CUBN_STATUS_SUCCESS;
  }
  const size_t needed = cubn_job_workspace_bytes(problem, plan);
  if (args->workspace_bytes < needed)
    return cubn_fail(CUBN_STATUS_INTERNAL_ERROR, __func__, "workspace has %zu bytes, needs %zu",
                     args->workspace_bytes, needed);
  job.lanes = args->workspace;
  job.partials = (cubn_partial *)(job.lanes + job.slice);
  for (job.first_group = 0; job.first_group < plan->groups; job.first_group += job.slice)
    run_slice(&job);
  return CUBN_STATUS_SUCCESS;
}
