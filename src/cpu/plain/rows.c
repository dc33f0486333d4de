/* rows: packed [n][c][s]. A channel's values lie in n runs of s values. Every channel is a group;
 * channels of few values, where the work per channel would count most, are taken side by side. */
#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/plain/job.h"

/* With longer runs a group's channels would be so far apart that they evict one another. */
enum { LONGEST_RUN = 64 };

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  if (problem->layout != CUBN_LAYOUT_ROWS) return cubn_refuse_layout(problem);
  if (cubn_count(problem) == 0) return cubn_refuse_empty();
  return cubn_accept();
}

static void get_group(const cubn_problem *problem, const cubn_walk_plan *plan, int64_t index,
                      cubn_group *group) {
  const int64_t first = index * plan->width, left = problem->c - first;
  group->width = left < plan->width ? left : plan->width;
  group->first_channel = first;
  for (int array = 0; array < CUBN_ARRAY_COUNT; ++array) {
    group->offset[array] = first * problem->s;
    group->stride[array] = problem->s;
  }
  group->offset[CUBN_ARRAY_PARAM] = first;
  group->stride[CUBN_ARRAY_PARAM] = 1;
}

/* Whole runs, or what is left of the one that the sample lies in. */
static cubn_patch get_patch(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                            int64_t sample, int64_t samples) {
  const int64_t s = problem->s, run = sample / s, skipped = sample % s;
  const int64_t run_stride = problem->c * s;
  const int64_t offset = group->offset[array] + run * run_stride + skipped;
  const int64_t left = s - skipped, count = left < samples ? left : samples;
  if (group->width > 1) return (cubn_patch){offset, count, 1, group->width, s};
  if (skipped == 0 && samples >= s) return (cubn_patch){offset, samples / s, run_stride, s, 1};
  return (cubn_patch){offset, 1, 0, count, 1};
}

static cubn_walk_plan make_plan(const cubn_problem *problem) {
  const bool side_by_side = cubn_count(problem) < CUBN_FEW_SAMPLES && problem->s <= LONGEST_RUN;
  const int64_t width = side_by_side ? CUBN_GROUP_WIDTH : 1;
  return (cubn_walk_plan){(problem->c - 1) / width + 1, width, get_group, get_patch};
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
