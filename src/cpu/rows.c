/* rows: packed [n][c][s]. A channel's values lie in n runs of s values; every channel is a group.
 */
#include "cpu/algos.h"
#include "cpu/job.h"

static const char *reject(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  if (problem->walk != CUBN_WALK_ROWS) return "not packed rows";
  if (cubn_count(problem) == 0) return "empty";
  return NULL;
}

static void get_group(const cubn_problem *problem, const cubn_walk_plan *plan, int64_t index,
                      cubn_group *group) {
  (void)plan;
  group->width = 1;
  for (int array = 0; array < CUBN_ARRAY_COUNT; ++array) {
    group->offset[array] = index * problem->s;
    group->stride[array] = problem->s;
  }
  group->offset[CUBN_ARRAY_PARAM] = index;
  group->stride[CUBN_ARRAY_PARAM] = 1;
}

/* Whole runs, or what is left of the one that the sample lies in. */
static cubn_patch get_patch(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                            int64_t sample, int64_t samples) {
  const int64_t s = problem->s, run = sample / s, skipped = sample % s;
  const int64_t run_stride = problem->c * s;
  const int64_t offset = group->offset[array] + run * run_stride + skipped;
  if (skipped == 0 && samples >= s) return (cubn_patch){offset, samples / s, run_stride, s, 1};
  const int64_t left = s - skipped;
  return (cubn_patch){offset, 1, 0, left < samples ? left : samples, 1};
}

static cubn_walk_plan make_plan(const cubn_problem *problem) {
  return (cubn_walk_plan){problem->c, 1, get_group, get_patch};
}

static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  const cubn_walk_plan plan = make_plan(problem);
  return cubn_job_workspace_bytes(problem, &plan);
}

static cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_walk_plan plan = make_plan(problem);
  return cubn_job_run(device, problem, args, &plan);
}

const cubn_algo cubn_cpu_rows = {"rows", reject, workspace_bytes, run};
