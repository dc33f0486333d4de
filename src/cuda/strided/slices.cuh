// Channels that are processed at once: factors and partial sums of all must fit in the workspace.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/algos.h"
#include "cuda/common/tuning.h"
#include "cuda/plan/integers.cuh"
#include "cuda/strided/double_backward.cuh"
#include "cuda/strided/kernels.cuh"
#include "cuda/strided/params.cuh"
#include "cuda/strided/tiling.cuh"

namespace cubn {

// Doubles per channel in the workspace, besides sum_doubles() for each split.
constexpr int FORWARD_DOUBLES = sizeof(ForwardFactors) / sizeof(double);
constexpr int BACKWARD_DOUBLES = sizeof(BackwardFactors) / sizeof(double);
// The last bytes of the workspace are for the edges of a mask.
constexpr size_t EDGE_BYTES = 2 * sizeof(unsigned);
constexpr size_t SCRATCH_BYTES = CUBN_WORKSPACE_BYTES - CUBN_COUNTER_BYTES - EDGE_BYTES;
constexpr bool tile_fits(cubn_pass pass, size_t splits, size_t factors) {
  return (splits * sum_doubles(pass) + factors) * sizeof(double) * STRIDED_THREADS <= SCRATCH_BYTES;
}
static_assert(tile_fits(CUBN_PASS_BACKWARD, STRIDED_SPLITS_MAX, BACKWARD_DOUBLES + 1) &&
                  tile_fits(CUBN_PASS_DOUBLE_BACKWARD, STRIDED_DOUBLE_SPLITS_MAX, DOUBLE_FACTORS),
              "one tile of channels fits in the workspace, however it is split");

// Channels whose factors and partial sums fit in the workspace, in whole tiles. Without factors it
// is a number for which a grid certainly has enough blocks.
inline int64_t channels_per_slice(const Tiling &tiling, cubn_pass pass, int factors) {
  if (factors == 0) return static_cast<int64_t>(1) << 30;
  const int64_t doubles = factors + (tiling.splits > 1 ? sum_doubles(pass) * tiling.splits : 0);
  const int64_t channels =
      static_cast<int64_t>(SCRATCH_BYTES) / (doubles * static_cast<int64_t>(sizeof(double)));
  return channels / tiling.lanes.channels * tiling.lanes.channels;
}

inline int64_t slice_channels(const StridedParams &params) {
  return params.tiling.end_channel - params.tiling.first_channel;
}

inline int64_t blocks_of(const StridedParams &params) {
  return ceil_div(slice_channels(params), params.tiling.lanes.channels) * params.tiling.splits;
}

inline int factors_of(cubn_pass pass) {
  switch (pass) {
    case CUBN_PASS_TRAIN:
      return FORWARD_DOUBLES;
    case CUBN_PASS_BACKWARD:
      return BACKWARD_DOUBLES;
    case CUBN_PASS_DOUBLE_BACKWARD:
      return DOUBLE_FACTORS;
    default:
      return 0;  // Each thread computes its own.
  }
}

}  // namespace cubn
