// The partition of a problem into tiles: the host's side of device/tile.
#pragma once
#include <cstdint>

#include "core/backend.h"
#include "core/refusal.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/op/backward.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/fused_backward.cuh"
#include "cuda/device/op/mask.cuh"
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_sums.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/plan/partition.cuh"
#include "cuda/plan/statistics_first.cuh"

namespace cubn {

// The shape of a problem. A tensor of one channel is one row, whatever its layout.
struct TileShape {
  int64_t n, c, s, element_bytes, inputs;
  int64_t alignment;      // Of vectors, in elements.
  int64_t channel_bytes;  // Shared memory per channel, without the tile.
  bool whole_rows;        // Rows must not be partitioned: blocks would share bytes of the mask.
};

// Shared memory per channel: coefficients and pivot.
template <class Real>
int64_t smem_bytes_per_channel(bool fused) {
  const size_t coefficients =
      fused ? sizeof(FusedBackwardCoefficients<Real>) : sizeof(BackwardCoefficients<Real>);
  return static_cast<int64_t>(coefficients + sizeof(Real));
}

inline TileShape tile_shape(const cubn_problem &problem) {
  const int64_t bytes = static_cast<int64_t>(cubn_element_bytes(problem.type));
  const bool one = problem.c == 1, fused = runs_fused(problem);
  return {one ? 1 : problem.n,
          problem.c,
          one ? problem.n * problem.s : problem.s,
          bytes,
          problem.pass == CUBN_PASS_BACKWARD ? 2 : 1,
          fused ? GRANULE : 16 / bytes,
          problem.type == CUBN_DATA_DOUBLE ? smem_bytes_per_channel<double>(fused)
                                           : smem_bytes_per_channel<float>(fused),
          problem.reserve == CUBN_RESERVE_MASK && !one && problem.s % GRANULE != 0};
}

// The partition of a channel group among the blocks of a cluster, as in TileParams. A group of 0
// stands for no partition.
struct TilePartition {
  int64_t group, ranks, positions;
};

// A partition that is even enough, with long enough runs. If there is none, positions is negative.
inline TilePartition tile_partition(const TileShape &shape, int64_t group, int64_t ranks) {
  const int64_t row_bytes = shape.s * shape.element_bytes;
  const bool even = ranks == 1 || shape.n % ranks == 0 || shape.n >= 8 * ranks;
  if (shape.n >= ranks && even) return {group, ranks, 0};
  const bool partitions_rows = group == 1 && row_bytes >= ranks * RUN_BYTES && !shape.whole_rows;
  if (partitions_rows) return {group, ranks, TILE_POSITIONS};
  return {group, ranks, shape.n >= ranks ? 0 : -1};
}

// Rows of the tile of a block, at most.
inline int64_t tile_rows(const TileShape &shape, const TilePartition &partition) {
  return partition.positions > 0 ? shape.n : ceil_div(shape.n, partition.ranks);
}

// Elements of the longest run of a block.
inline int64_t tile_run(const TileShape &shape, const TilePartition &partition) {
  if (partition.positions == 0) return clamp(partition.group, 1, shape.c) * shape.s;
  const int64_t units = ceil_div(ceil_div(shape.s, partition.positions), partition.ranks);
  return clamp(units * partition.positions, 1, shape.s);
}

// Whether all runs begin at a vector, if the tensors do.
inline bool begins_at_vectors(const TileShape &shape, const TilePartition &partition) {
  return (shape.n == 1 || shape.c * shape.s % shape.alignment == 0) &&
         (shape.c <= partition.group || partition.group * shape.s % shape.alignment == 0);
}

inline bool is_columns(const TileShape &shape, const TilePartition &partition) {
  return shape.s == 1 && shape.c % shape.alignment == 0 && partition.group % shape.alignment == 0;
}

// Shared memory of a block, in the layout of TileSmem. Runs that may begin anywhere in a vector
// (`padded`) touch one vector more.
inline int64_t smem_bytes(const TileShape &shape, const TilePartition &partition, bool padded) {
  const int64_t padding = padded ? shape.alignment - 1 : 0;
  const int64_t run = round_up(tile_run(shape, partition) + padding, shape.alignment);
  const int64_t tile = shape.inputs * tile_rows(shape, partition) * run * shape.element_bytes;
  const int64_t per_thread = is_columns(shape, partition) ? TILE_COLUMNS_MAX : 1;
  const int64_t doubles =
      scratch_doubles(static_cast<int>(per_thread)) +
      (partition.ranks > 1 ? round_up(partition.group, partition.ranks) * SLOT : 0);
  return round_up(tile, 16) + doubles * static_cast<int64_t>(sizeof(double)) +
         partition.group * shape.channel_bytes;
}

inline int64_t smem_bytes(const TileShape &shape, const TilePartition &partition) {
  return smem_bytes(shape, partition, !begins_at_vectors(shape, partition));
}

// The most dynamic shared memory of a block.
inline int64_t smem_bytes_max(const cubn_device *device) {
  return static_cast<int64_t>(device->tile_smem_bytes);
}

// The limit for a launch with this partition; other partitions have other limits.
inline int64_t smem_bytes_limit(const cubn_device *device, const TilePartition &) {
  return smem_bytes_max(device);
}

// The limit at which two blocks fit on an SM. The system reserves 1 KB for each block, and each has
// the static memory of its kernel.
inline int64_t smem_bytes_half(const cubn_device *device) {
  const int64_t most = static_cast<int64_t>(device->shared_bytes_per_block);
  return (most + 1024) / 2 - 1024 - (most - smem_bytes_max(device));
}

// The widest group whose runs are not longer than needed. It is a power of two, so that runs of odd
// rows begin at vectors.
inline int64_t widest_channel_group(const TileShape &shape) {
  int64_t group = 1;
  while (group * shape.s * shape.element_bytes < RUN_BYTES && group < RESIDENT_THREADS / 2 &&
         group < shape.c)
    group *= 2;
  return group;
}

// The parameters of the kernel for tensors that begin `phase` elements past a vector.
template <int V, int ALIGN>
TileParams make_tile_params(const cubn_device *device, const cubn_problem &problem,
                            const TilePartition &partition, int phase) {
  const TileShape shape = tile_shape(problem);
  const int64_t run = tile_run(shape, partition);
  const bool aligned = phase == 0 && begins_at_vectors(shape, partition);
  TileParams params = {};
  params.pitch = shape.c * shape.s;
  params.n = static_cast<int>(shape.n);
  params.s = static_cast<int>(shape.s);
  params.group = static_cast<int>(partition.group);
  params.run = static_cast<int>(partition.group * shape.s);
  params.ranks = static_cast<int>(partition.ranks);
  params.positions = static_cast<int>(partition.positions);
  const int64_t units = partition.positions > 0 ? ceil_div(shape.s, partition.positions) : shape.n;
  params.share = static_cast<int>(units / partition.ranks);
  params.extra = static_cast<int>(units % partition.ranks);
  params.combined = static_cast<int>(ceil_div(partition.group, partition.ranks));
  params.rows = static_cast<int>(tile_rows(shape, partition));
  params.vectors = vectors_touched<V, ALIGN>(run, aligned);
  params.phase = phase;
  params.whole_alignment = problem.reserve == CUBN_RESERVE_MASK ? ALIGN : V;
  const bool same_phase = shape.c * shape.s % ALIGN == 0 || shape.n == 1;
  params.has_fixed_channels =
      partition.group == 1 || (same_phase && params.vectors <= RESIDENT_THREADS);
  params.has_near_rows =
      (params.rows + RESIDENT_THREADS / params.vectors) * params.pitch / V < INT32_MAX / 2;
  params.batches = 1;
  params.batch_groups = static_cast<unsigned>(ceil_div(shape.c, partition.group));
  params.last_channels = static_cast<int>(shape.c - (params.batch_groups - 1) * partition.group);
  params.batch_elements = shape.n * shape.c * shape.s;
  params.is_columns = aligned && is_columns(shape, partition);
  params.uses_bulk_copy =
      device->kernel_capability >= 90 && run * shape.element_bytes >= TILE_BULK_BYTES_MIN;
  return params;
}

// Channel groups of all virtual batches.
inline int64_t tile_groups(const TileParams &params) {
  return static_cast<int64_t>(params.batches) * params.batch_groups;
}

// Whether most vectors of columns would be moved by elements, because rows are short and begin
// anywhere in a vector, and there are too many of them. Other algorithms move them by whole
// vectors.
inline bool moves_elements(const cubn_problem &problem) {
  const int64_t row_bytes = problem.c * static_cast<int64_t>(cubn_element_bytes(problem.type));
  return problem.layout == CUBN_LAYOUT_COLUMNS && row_bytes < TILE_ROW_BYTES_MIN &&
         row_bytes % 16 != 0 && problem.n * row_bytes > TILE_SHORT_ROWS_BYTES_MAX;
}

// The refusals that resident, cluster and cooperative share.
inline cubn_refusal tile_reject(const cubn_problem &problem) {
  const cubn_refusal refusal = packed_reject(problem);
  if (refusal.text) return refusal;
  if (problem.sums_are_given) return refuse_given_sums();
  if (moves_elements(problem))
    return cubn_refuse_number("%lld unaligned rows of %lld bytes would be moved element by element",
                              problem.n,
                              problem.c * static_cast<int64_t>(cubn_element_bytes(problem.type)));
  return check_statistics_first(problem);
}

}  // namespace cubn
