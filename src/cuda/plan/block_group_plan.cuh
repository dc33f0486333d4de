// How a problem is dealt to crews of blocks: the host's side of crew.cuh.
#pragma once
#include "cuda/plan/tile_plan.cuh"

namespace cubn {

// A group = 0 stands for none.
struct BlockGroupPartition {
  int64_t group;
  int64_t block_groups, ranks;
  int64_t tiles;        // of a group
  int64_t segments;     // that each row is cut into; 1: tiles are of whole rows
  int64_t rows;         // of a tile, at most
  int64_t slots;        // tiles that a block holds
  int64_t bytes_max;    // of shared memory that a block may have
  int64_t moved_bytes;  // to and from memory, for all groups
  int64_t cost_bytes;   // and what could move while nothing does because blocks wait
};

// Each tile as if it were the share of a block of a cluster.
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

// Shared memory of a block beside the tiles, as BlockGroupSmem divides it.
inline int64_t smem_bytes_beside_tiles(const TileShape &shape, int64_t group) {
  const int64_t per_thread = shape.s == 1 ? TILE_COLUMNS_MAX : 1;
  return 16 + scratch_doubles(static_cast<int>(per_thread)) * static_cast<int64_t>(sizeof(double)) +
         group * (shape.channel_bytes + static_cast<int64_t>(sizeof(double[SLOT])));
}

inline int64_t smem_bytes(const TileShape &shape, const BlockGroupPartition &partition,
                          bool padded) {
  return partition.slots * tile_smem_bytes(shape, partition, padded) +
         smem_bytes_beside_tiles(shape, partition.group);
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

// What a plan is made for.
struct BlockGroupProblem {
  TileShape shape;
  int64_t multiprocessors, blocks_per_multiprocessor;
  int64_t bytes_max;
  int64_t window_bytes;      // of the L2 cache, that can be relied upon
  int64_t all_reduce_bytes;  // that move in the time of a meeting
  int64_t beside;            // tensors that are moved once, beside the inputs and the output
  bool recomputes;

  int64_t blocks() const { return multiprocessors * blocks_per_multiprocessor; }
  int64_t all_reduces() const { return recomputes ? 2 : 1; }
  int64_t tensor_bytes() const { return shape.n * shape.c * shape.s * shape.element_bytes; }
};

inline BlockGroupProblem block_group_problem(const cubn_device *device,
                                             const cubn_problem &problem) {
  const bool alone = needs_epilogue(problem) && problem.pass == CUBN_PASS_BACKWARD &&
                     problem.type == CUBN_DATA_DOUBLE; /* as TILE_BLOCKS_PER_SM */
  BlockGroupProblem task = {};
  task.shape = tile_shape(problem);
  task.multiprocessors = device->sm_count;
  task.blocks_per_multiprocessor = alone ? 1 : RESIDENT_BLOCKS_PER_SM;
  task.bytes_max =
      static_cast<int64_t>(device->cooperative_smem_bytes[task.blocks_per_multiprocessor - 1]);
  task.window_bytes = static_cast<int64_t>(device->l2_bytes) / 100 * STREAMED_WINDOW_PERCENT;
  task.all_reduce_bytes = device->sm_count * ALL_REDUCE_BYTES;
  task.beside = problem.adds || problem.has_dz;
  task.recomputes = problem.pass == CUBN_PASS_BACKWARD && !problem.has_saved && !problem.is_frozen;
  return task;
}

// Estimates a cut. What a block reads again is in the L2 cache if that, less what the last tiles take
// of it, is large enough. One crew waits in each meeting. Of two crews, one moves its group while the
// other waits, except in the end.
inline void estimate_cost(const BlockGroupProblem &task, BlockGroupPartition *partition) {
  const int64_t groups = ceil_div(task.shape.c, partition->group);
  const int64_t tile = partition->ranks * tile_smem_bytes(task.shape, *partition, false);
  const int64_t share = ceil_div(partition->tiles, partition->ranks), inputs = task.shape.inputs;
  const int64_t again = clamp(share - partition->slots, 0, share) * tile;
  const int64_t cached = clamp(task.window_bytes / partition->block_groups - tile, 0, again);
  const int64_t moved = share * tile / inputs * (inputs + 1 + task.beside) + again - cached;
  const int64_t waits = task.all_reduces() * task.all_reduce_bytes;
  partition->moved_bytes = groups * moved;
  partition->cost_bytes = partition->block_groups == 1
                              ? groups * (moved + waits)
                              : groups * clamp((moved + waits) / 2, moved, INT64_MAX) + waits;
}

// The same for the two-pass algorithm, which waits once before each launch and for each sum.
inline int64_t cost_of_two_passes(const BlockGroupProblem &task) {
  const int64_t tensor = task.tensor_bytes(), inputs = task.shape.inputs;
  const int64_t again = (inputs + (task.recomputes ? 1 : 0)) * tensor;
  return (inputs + 1 + task.beside) * tensor + again - clamp(task.window_bytes, 0, again) +
         2 * task.all_reduces() * task.all_reduce_bytes;
}

// Completes a cut for so many tiles of each block, of whole rows or of segments. False if there is
// none.
inline bool complete_partition(const BlockGroupProblem &task, int64_t per_block, bool segments,
                               BlockGroupPartition *partition) {
  const TileShape &shape = task.shape;
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
  const int64_t room = task.bytes_max - smem_bytes_beside_tiles(shape, partition->group);
  const int64_t tile = tile_smem_bytes(shape, *partition, !begins_at_vectors(shape, *partition));
  const int64_t share = ceil_div(partition->tiles, partition->ranks);
  partition->slots = clamp(room / tile, 0, share);
  if (partition->slots == 0 || (task.recomputes && partition->slots < share)) return false;
  partition->ranks = clamp(partition->ranks, 1, partition->tiles);
  estimate_cost(task, partition);
  return true;
}

// The best way to deal groups of so many channels to so many crews; group = 0 if there is none. A
// share that fits is one tile. One that does not is so many that TILE_SLOTS_MIN of them fit.
inline BlockGroupPartition partition_for(const BlockGroupProblem &task, int64_t block_groups,
                                         int64_t group) {
  const TileShape &shape = task.shape;
  const int64_t room = task.bytes_max - smem_bytes_beside_tiles(shape, group);
  const int64_t bytes = shape.inputs * shape.n * group * shape.s * shape.element_bytes;
  BlockGroupPartition best = {};
  if (room <= 0) return best;
  BlockGroupPartition partition = {};
  partition.group = group;
  partition.block_groups = block_groups;
  partition.bytes_max = task.bytes_max;
  const int64_t ranks = clamp(bytes / CLUSTER_SHARE_BYTES_MIN, 1, task.blocks() / block_groups);
  const int64_t many = ceil_div(bytes * TILE_SLOTS_MIN, ranks * room);
  for (const int64_t per_block : {int64_t(1), many, many + 1})
    for (const bool segments : {false, true}) {
      partition.ranks = ranks;
      if (!complete_partition(task, per_block, segments, &partition)) continue;
      if (best.group == 0 || partition.cost_bytes < best.cost_bytes) best = partition;
    }
  return best;
}

// The cheapest cut; of equal ones that with one crew and the widest group.
inline BlockGroupPartition best_block_group_partition(const BlockGroupProblem &task) {
  const TileShape &shape = task.shape;
  const int64_t widest = widest_channel_group(shape);
  BlockGroupPartition best = {};
  for (int64_t block_groups = 1;
       block_groups <= task.blocks_per_multiprocessor && block_groups <= BLOCK_GROUPS_MAX;
       ++block_groups)
    for (int64_t group = widest; group > 0; group /= 2) {
      if (group < widest && group * shape.s * shape.element_bytes < RUN_BYTES_MIN) break;
      if (ceil_div(shape.c, group) < block_groups) continue;
      const BlockGroupPartition partition = partition_for(task, block_groups, group);
      if (partition.group > 0 && (best.group == 0 || partition.cost_bytes < best.cost_bytes))
        best = partition;
    }
  return best;
}

}  // namespace cubn
