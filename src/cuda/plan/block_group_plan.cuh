// The partition of a problem among block groups: the host's side of device/group. Several
// partitions are possible; the plan is the one with the least estimated cost.
#pragma once
#include <cstdint>

#include "core/backend.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/device/group/block_group_state.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_sums.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/plan/tile_plan.cuh"

namespace cubn {

// A group of 0 stands for no partition.
struct BlockGroupPartition {
  int64_t group;         // Channels of a channel group.
  int64_t block_groups;  // Block groups.
  int64_t ranks;         // Blocks of a block group.
  int64_t tiles;         // Tiles of a channel group.
  int64_t segments;      // Segments of each row; if 1, tiles have whole rows.
  int64_t rows;          // Rows of a tile, at most.
  int64_t buffers;       // Tile buffers of a block.
  int64_t bytes_max;     // The most shared memory of a block.
  int64_t moved_bytes;   // Bytes to and from memory, for all channel groups.
  int64_t cost_bytes;    // moved_bytes, and what could move while all blocks wait.
};

// The partition of a cluster whose block slices are the tiles.
inline TilePartition partition_of_tile(const BlockGroupPartition &partition) {
  if (partition.segments > 1) return {partition.group, partition.segments, TILE_POSITIONS};
  return {partition.group, partition.tiles, 0};
}

inline int64_t tile_smem_bytes(const TileShape &shape, const BlockGroupPartition &partition,
                               bool padded) {
  const int64_t padding = padded ? shape.alignment - 1 : 0;
  const int64_t run =
      round_up(tile_run(shape, partition_of_tile(partition)) + padding, shape.alignment);
  return shape.inputs * partition.rows * run * shape.element_bytes;
}

// Shared memory of a block without the tile buffers, in the layout of BlockGroupSmem.
inline int64_t smem_bytes_without_tiles(const TileShape &shape, int64_t group) {
  const int64_t per_thread = shape.s == 1 ? TILE_COLUMNS_MAX : 1;
  return 16 + scratch_doubles(static_cast<int>(per_thread)) * static_cast<int64_t>(sizeof(double)) +
         group * (shape.channel_bytes + static_cast<int64_t>(sizeof(double[SLOT])));
}

inline int64_t smem_bytes(const TileShape &shape, const BlockGroupPartition &partition,
                          bool padded) {
  return partition.buffers * tile_smem_bytes(shape, partition, padded) +
         smem_bytes_without_tiles(shape, partition.group);
}
inline int64_t smem_bytes_limit(const cubn_device *, const BlockGroupPartition &partition) {
  return partition.bytes_max;
}
inline bool begins_at_vectors(const TileShape &shape, const BlockGroupPartition &partition) {
  return begins_at_vectors(shape, partition_of_tile(partition));
}

template <int V, int ALIGN>
TileParams make_tile_params(const cubn_device *device, const cubn_problem &problem,
                            const BlockGroupPartition &partition, int phase) {
  TileParams params =
      make_tile_params<V, ALIGN>(device, problem, partition_of_tile(partition), phase);
  params.rows = static_cast<int>(partition.rows);
  return params;
}

// The problem and the device, as far as a plan depends on them.
struct BlockGroupProblem {
  TileShape shape;
  int64_t sm_count, blocks_per_sm;
  int64_t bytes_max;         // The most shared memory of a block.
  int64_t window_bytes;      // The part of the L2 cache that tiles can rely on.
  int64_t all_reduce_bytes;  // Bytes that could move during an all-reduce.
  int64_t extra_tensors;     // Tensors that are moved once, besides the inputs and the output.
  int64_t statistics_bytes;  // Statistics that are computed first, in the workspace.

  int64_t blocks() const { return sm_count * blocks_per_sm; }
  int64_t tensor_bytes() const { return shape.n * shape.c * shape.s * shape.element_bytes; }
};

inline BlockGroupProblem block_group_problem(const cubn_device *device,
                                             const cubn_problem &problem) {
  // As TILE_BLOCKS_PER_SM.
  const bool needs_whole_sm =
      problem.pass == CUBN_PASS_BACKWARD && problem.type == CUBN_DATA_DOUBLE;
  BlockGroupProblem result = {};
  result.shape = tile_shape(problem);
  result.sm_count = device->sm_count;
  result.blocks_per_sm = needs_whole_sm ? 1 : RESIDENT_BLOCKS_PER_SM;
  result.bytes_max = static_cast<int64_t>(device->cooperative_smem_bytes[result.blocks_per_sm - 1]);
  result.window_bytes = static_cast<int64_t>(device->l2_bytes) / 100 * STREAMED_WINDOW_PERCENT;
  result.all_reduce_bytes = device->sm_count * ALL_REDUCE_BYTES;
  result.extra_tensors = problem.adds || problem.has_dz;
  result.statistics_bytes = statistics_bytes(problem);
  return result;
}

// Estimates the cost of a partition. What a block reads again is in the L2 cache, as far as the
// window, less the last tiles of all blocks, has room for it. A single block group waits in each
// all-reduce. Of two block groups, one moves its channel group while the other waits, except at the
// end.
inline void estimate_cost(const BlockGroupProblem &problem, BlockGroupPartition *partition) {
  const int64_t groups = ceil_div(problem.shape.c, partition->group);
  const int64_t tile = partition->ranks * tile_smem_bytes(problem.shape, *partition, false);
  const int64_t per_block = ceil_div(partition->tiles, partition->ranks);
  const int64_t inputs = problem.shape.inputs;
  const int64_t reread = clamp(per_block - partition->buffers, 0, per_block) * tile;
  const int64_t cached = clamp(problem.window_bytes / partition->block_groups - tile, 0, reread);
  const int64_t moved =
      per_block * tile / inputs * (inputs + 1 + problem.extra_tensors) + reread - cached;
  const int64_t waits = problem.all_reduce_bytes;
  partition->moved_bytes = groups * moved;
  partition->cost_bytes = partition->block_groups == 1
                              ? groups * (moved + waits)
                              : groups * clamp((moved + waits) / 2, moved, INT64_MAX) + waits;
}

// The cost of the two-pass algorithm, which waits once before each launch and once for each sum.
inline int64_t two_pass_cost(const BlockGroupProblem &problem) {
  const int64_t tensor = problem.tensor_bytes(), inputs = problem.shape.inputs;
  const int64_t reread = inputs * tensor;
  return (inputs + 1 + problem.extra_tensors) * tensor + reread -
         clamp(problem.window_bytes, 0, reread) + 2 * problem.all_reduce_bytes;
}

// Completes a partition with so many tiles per block, of whole rows or of segments of rows. The
// result is false if there is none.
inline bool complete_partition(const BlockGroupProblem &problem, int64_t per_block, bool segments,
                               BlockGroupPartition *partition) {
  const TileShape &shape = problem.shape;
  const int64_t wanted = per_block * partition->ranks;
  partition->segments = 1;
  partition->tiles = clamp(wanted, 1, shape.n);
  if (segments) {
    partition->segments = ceil_div(wanted, shape.n);
    if (partition->segments < 2 || partition->group > 1 || shape.whole_rows ||
        shape.s * shape.element_bytes < partition->segments * RUN_BYTES)
      return false;
    partition->tiles = shape.n * partition->segments;
  }
  partition->rows = segments ? 1 : ceil_div(shape.n, partition->tiles);
  const int64_t room = problem.bytes_max - smem_bytes_without_tiles(shape, partition->group);
  const int64_t tile = tile_smem_bytes(shape, *partition, !begins_at_vectors(shape, *partition));
  const int64_t tiles_per_block = ceil_div(partition->tiles, partition->ranks);
  partition->buffers = clamp(room / tile, 0, tiles_per_block);
  if (partition->buffers == 0) return false;
  partition->ranks = clamp(partition->ranks, 1, partition->tiles);
  estimate_cost(problem, partition);
  return true;
}

// The cheapest partition with so many block groups and channels per channel group; its group is 0
// if there is none. A block slice that fits is one tile; otherwise it is divided into so many tiles
// that TILE_BUFFERS_MIN of them fit.
inline BlockGroupPartition cheapest_partition(const BlockGroupProblem &problem,
                                              int64_t block_groups, int64_t group) {
  const TileShape &shape = problem.shape;
  const int64_t room = problem.bytes_max - smem_bytes_without_tiles(shape, group);
  const int64_t bytes = shape.inputs * shape.n * group * shape.s * shape.element_bytes;
  BlockGroupPartition best = {};
  if (room <= 0) return best;
  BlockGroupPartition partition = {};
  partition.group = group;
  partition.block_groups = block_groups;
  partition.bytes_max = problem.bytes_max;
  const int64_t ranks = clamp(bytes / CLUSTER_SLICE_BYTES_MIN, 1, problem.blocks() / block_groups);
  const int64_t several = ceil_div(bytes * TILE_BUFFERS_MIN, ranks * room);
  for (const int64_t per_block : {int64_t(1), several, several + 1})
    for (const bool segments : {false, true}) {
      partition.ranks = ranks;
      if (!complete_partition(problem, per_block, segments, &partition)) continue;
      if (best.group == 0 || partition.cost_bytes < best.cost_bytes) best = partition;
    }
  return best;
}

// The cheapest partition. Of equally cheap ones it is that with one block group and the widest
// channel group.
inline BlockGroupPartition best_block_group_partition(const BlockGroupProblem &problem) {
  const TileShape &shape = problem.shape;
  const int64_t widest = widest_channel_group(shape);
  BlockGroupPartition best = {};
  for (int64_t block_groups = 1;
       block_groups <= problem.blocks_per_sm && block_groups <= BLOCK_GROUPS_MAX; ++block_groups)
    for (int64_t group = widest; group > 0; group /= 2) {
      if (group < widest && group * shape.s * shape.element_bytes < RUN_BYTES_MIN) break;
      if (ceil_div(shape.c, group) < block_groups) continue;
      const BlockGroupPartition partition = cheapest_partition(problem, block_groups, group);
      if (partition.group > 0 && (best.group == 0 || partition.cost_bytes < best.cost_bytes))
        best = partition;
    }
  return best;
}

}  // namespace cubn
