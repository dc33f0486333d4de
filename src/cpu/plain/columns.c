/* columns: packed [n][c]. A group is as many neighboring columns as a tile is wide. */
#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/plain/job.h"

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  if (problem->layout != CUBN_LAYOUT_COLUMNS) return cubn_refuse_layout(problem);
  if (cubn_count(problem) == 0) return cubn_refuse_empty();
  if (problem->validity.kind != CUBN_VALID_ALL) return cubn_refuse_padding();
  return cubn_accept();
}

static void get_group(const cubn_problem *problem, const cubn_plan *plan, int64_t index,
                      cubn_group *group) {
  const int64_t first = index * plan->width;
  group->width = cubn_min(plan->width, problem->c - first);
  group->first_channel = first;
  for (int array = 0; array < CUBN_ARRAY_COUNT; ++array) {
    group->offset[array] = first;
    group->stride[array] = 1;
  }
}

static cubn_patch get_patch(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                            int64_t sample, int64_t samples) {
  const int64_t offset = group->offset[array] + sample * problem->c;
  if (group->width == problem->c) return (cubn_patch){offset, 1, 0, samples * problem->c, 1};
  return (cubn_patch){offset, samples, problem->c, group->width, 1};
}

static cubn_plan make_plan(const cubn_problem *problem) {
  const int64_t width = cubn_min(problem->c, CUBN_WIDTH_MAX);
  return (cubn_plan){cubn_divide_up(problem->c, width), width, get_group, get_patch};
}

CUBN_PLAIN_ALGO(columns);
