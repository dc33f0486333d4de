// A crew: blocks all over the device that run at the same time and hold a group of channels between
// them.
//
// A group is cut into tiles, and each block has an equal share of these. It copies one after the
// other into slots of its shared memory and sums it. The first ones keep their slots; the others go
// through the last slot, where the last one stays. The sums of a channel meet, through the
// workspace, in one block of the crew, which adds them in the order of the ranks and publishes the
// coefficients. Each block then applies these to the tiles that it holds, beginning with the last
// slot, through which it copies the other tiles again, the latest first: they are likely to be in
// the L2 cache.
//
// Meetings go by counters in the workspace that only grow while the kernel runs: blocks arrive at the
// first with their sums, and those that conclude channels at the second. Nobody overwrites what others
// may still read: sums are written after the last coefficients were published, and these after all
// blocks have arrived.
#pragma once
#include "cuda/device/tile/tile_block.cuh"

namespace cubn {

// What blocks need to know beside TileParams, whose `ranks` are the parts that images or, if there are
// `positions`, each row is dealt to: the tiles.
struct BlockGroupParams {
  int64_t groups;
  int block_groups, ranks;  // the crews take groups by turns; blocks of each
  int tiles;                // of a group
  int slots;
  unsigned *counters;  // 0 between launches
  double *sums;        // a slot for each crew, channel of a group, and rank
  void *coefficients;  // for each crew and channel of a group
};

// Counters lie in cache lines of their own: the two of each crew, and that of the blocks that leave.
constexpr int COUNTER_STEP = 32;
constexpr int BLOCK_GROUPS_MAX = 2;

// What the threads of a block share, rather than have registers for.
struct BlockGroupState {
  BulkBarrier barrier;
  unsigned parity;  // of its next phase
  int id, rank;     // of the crew, and in it
  int first_tile, tiles;
  unsigned arrivals, published;  // that the counters show when the next meeting is over
};

// How a block's dynamic shared memory is used; smem_bytes() knows its size.
template <class T, int V, class Coefficients>
struct BlockGroupSmem {
  using Real = Compute<T>;
  Pack<T, V> *packs;  // of the first slot
  int packs_per_input, packs_per_slot;
  double *scratch, *totals;  // of the group's channels, a slot each
  Real *pivots;              // as TileSmem
  Coefficients *coefficients;

  __device__ BlockGroupSmem(unsigned char *memory, const TileParams &params, int slots,
                            int inputs) {
    packs = reinterpret_cast<Pack<T, V> *>(memory);
    packs_per_input = params.rows * params.vectors;
    packs_per_slot = inputs * packs_per_input;
    const int tile_bytes = slots * packs_per_slot * static_cast<int>(sizeof(Pack<T, V>));
    scratch = reinterpret_cast<double *>(memory + (tile_bytes + 15) / 16 * 16);
    totals = scratch + scratch_doubles(params.columns ? TILE_COLUMNS<V> : 1);
    pivots = reinterpret_cast<Real *>(totals + params.group * SLOT);
    coefficients = reinterpret_cast<Coefficients *>(pivots + params.group);
  }
};

__device__ inline void arrive(unsigned *counter) {
  __syncthreads();
  if (threadIdx.x == 0) fetch_add_acq_rel(counter, 1);
}

// Until so many have arrived.
__device__ inline void await(const unsigned *counter, unsigned arrivals) {
  if (threadIdx.x == 0)
    while (load_acquire(counter) < arrivals) __nanosleep(40);
  __syncthreads();
}

// A block of a crew.
template <int V, class Op>
class BlockGroupMember {
  using T = typename Op::Element;
  using Real = typename Op::Real;
  using Coefficients = typename Op::Coefficients;
  using Tile = BlockSlice<V, TILE_ALIGN<V, Op>>;

 public:
  __device__ BlockGroupMember(const TileParams &the_params, const BlockGroupParams &the_groups,
                              unsigned char *shared, BlockGroupState *the_state)
      : params(the_params),
        groups_of_blocks(the_groups),
        memory(shared, the_params, the_groups.slots, Op::INPUTS),
        state(the_state) {
    if (threadIdx.x == 0) {
      const int ranks = groups_of_blocks.ranks, block = static_cast<int>(blockIdx.x),
                rank = block % ranks;
      const int begin = part_begin(groups_of_blocks.tiles, 1, rank, ranks);
      const int end = part_begin(groups_of_blocks.tiles, 1, rank + 1, ranks);
      *state = {0, 0, block / ranks, rank, begin, end - begin, 0, 0};
    }
    __syncthreads();
    init_bulk_barrier(params, &state->barrier);
  }

  __device__ void work(const Op &op) {
    // One crew's copies shall meet the other's stores: the second begins when the first has read.
    if (state->id > 0) await(groups_of_blocks.counters, 1);
    for (int64_t group = state->id; group < groups_of_blocks.groups;
         group += groups_of_blocks.block_groups)
      work_on(group, op);
    leave();
  }

 private:
  const TileParams &params;
  const BlockGroupParams &groups_of_blocks;
  const BlockGroupSmem<T, V, Coefficients> memory;
  BlockGroupState *const state;

  __device__ unsigned *counter(int which) const {
    return groups_of_blocks.counters + (2 * state->id + which) * COUNTER_STEP;
  }
  // Where this crew's part of an array begins.
  template <class Value>
  __device__ Value *part_of(void *array, int per_channel) const {
    return static_cast<Value *>(array) + state->id * params.group * per_channel;
  }

  __device__ Tile tile_at(int64_t group, int i) const {
    if (params.positions == 0) return Tile(params, group, state->first_tile + i);
    Tile tile(params, group, (state->first_tile + i) % params.ranks);
    tile.keep_row((state->first_tile + i) / params.ranks);
    return tile;
  }
  __device__ SmemTile<T, V> slot_of(int i) const {
    const int slot = min(i, groups_of_blocks.slots - 1);
    return {memory.packs + slot * memory.packs_per_slot, memory.packs_per_input};
  }

  __device__ bool is_kept(int i) const {
    return i >= state->tiles - 1 || i < groups_of_blocks.slots - 1;
  }

  // The outputs of a group, and tiles that are not copied again, leave the L2 cache to the others.
  __device__ void load(const Tile &tile, const Op &op, const SmemTile<T, V> &slot, Cache cache) {
    if (V > 1 && params.bulk) {
      bulk_reuse();
      __syncthreads();
    }
    load_tile(params, tile, op, slot, &state->barrier, state->parity, cache);
    __syncthreads();
    if (threadIdx.x == 0) state->parity ^= 1;  // nobody reads it before the barrier above
  }

  __device__ void work_on(int64_t group, const Op &op) {
    const Tile first = tile_at(group, 0);
    load_pivots(params, first, op, memory.pivots);
    if (params.recomputes) recompute(group, first, op);
    load_preactivation_coefficients(first, op, memory.coefficients);
    if (params.recomputes)
      sum_tiles<false>(group, op, op);
    else
      sum_tiles<true>(group, op, op);
    Coefficients *const all = part_of<Coefficients>(groups_of_blocks.coefficients, 1);
    all_reduce<Op>(first.channels, [&](int channel, const double *slot) {
      Coefficients coefficients = {};
      op.finalize(first.channel0 + channel, slot, &coefficients);
      all[channel] = coefficients;
    });
    for (int i = static_cast<int>(threadIdx.x); i < first.channels; i += RESIDENT_THREADS)
      memory.coefficients[i] = all[i];
    __syncthreads();
    apply_tiles(group, op);
  }

  // The block's sums. LOADS: tiles are copied first; else all of them are in their slots.
  template <bool LOADS, class Sums>
  __device__ void sum_tiles(int64_t group, const Op &op, const Sums &sums) {
    for (int i = static_cast<int>(threadIdx.x); i < params.group * SLOT; i += RESIDENT_THREADS)
      memory.totals[i] = 0.0;
    __syncthreads();
    for (int i = 0; i < state->tiles; ++i) {
      const Tile tile = tile_at(group, i);
      const SmemTile<T, V> slot = slot_of(i);
      if constexpr (LOADS) load(tile, op, slot, is_kept(i) ? Cache::STREAMING : Cache::KEEP);
      if constexpr (std::is_same_v<Sums, Op>)
        fuse_tile(params, tile, op, slot, memory.coefficients);
      sum_tile(params, tile, sums, slot, memory.pivots, memory.scratch,
               [&](int channel, const double *sum) {
#pragma unroll
                 for (int k = 0; k < SLOT; ++k) memory.totals[channel * SLOT + k] += sum[k];
               });
      __syncthreads();
    }
  }

  // From the blocks' sums to what conclude(channel, slot) makes of those of all, which all see then.
  template <class Sums, class Finalize>
  __device__ void all_reduce(int channels, const Finalize &finalize) {
    const int ranks = groups_of_blocks.ranks, rank = state->rank, owners = min(channels, ranks);
    double *const sums = part_of<double>(groups_of_blocks.sums, ranks * SLOT);
    for (int i = static_cast<int>(threadIdx.x); i < channels * SLOT; i += RESIDENT_THREADS)
      sums[(i / SLOT * ranks + rank) * SLOT + i % SLOT] = memory.totals[i];
    if (threadIdx.x == 0) {
      state->arrivals += static_cast<unsigned>(ranks);
      state->published += static_cast<unsigned>(owners);
    }
    arrive(counter(0));
    if (rank < owners) {
      await(counter(0), state->arrivals);
      const Team team =
          team_across_channels((channels - rank + ranks - 1) / ranks, RESIDENT_THREADS);
      const int channel = rank + team.channel * ranks;
      double sum[SLOT] = {};
      for (int r = team.rank; team.rank < team.members && r < ranks; r += team.members)
#pragma unroll
        for (int k = 0; k < SLOT; ++k) sum[k] += sums[(channel * ranks + r) * SLOT + k];
      reduce_team(sum, team, memory.scratch);
      if (team.rank == 0) {
        Sums::to_moments(sum, Sums::pivot_of(memory.pivots[channel]));
        finalize(channel, sum);
      }
      arrive(counter(1));
    }
    await(counter(1), state->published);
  }

  // Backward without saved statistics: those of the forward pass, kept in the workspace.
  __device__ void recompute(int64_t group, const Tile &first, const Op &op) {
    if constexpr (Op::INPUTS == 2) {
      Forward<T> statistics = {};
      statistics.epsilon = op.epsilon;
      statistics.saved_mean = const_cast<Real *>(op.saved_mean);
      statistics.saved_inv_std = const_cast<Real *>(op.saved_inv_std);
      sum_tiles<true>(group, op, statistics);
      all_reduce<Forward<T>>(first.channels, [&](int channel, const double *slot) {
        statistics.finalize(first.channel0 + channel, slot, nullptr);
      });
    }
  }

  __device__ void apply_tiles(int64_t group, const Op &op) {
    const int last = state->tiles - 1;
    for (int i = last; i >= 0; --i) {
      const Tile tile = tile_at(group, i);
      const SmemTile<T, V> slot = slot_of(i);
      if (!is_kept(i)) {
        __syncthreads();
        load(tile, op, slot, Cache::STREAMING);
        fuse_tile(params, tile, op, slot, memory.coefficients);
      }
      apply_tile<Cache::STREAMING>(params, tile, op, slot, memory.coefficients);
    }
    __syncthreads();
  }

  // The last block to leave returns the counters to 0, for the next launch.
  __device__ void leave() const {
    if (!arrives_last(groups_of_blocks.counters + 2 * BLOCK_GROUPS_MAX * COUNTER_STEP, gridDim.x))
      return;
    if (threadIdx.x < 2 * BLOCK_GROUPS_MAX)
      groups_of_blocks.counters[threadIdx.x * COUNTER_STEP] = 0;
  }
};

}  // namespace cubn
