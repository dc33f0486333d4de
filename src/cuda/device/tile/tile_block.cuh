// The whole work of a block that has a channel group in shared memory, by itself or as part of a
// cluster.
//
// Cluster reduction. One block of the cluster receives the sums of a channel from all blocks,
// through distributed shared memory. It adds them in the order of the ranks, writes the statistics,
// and broadcasts the coefficients. Blocks only store to each other's memory, after all of them have
// begun and before the barrier that precedes the output, so no block can end while another one
// needs it.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/async_copy.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/shared_memory.cuh"
#include "cuda/device/base/sync.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/op/backward.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_apply.cuh"
#include "cuda/device/tile/tile_sums.cuh"

namespace cubn {

// Co-resident blocks per SM. Fused backward in double needs the registers of two blocks.
template <class Op>
constexpr int TILE_BLOCKS_PER_SM = Op::FUSED &&Op::INPUTS == 2 && sizeof(typename Op::Element) == 8
                                       ? 1
                                       : RESIDENT_BLOCKS_PER_SM;

// The layout of the dynamic shared memory; smem_bytes() in plan/tile_plan.cuh computes its size.
template <class T, int V, class Coefficients>
struct TileSmem {
  using Real = Compute<T>;
  SmemTile<T, V> tile;
  double *scratch;
  double *partials;  // A slot per rank for each channel that this block combines.
  Real *pivots;      // The pivots of the group's channels.
  Coefficients *coefficients;

  __device__ TileSmem(unsigned char *memory, const TileParams &params, int inputs) {
    const int packs = params.rows * params.vectors;
    const int tile_bytes = inputs * packs * static_cast<int>(sizeof(Pack<T, V>));
    tile = {reinterpret_cast<Pack<T, V> *>(memory), packs};
    scratch = reinterpret_cast<double *>(memory + (tile_bytes + 15) / 16 * 16);
    partials = scratch + scratch_doubles(params.is_columns ? TILE_COLUMNS<V> : 1);
    const int owned = (params.group + params.ranks - 1) / params.ranks;
    pivots =
        reinterpret_cast<Real *>(partials + (params.ranks > 1 ? owned * params.ranks * SLOT : 0));
    coefficients = reinterpret_cast<Coefficients *>(pivots + params.group);
  }
};

// Stores a value at this address in the shared memory of every block of the cluster.
template <class Value>
__device__ inline void broadcast_to_cluster(Value *address, const Value &value, int ranks) {
  for (int rank = 0; rank < ranks; ++rank) *map_shared_rank(address, rank) = value;
}

// Reduces the group's channels. For each channel one thread of one block calls
// finalize(channel, slot, pivot), with a mean that is relative to the pivot.
template <bool CLUSTERED, class Op, int V, int ALIGN, class Coefficients, class Finalize>
__device__ inline void reduce_group(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                    int rank, const Op &op,
                                    const TileSmem<typename Op::Element, V, Coefficients> &memory,
                                    const Finalize &finalize) {
  const auto to_moments = [&](int channel, double *slot) {
    Op::to_moments(slot, 0.0);
    finalize(channel, slot, Op::pivot_of(memory.pivots[channel]));
  };
  if constexpr (!CLUSTERED) {
    // One copy of what follows the sums: the scratch memory has room for a slot of each channel.
    double *const slots = memory.scratch;
    sum_tile(params, slice, op, memory.tile, memory.pivots, memory.coefficients, memory.scratch,
             [&](int channel, const double *slot) {
#pragma unroll
               for (int k = 0; k < SLOT; ++k) slots[channel * SLOT + k] = slot[k];
             });
    __syncthreads();
    const int own = static_cast<int>(threadIdx.x);
    if (own < slice.channels) to_moments(own, slots + own * SLOT);
    __syncthreads();
  } else {
    const int ranks = params.ranks;
    const auto send = [&](int channel, const double *slot) {
      double *const own = memory.partials + (channel / ranks * ranks + rank) * SLOT;
      double *const to = map_shared_rank(own, channel % ranks);
#pragma unroll
      for (int k = 0; k < SLOT; ++k) to[k] = slot[k];
    };
    sum_tile(params, slice, op, memory.tile, memory.pivots, memory.coefficients, memory.scratch,
             send);
    cluster_sync();
    for (int i = static_cast<int>(threadIdx.x); i * ranks + rank < slice.channels;
         i += RESIDENT_THREADS) {
      const double *const slots = memory.partials + i * ranks * SLOT;
      double sum[SLOT] = {};
      for (int r = 0; r < ranks; ++r)
#pragma unroll
        for (int k = 0; k < SLOT; ++k) sum[k] += slots[r * SLOT + k];
      to_moments(i * ranks + rank, sum);
    }
    cluster_sync();
  }
}

// The whole work of a block.
template <bool CLUSTERED, int V, class Op>
__device__ inline void process_channel_group(const TileParams &params, Op op,
                                             unsigned char *shared) {
  using Coefficients = typename Op::Coefficients;
  int64_t cluster = blockIdx.x;
  int rank = 0;
  if constexpr (CLUSTERED) {
    cluster_arrive();
    cluster = blockIdx.x / static_cast<unsigned>(params.ranks);
    rank = static_cast<int>(cluster_rank());
  }
  const unsigned batch = static_cast<unsigned>(cluster) / params.batch_groups;
  BlockSlice<V, VECTOR_ALIGN<Op>> slice(params, cluster - batch * params.batch_groups, rank);
  slice.move_to(params, batch);
  op.move_to(batch);
  const TileSmem<typename Op::Element, V, Coefficients> memory(shared, params, Op::INPUTS);
  load_pivots(params, slice, op, memory.pivots);
  CUBN_SHARED(BulkBarrier, barrier, );
  init_bulk_barrier(params, &barrier);
  load_tile(params, slice, op, memory.tile, &barrier, 0);
  __syncthreads();
  if constexpr (CLUSTERED) cluster_wait();
  load_preact_coefficients(slice, op, memory.coefficients);
  differentiate_tile(params, slice, op, memory.tile, memory.coefficients);
  const auto finalize = [&](int channel, const double *slot, double pivot) {
    Coefficients coefficients = {};
    op.template finalize<true>(slice.first_channel + channel, slot, pivot, &coefficients);
    if constexpr (CLUSTERED)
      broadcast_to_cluster(memory.coefficients + channel, coefficients, params.ranks);
    else
      memory.coefficients[channel] = coefficients;
  };
  reduce_group<CLUSTERED>(params, slice, rank, op, memory, finalize);
  if ((Op::FUSED && Op::INPUTS == 2) || op.output)
    apply_tile<Cache::KEEP>(params, slice, op, memory.tile, memory.coefficients);
}

}  // namespace cubn
