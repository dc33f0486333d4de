// What the blocks of a block group share: parameters, state, the layout of shared memory, and the
// barrier between blocks.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/async_copy.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/sync.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_sums.cuh"

namespace cubn {

// The parameters of the kernel besides TileParams. The `ranks` of those are the tiles into which
// the images or, if there are `positions`, each row is partitioned.
struct BlockGroupParams {
  unsigned block_groups;  // Block groups, which process the channel groups alternately.
  int ranks;              // Blocks of a block group.
  int share, extra;       // Tiles of each rank, and ranks that have one more.
  int buffers;            // Tile buffers of a block.
  unsigned *counters;     // 0 between launches.
  double *sums;           // A slot for each block group, channel of a group, and rank.
  void *coefficients;     // Those of each block group and channel of a group.
};

// Each counter has a cache line of its own. There are two for each block group, and one for the
// blocks that have finished.
constexpr int COUNTER_STEP = 32;
constexpr int BLOCK_GROUPS_MAX = 2;

// The state of a block, in shared memory to save registers.
struct BlockGroupState {
  BulkBarrier barrier;
  unsigned parity;               // The parity of the barrier's next phase.
  int id, rank;                  // The block group, and the block's rank in it.
  int first_tile, tiles;         // The tiles of this block.
  unsigned arrivals, published;  // The values of the two counters after the next all-reduce.
};

// The layout of the dynamic shared memory; smem_bytes() in plan/block_group_plan.cuh computes its
// size.
template <class T, int V, class Coefficients>
struct BlockGroupSmem {
  using Real = Compute<T>;
  Pack<T, V> *packs;  // The first tile buffer.
  int packs_per_input, packs_per_buffer;
  double *scratch;
  double *totals;  // A slot for each of the group's channels.
  Real *pivots;    // The pivots of the group's channels.
  Coefficients *coefficients;

  __device__ BlockGroupSmem(unsigned char *memory, const TileParams &params, int buffers,
                            int inputs) {
    packs = reinterpret_cast<Pack<T, V> *>(memory);
    packs_per_input = params.rows * params.vectors;
    packs_per_buffer = inputs * packs_per_input;
    const int tile_bytes = buffers * packs_per_buffer * static_cast<int>(sizeof(Pack<T, V>));
    scratch = reinterpret_cast<double *>(memory + (tile_bytes + 15) / 16 * 16);
    totals = scratch + scratch_doubles(params.is_columns ? TILE_COLUMNS<V> : 1);
    pivots = reinterpret_cast<Real *>(totals + params.group * SLOT);
    coefficients = reinterpret_cast<Coefficients *>(pivots + params.group);
  }
};

// Arrives at a counter. What the block has written is visible to those that wait.
__device__ inline void arrive(unsigned *counter) {
  __syncthreads();
  if (threadIdx.x == 0) fetch_add_acq_rel(counter, 1);
}

// Waits until so many blocks have arrived.
__device__ inline void wait(const unsigned *counter, unsigned arrivals) {
  if (threadIdx.x == 0)
    while (load_acquire(counter) < arrivals) __nanosleep(40);
  __syncthreads();
}

}  // namespace cubn
