/* strided: everything, packed or not. Where neighbouring channels are nearer in x than neighbouring
 * samples, or channels have few values, a group is a piece of the fastest axis of the channels, else
 * it is one channel. */
#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/plain/job.h"

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  (void)problem;
  return cubn_accept();
}

/* Adds the offset of linear element `index` of the axes, without the axes behind `rank`. */
static int64_t offset_of(const cubn_axes *axes, int rank, cubn_array array, int64_t index) {
  int64_t offset = 0;
  for (int axis = rank - 1; axis >= 0; --axis) {
    offset += index % axes->size[axis] * axes->stride[array][axis];
    index /= axes->size[axis];
  }
  return offset;
}

/* Size of the fastest axis, and its stride. */
static int64_t last_size(const cubn_axes *axes) {
  return axes->rank > 0 ? axes->size[axes->rank - 1] : 1;
}

static int64_t last_stride(const cubn_axes *axes, cubn_array array) {
  return axes->rank > 0 ? axes->stride[array][axes->rank - 1] : 1;
}

static int64_t pieces_of_axis(const cubn_problem *problem, int64_t width) {
  return (last_size(&problem->channels) - 1) / width + 1;
}

static void get_group(const cubn_problem *problem, const cubn_walk_plan *plan, int64_t index,
                      cubn_group *group) {
  const cubn_axes *channels = &problem->channels;
  const int64_t size = last_size(channels), pieces = pieces_of_axis(problem, plan->width);
  const int64_t first = index % pieces * plan->width;
  group->width = size - first < plan->width ? size - first : plan->width;
  group->first_channel = index / pieces * size + first;
  for (int array = 0; array < CUBN_ARRAY_COUNT; ++array) {
    group->stride[array] = last_stride(channels, (cubn_array)array);
    group->offset[array] =
        first * group->stride[array] +
        offset_of(channels, channels->rank - 1, (cubn_array)array, index / pieces);
  }
}

/* Samples along the fastest axis. */
static cubn_patch get_patch(const cubn_problem *problem, const cubn_group *group, cubn_array array,
                            int64_t sample, int64_t samples) {
  const cubn_axes *axes = &problem->samples;
  const int64_t offset = group->offset[array] + offset_of(axes, axes->rank, array, sample);
  const int64_t left = last_size(axes) - sample % last_size(axes);
  const int64_t count = left < samples ? left : samples;
  if (group->width == 1) return (cubn_patch){offset, 1, 0, count, last_stride(axes, array)};
  return (cubn_patch){offset, count, last_stride(axes, array), group->width, group->stride[array]};
}

static cubn_walk_plan make_plan(const cubn_problem *problem) {
  const bool channels_are_nearer =
      problem->channels.rank > 0 &&
      (problem->samples.rank == 0 || last_stride(&problem->channels, CUBN_ARRAY_X) <
                                         last_stride(&problem->samples, CUBN_ARRAY_X));
  const bool side_by_side = channels_are_nearer || cubn_count(problem) < CUBN_FEW_SAMPLES;
  const int64_t width = side_by_side ? CUBN_GROUP_WIDTH : 1;
  const int64_t groups =
      problem->c / last_size(&problem->channels) * pieces_of_axis(problem, width);
  return (cubn_walk_plan){groups, width, get_group, get_patch};
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

const cubn_algo cubn_cpu_strided = {"strided", reject, workspace_bytes, run};
