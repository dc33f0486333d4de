/* rows: packed [n][c][s]. A channel's values are n runs of s values. Every channel is a group; but
 * channels of few values, where the work per channel would dominate, form groups of neighbors. */
#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/plain/job.h"

/* With longer runs the channels of a group would be so far apart that they evict one another. */
enum { LONGEST_RUN = 64 };

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  if (problem->layout != CUBN_LAYOUT_ROWS) return cubn_refuse_layout(problem);
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
    group->offset[array] = first * problem->s;
    group->stride[array] = problem->s;
  }
  group->offset[CUBN_ARRAY_PARAM] = first;
  group->stride[CUBN_ARRAY_PARAM] = 1;
}

/* Whole runs, or the tail of the run that the sample is in. */
static cubn_patch get_patch(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                            int64_t sample, int64_t samples) {
  const int64_t s = problem->s, run = sample / s, skipped = sample % s;
  const int64_t run_stride = problem->c * s;
  const int64_t offset = group->offset[array] + run * run_stride + skipped;
  const int64_t count = cubn_min(s - skipped, samples);
  if (group->width > 1) return (cubn_patch){offset, count, 1, group->width, s};
  if (skipped == 0 && samples >= s) return (cubn_patch){offset, samples / s, run_stride, s, 1};
  return (cubn_patch){offset, 1, 0, count, 1};
}

static cubn_plan make_plan(const cubn_problem *problem) {
  const bool groups_channels = cubn_count(problem) < CUBN_FEW_SAMPLES && problem->s <= LONGEST_RUN;
  const int64_t width = groups_channels ? CUBN_GROUP_WIDTH : 1;
  return (cubn_plan){cubn_divide_up(problem->c, width), width, get_group, get_patch};
}

CUBN_PLAIN_ALGO(rows);
