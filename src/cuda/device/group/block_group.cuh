// A block group: co-resident blocks (cooperative launch) that keep one channel group in their
// shared memory.
//
// Tiles. A channel group is partitioned into tiles, and these evenly among the blocks. A block
// copies its tiles into tile buffers in shared memory, and sums them: first as many as there are
// buffers, all at once, and then one after another through the last buffer. There the last tile
// stays; the first tiles keep the other buffers.
//
// All-reduce. Through the workspace, one block of the group, the owner of the channel, receives the
// sums of a channel from all blocks. It adds them in the order of the ranks and publishes the
// coefficients. Each block then applies these to its tiles. It begins with the tile in the last
// buffer, through which it then copies the other tiles again, the latest first, because those are
// likely to be in the L2 cache.
//
// Synchronization. Two counters in the workspace only grow while the kernel runs: blocks arrive at
// the first with their sums, and owners at the second with their coefficients. No block overwrites
// what others may still read: sums are written after the last coefficients were published, and
// coefficients after all blocks have arrived with their sums.
//
// No deadlock. All blocks are co-resident, and all take part in the same all-reduces in the same
// order.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/async_copy.cuh"
#include "cuda/device/base/team.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/group/block_group_state.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/pass/reduce.cuh"
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_apply.cuh"
#include "cuda/device/tile/tile_block.cuh"
#include "cuda/device/tile/tile_sums.cuh"

namespace cubn {

// One block of a block group.
template <int V, class Op>
class BlockGroupMember {
  using T = typename Op::Element;
  using Real = typename Op::Real;
  using Coefficients = typename Op::Coefficients;
  using Tile = BlockSlice<V, VECTOR_ALIGN<Op>>;
  static constexpr int DIFFERENTIATED = TILE_DIFFERENTIATE_VECTORS<V, true>;

 public:
  __device__ BlockGroupMember(const TileParams &tile_params,
                              const BlockGroupParams &block_group_params, unsigned char *shared,
                              BlockGroupState *shared_state)
      : params(tile_params),
        group_params(block_group_params),
        memory(shared, tile_params, block_group_params.buffers, Op::INPUTS),
        state(shared_state) {
    if (threadIdx.x == 0) {
      const int ranks = group_params.ranks, block = static_cast<int>(blockIdx.x),
                rank = block % ranks;
      const int begin = first_unit(group_params.share, group_params.extra, rank);
      const int end = first_unit(group_params.share, group_params.extra, rank + 1);
      *state = {0, 0, block / ranks, rank, begin, end - begin, 0, 0};
    }
    __syncthreads();
    init_bulk_barrier(params, &state->barrier);
  }

  __device__ void run(const Op &op) {
    // One block group's copies should overlap the other's stores: the second begins when a block
    // of the first has copied its tiles.
    if (state->id > 0) wait(group_params.counters, 1);
    const unsigned groups = params.batch_groups;
    for (unsigned group = static_cast<unsigned>(state->id); group < groups;
         group += group_params.block_groups)
      process_group(group, op);
    finish();
  }

 private:
  const TileParams &params;
  const BlockGroupParams &group_params;
  const BlockGroupSmem<T, V, Coefficients> memory;
  BlockGroupState *const state;

  __device__ unsigned *counter(int which) const {
    return group_params.counters + (2 * state->id + which) * COUNTER_STEP;
  }
  // The elements of an array that belong to this block group.
  template <class Value>
  __device__ Value *own_elements(void *array, int per_channel) const {
    return static_cast<Value *>(array) + state->id * params.group * per_channel;
  }

  __device__ Tile tile_at(unsigned group, int i) const {
    if (params.positions == 0) return Tile(params, group, state->first_tile + i);
    Tile tile(params, group, (state->first_tile + i) % params.ranks);
    tile.restrict_to_row((state->first_tile + i) / params.ranks);
    return tile;
  }
  __device__ SmemTile<T, V> buffer_of(int i) const {
    const int buffer = min(i, group_params.buffers - 1);
    return {memory.packs + buffer * memory.packs_per_buffer, memory.packs_per_input};
  }

  // Whether tile i stays in its buffer until the second pass.
  __device__ bool is_kept(int i) const {
    return i >= state->tiles - 1 || i < group_params.buffers - 1;
  }

  // Copies `count` tiles from the first on, all at once. Outputs, and tiles that are not copied
  // again, are streamed, so that the L2 cache keeps the tiles that are.
  __device__ void load(unsigned group, const Op &op, int first, int count, bool is_again) {
    if (params.uses_bulk_copy) bulk_fence();
    __syncthreads();
    load_tiles(
        params, op, count, &state->barrier, state->parity,
        [&](int i) { return tile_at(group, first + i); },
        [&](int i) { return buffer_of(first + i); },
        [&](int i) { return is_again || is_kept(first + i) ? Cache::STREAMING : Cache::KEEP; });
    __syncthreads();
    if (threadIdx.x == 0) state->parity ^= 1;  // All threads have read it before the barrier above.
  }

  // One loop has both passes over the tiles, so that there is one copy of the code that loads them.
  __device__ void process_group(unsigned group, const Op &op) {
    const Tile first = tile_at(group, 0);
    load_pivots(params, first, op, memory.pivots);
    load_preact_coefficients(first, op, memory.coefficients);
    for (int i = static_cast<int>(threadIdx.x); i < params.group * SLOT; i += RESIDENT_THREADS)
      memory.totals[i] = 0.0;
    __syncthreads();
    const int tiles = state->tiles;
    for (int step = 0; step < 2 * tiles; ++step) {
      if (step == tiles) find_coefficients(first, op);
      const bool sums = step < tiles;
      process_tile(group, op, sums ? step : 2 * tiles - 1 - step, sums);
    }
    __syncthreads();
  }

  // Gets the coefficients of the channel group from the sums of all blocks.
  __device__ void find_coefficients(const Tile &first, const Op &op) {
    Coefficients *const all = own_elements<Coefficients>(group_params.coefficients, 1);
    all_reduce(first.channels, [&](int channel, const double *slot, double pivot) {
      Coefficients coefficients = {};
      op.finalize(first.first_channel + channel, slot, pivot, &coefficients);
      all[channel] = coefficients;
    });
    for (int i = static_cast<int>(threadIdx.x); i < first.channels; i += RESIDENT_THREADS)
      memory.coefficients[i] = all[i];
    __syncthreads();
  }

  // Sums tile i, or applies the coefficients to it. The first tile to be summed comes with all that
  // have buffers.
  __device__ void process_tile(unsigned group, const Op &op, int i, bool sums) {
    const int own = min(state->tiles, group_params.buffers);
    const bool copies = sums ? i == 0 || i >= own : !is_kept(i);
    if (copies) load(group, op, i, sums && i == 0 ? own : 1, !sums);
    const Tile tile = tile_at(group, i);
    const SmemTile<T, V> buffer = buffer_of(i);
    if (sums || copies)
      differentiate_tile<DIFFERENTIATED>(params, tile, op, buffer, memory.coefficients);
    if (sums) {
      sum_tile(params, tile, op, buffer, memory.pivots, memory.coefficients, memory.scratch,
               [&](int channel, const double *sum) {
#pragma unroll
                 for (int k = 0; k < SLOT; ++k) memory.totals[channel * SLOT + k] += sum[k];
               });
      __syncthreads();
    } else {
      apply_tile<Cache::STREAMING>(params, tile, op, buffer, memory.coefficients);
    }
  }

  // The all-reduce of the sums. The owner of a channel calls finalize(channel, slot, pivot) with
  // the total, whose mean is relative to the pivot; afterwards all blocks see what finalize has
  // written.
  template <class Finalize>
  __device__ void all_reduce(int channels, const Finalize &finalize) {
    const int ranks = group_params.ranks, rank = state->rank, owners = min(channels, ranks);
    double *const sums = own_elements<double>(group_params.sums, ranks * SLOT);
    for (int i = static_cast<int>(threadIdx.x); i < channels * SLOT; i += RESIDENT_THREADS)
      sums[(i / SLOT * ranks + rank) * SLOT + i % SLOT] = memory.totals[i];
    if (threadIdx.x == 0) {
      state->arrivals += static_cast<unsigned>(ranks);
      state->published += static_cast<unsigned>(owners);
    }
    arrive(counter(0));
    if (rank < owners) {
      wait(counter(0), state->arrivals);
      const Team team =
          team_across_channels((channels - rank + ranks - 1) / ranks, RESIDENT_THREADS);
      const int channel = rank + team.channel * ranks;
      double sum[SLOT] = {};
      for (int r = team.rank; team.rank < team.members && r < ranks; r += team.members)
#pragma unroll
        for (int k = 0; k < SLOT; ++k) sum[k] += sums[(channel * ranks + r) * SLOT + k];
      reduce_team(sum, team, memory.scratch);
      if (team.rank == 0) {
        Op::to_moments(sum, 0.0);
        finalize(channel, sum, Op::pivot_of(memory.pivots[channel]));
      }
      arrive(counter(1));
    }
    wait(counter(1), state->published);
  }

  // The last block to finish sets the counters back to 0 for the next launch.
  __device__ void finish() const {
    if (!arrives_last(group_params.counters + 2 * BLOCK_GROUPS_MAX * COUNTER_STEP, gridDim.x))
      return;
    if (threadIdx.x < 2 * BLOCK_GROUPS_MAX) group_params.counters[threadIdx.x * COUNTER_STEP] = 0;
  }
};

}  // namespace cubn
