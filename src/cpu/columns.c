/* columns: packed [n][c]. A group is some neighbouring columns: all of them if they are few, as
 * wide as possible if they are many, and narrow if the group then fits in a core's cache. */
#include "cpu/algos.h"
#include "cpu/job.h"

/* The least width of a group: two cache lines of f32. */
enum { NARROW_WIDTH = 32 };

static const char *reject(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  if (problem->walk != CUBN_WALK_COLUMNS) return "not packed columns";
  if (cubn_count(problem) == 0) return "empty";
  return NULL;
}

static void get_group(const cubn_problem *problem, const cubn_walk_plan *plan, int64_t index,
                      cubn_group *group) {
  const int64_t first = index * plan->width, left = problem->c - first;
  group->width = left < plan->width ? left : plan->width;
  for (int array = 0; array < CUBN_ARRAY_COUNT; ++array) {
    group->offset[array] = first;
    group->stride[array] = 1;
  }
}

static cubn_run get_run(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                        int64_t sample, int64_t samples) {
  const int64_t offset = group->offset[array] + sample * problem->c;
  if (group->width == 1) return (cubn_run){samples, offset, problem->c};
  return (cubn_run){group->width == problem->c ? samples : 1, offset, 1};
}

static cubn_walk_plan make_plan(const cubn_problem *problem) {
  int64_t width = CUBN_WIDTH_MAX;
  const int64_t arrays = problem->pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t column_bytes =
      arrays * cubn_count(problem) * (int64_t)cubn_element_bytes(problem->type);
  while (width > NARROW_WIDTH && column_bytes > CUBN_PIECE_BYTES / width) width /= 2;
  if (column_bytes > CUBN_PIECE_BYTES / width) width = CUBN_WIDTH_MAX;
  if (width > problem->c) width = problem->c;
  return (cubn_walk_plan){(problem->c - 1) / width + 1, width, get_group, get_run};
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

const cubn_algo cubn_cpu_columns = {"columns", reject, workspace_bytes, run};
