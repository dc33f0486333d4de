// The memory of block groups in the workspace: counters, sums, coefficients.
#pragma once
#include <cstdint>

#include "core/backend.h"
#include "core/refusal.h"
#include "cuda/common/algos.h"
#include "cuda/device/group/block_group_state.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/plan/block_group_plan.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/tile_plan.cuh"

namespace cubn {

// The parameters of the block groups, with their memory in the workspace.
template <class Op>
BlockGroupParams make_block_group_params(const BlockGroupPartition &partition, void *workspace) {
  unsigned char *memory = static_cast<unsigned char *>(workspace) + CUBN_COUNTER_BYTES;
  const auto allocate = [&memory](int64_t count, size_t bytes) {
    unsigned char *const array = memory;
    memory += round_up(count * static_cast<int64_t>(bytes), 128);
    return array;
  };
  const int64_t channels = partition.block_groups * partition.group;
  BlockGroupParams params = {};
  params.block_groups = static_cast<unsigned>(partition.block_groups);
  params.ranks = static_cast<int>(partition.ranks);
  params.share = static_cast<int>(partition.tiles / partition.ranks);
  params.extra = static_cast<int>(partition.tiles % partition.ranks);
  params.buffers = static_cast<int>(partition.buffers);
  params.counters = static_cast<unsigned *>(workspace);
  params.sums =
      reinterpret_cast<double *>(allocate(channels * partition.ranks, sizeof(double[SLOT])));
  params.coefficients = allocate(channels, sizeof(typename Op::Coefficients));
  return params;
}

// Accepts a partition unless its counters would overflow, or the workspace.
inline cubn_refusal check_block_group_workspace(const BlockGroupProblem &problem,
                                                const BlockGroupPartition &partition) {
  const int64_t all_reduces = ceil_div(problem.shape.c, partition.group);
  if (all_reduces > INT32_MAX / partition.ranks)
    return cubn_refuse_number(
        "%lld all-reduces of the block groups exceed the %lld that can be counted", all_reduces,
        INT32_MAX / partition.ranks);
  const int64_t slots_bytes =
      problem.blocks() * partition.group * static_cast<int64_t>(sizeof(double[SLOT]));
  const int64_t other_bytes = 64 << 10;  // Coefficients and the padding of arrays.
  const int64_t bytes_max = static_cast<int64_t>(CUBN_WORKSPACE_BYTES - CUBN_COUNTER_BYTES);
  const int64_t wanted = slots_bytes + problem.statistics_bytes + other_bytes;
  if (wanted > bytes_max)
    return cubn_refuse_number("the block groups need %lld bytes of workspace and exceed %lld",
                              wanted, bytes_max);
  return cubn_accept();
}

}  // namespace cubn
