// The tiling of a problem: host code that assigns channels and samples to threads and blocks.
#pragma once
#include <algorithm>
#include <cstdint>

#include "core/backend.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/plan/integers.cuh"
#include "cuda/strided/axes.cuh"

namespace cubn {

// The least power of two that is at least `value`, at most STRIDED_THREADS.
inline int lanes_covering(int64_t value) {
  int lanes = 1;
  while (lanes < STRIDED_THREADS && lanes < value) lanes *= 2;
  return lanes;
}

inline int64_t least_stride(const cubn_axes &axes, int array) {
  int64_t least = INT64_MAX;
  for (int a = 0; a < axes.rank; ++a) least = std::min(least, axes.stride[array][a]);
  return least;
}

// Whether neighbors in memory are different channels, in most tensors. Of two tensors, x decides.
inline bool channels_are_fastest(const cubn_problem *problem) {
  const int arrays = problem->pass >= CUBN_PASS_BACKWARD ? 3 : 2;
  int votes = 0;
  for (int a = 0; a < arrays; ++a)  // x, output, dy.
    if (least_stride(problem->channels, a) < least_stride(problem->samples, a))
      votes += a == CUBN_ARRAY_X ? 3 : 2;
  return votes > arrays;  // More than half of all votes, which are 2 * arrays + 1.
}

inline Lanes choose_lanes(const cubn_problem *problem) {
  Lanes lanes;
  lanes.channels_fastest = channels_are_fastest(problem);
  lanes.samples = lanes_covering(cubn_count(problem));
  if (lanes.channels_fastest)
    lanes.samples = std::min(lanes.samples,
                             STRIDED_THREADS / lanes_covering(std::min<int64_t>(problem->c, 32)));
  lanes.channels = STRIDED_THREADS / lanes.samples;
  return lanes;
}

inline Tiling choose_tiling(const cubn_device *device, const cubn_problem *problem) {
  Tiling tiling = {};
  tiling.lanes = choose_lanes(problem);
  tiling.samples = cubn_count(problem);
  if (tiling.samples == 0) return tiling;
  const int64_t samples = tiling.lanes.samples;
  const int64_t tiles = ceil_div(problem->c, tiling.lanes.channels);
  const int64_t wanted =
      ceil_div(static_cast<int64_t>(device->sm_count) * STRIDED_BLOCKS_PER_SM, tiles);
  const int64_t worthwhile = ceil_div(tiling.samples, samples * STRIDED_SAMPLES_MIN);
  const int64_t most =
      problem->pass == CUBN_PASS_DOUBLE_BACKWARD ? STRIDED_DOUBLE_SPLITS_MAX : STRIDED_SPLITS_MAX;
  const int64_t splits = std::min({wanted, worthwhile, most});
  tiling.samples_per_split = round_up(ceil_div(tiling.samples, splits), samples);
  tiling.splits = static_cast<int>(ceil_div(tiling.samples, tiling.samples_per_split));
  return tiling;
}

}  // namespace cubn
