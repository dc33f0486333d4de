/* strided: everything, packed or not. Where neighboring channels are nearer in x than neighboring
 * samples, or channels have few values, a group is neighbors on the fastest axis of the channels;
 * else it is one channel. */
#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/common/axes.h"
#include "cpu/plain/job.h"

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  (void)problem;
  return cubn_accept();
}

/* The size of the fastest axis. */
static int64_t last_size(const cubn_axes *axes) {
  return axes->rank > 0 ? axes->size[axes->rank - 1] : 1;
}

/* The stride of the fastest axis. */
static int64_t last_stride(const cubn_axes *axes, cubn_array array) {
  return axes->rank > 0 ? axes->stride[array][axes->rank - 1] : 1;
}

/* Groups into which the fastest axis of the channels is divided. */
static int64_t groups_per_axis(const cubn_problem *problem, int64_t width) {
  return cubn_divide_up(last_size(&problem->channels), width);
}

static void get_group(const cubn_problem *problem, const cubn_plan *plan, int64_t index,
                      cubn_group *group) {
  const cubn_axes *channels = &problem->channels;
  const int64_t size = last_size(channels), groups = groups_per_axis(problem, plan->width);
  const int64_t first = index % groups * plan->width;
  group->width = cubn_min(plan->width, size - first);
  group->first_channel = index / groups * size + first;
  for (int array = 0; array < CUBN_ARRAY_COUNT; ++array) {
    group->stride[array] = last_stride(channels, (cubn_array)array);
    group->offset[array] =
        first * group->stride[array] +
        cubn_axes_offset(channels, channels->rank - 1, (cubn_array)array, index / groups);
  }
}

/* Samples along the fastest axis. */
static cubn_patch get_patch(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                            int64_t sample, int64_t samples) {
  const cubn_axes *axes = &problem->samples;
  const int64_t offset = group->offset[array] + cubn_axes_offset(axes, axes->rank, array, sample);
  const int64_t count = cubn_min(last_size(axes) - sample % last_size(axes), samples);
  if (group->width == 1) return (cubn_patch){offset, 1, 0, count, last_stride(axes, array)};
  return (cubn_patch){offset, count, last_stride(axes, array), group->width, group->stride[array]};
}

static cubn_plan make_plan(const cubn_problem *problem) {
  const bool channels_are_nearer =
      problem->channels.rank > 0 &&
      (problem->samples.rank == 0 || last_stride(&problem->channels, CUBN_ARRAY_X) <
                                         last_stride(&problem->samples, CUBN_ARRAY_X));
  const bool groups_channels = channels_are_nearer || cubn_count(problem) < CUBN_FEW_SAMPLES;
  /* A sample of a group is valid in all of its channels, or in none. */
  const bool is_one_channel = !groups_channels || cubn_channels_differ(problem);
  const int64_t width = is_one_channel ? 1 : CUBN_GROUP_WIDTH;
  const int64_t groups =
      problem->c / last_size(&problem->channels) * groups_per_axis(problem, width);
  return (cubn_plan){groups, width, get_group, get_patch};
}

CUBN_PLAIN_ALGO(strided);
