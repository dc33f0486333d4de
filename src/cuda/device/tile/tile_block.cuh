// The whole work of a block that has a channel group in shared memory, by itself or as part of a
// cluster.
//
// Cluster reduction. One block of the cluster receives the sums of a channel from all blocks,
// through distributed shared memory. It adds them in the order of the ranks, writes the statistics,
// and sends the coefficients to all blocks, itself included. Blocks only store to each other's
// memory (store_to_rank), and each knows how many bytes it will receive.
//
// No store comes too early: it follows the cluster's barrier, before which each block has
// initialized its barriers and announced these bytes. Nor does it change what is still needed: only
// sums are stored to partials, once; and when the sums of a channel have come from all blocks, all
// threads that read its earlier coefficients, to compute these sums, have done so.
//
// No store comes too late: each thread waits for the coefficients of all channels before it
// continues, and thus before its block ends. The coefficients that the block itself sends follow
// from all sums that are stored to it. If it combines no channel, none are.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/async_copy.cuh"
#include "cuda/device/base/cluster.cuh"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/shared_memory.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/op/backward.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_apply.cuh"
#include "cuda/device/tile/tile_sums.cuh"

namespace cubn {

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
    tile = {reinterpret_cast<Pack<T, V> *>(memory), packs};
    scratch = reinterpret_cast<double *>(tile.packs + inputs * packs);
    partials = scratch + scratch_doubles(params.is_columns ? TILE_COLUMNS<V> : 1);
    pivots = reinterpret_cast<Real *>(
        partials + (params.ranks > 1 ? params.combined * params.ranks * SLOT : 0));
    coefficients = reinterpret_cast<Coefficients *>(pivots + params.group);
  }
};

// The barriers in the static shared memory of a block: for bulk copies into the tile; for sums of
// the channels that it combines; for coefficients. Only blocks of a cluster have the last two.
enum : int { TILE_BARRIER, SUMS_BARRIER, COEFFICIENTS_BARRIER, CLUSTER_BARRIERS };

// Channels of the group that the block of this rank combines: rank, rank + ranks and so on.
__device__ inline int combined_channels(int channels, int rank, int ranks) {
  return SmallDivisor(ranks).divide(max(channels - rank + ranks - 1, 0));
}

// Announces what the block will receive from the cluster, itself included: a slot per rank for each
// channel that it combines, and the coefficients of all channels.
template <class Coefficients>
__device__ inline void begin_cluster(BulkBarrier *barriers, int channels, int rank, int ranks) {
  if (threadIdx.x == 0) {
    const int slots = combined_channels(channels, rank, ranks) * ranks;
    bulk_init(barriers + SUMS_BARRIER, 1);
    bulk_init(barriers + COEFFICIENTS_BARRIER, 1);
    bulk_expect_bytes(barriers + SUMS_BARRIER, slots * SLOT * static_cast<int>(sizeof(double)));
    bulk_expect_bytes(barriers + COEFFICIENTS_BARRIER,
                      channels * static_cast<int>(sizeof(Coefficients)));
  }
  cluster_arrive();
}

// Stores the coefficients of a channel in every block of the cluster.
template <class Real, class Coefficients>
__device__ inline void broadcast_to_cluster(Coefficients *address, const Coefficients &value,
                                            BulkBarrier *barriers, int ranks) {
  for (int rank = 0; rank < ranks; ++rank)
    store_to_rank<sizeof(Coefficients) / sizeof(Real)>(reinterpret_cast<Real *>(address),
                                                       reinterpret_cast<const Real *>(&value),
                                                       barriers + COEFFICIENTS_BARRIER, rank);
}

// Reduces the group's channels. For each channel one thread of one block calls
// finalize(channel, slot, pivot), with a mean that is relative to the pivot.
template <bool CLUSTERED, class Op, int V, int ALIGN, class Coefficients, class Finalize>
__device__ inline void reduce_group(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                    int rank, const Op &op,
                                    const TileSmem<typename Op::Element, V, Coefficients> &memory,
                                    BulkBarrier *barriers, const Finalize &finalize) {
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
      const int before = SmallDivisor(ranks).divide(channel) * ranks;
      store_to_rank<SLOT>(memory.partials + (before + rank) * SLOT, slot, barriers + SUMS_BARRIER,
                          channel - before);
    };
    sum_tile(params, slice, op, memory.tile, memory.pivots, memory.coefficients, memory.scratch,
             send);
    const int i = static_cast<int>(threadIdx.x);
    if (i < combined_channels(slice.channels, rank, ranks)) {
      wait_for_stores(barriers + SUMS_BARRIER);
      const double *const slots = memory.partials + i * ranks * SLOT;
      double sum[SLOT] = {};
      for (int r = 0; r < ranks; ++r)
#pragma unroll
        for (int k = 0; k < SLOT; ++k) sum[k] += slots[r * SLOT + k];
      to_moments(i * ranks + rank, sum);
    }
    wait_for_stores(barriers + COEFFICIENTS_BARRIER);
  }
}

// The whole work of a block.
template <bool CLUSTERED, int V, class Op>
__device__ inline void process_channel_group(const TileParams &params, Op op,
                                             unsigned char *shared) {
  using Coefficients = typename Op::Coefficients;
  unsigned cluster = blockIdx.x, batch = 0;
  int rank = 0;
  if constexpr (CLUSTERED) {
    cluster = cluster_number();
    rank = static_cast<int>(cluster_rank());
  }
  if (params.batches > 1) {
    batch = cluster / params.batch_groups;
    cluster -= batch * params.batch_groups;
  }
  BlockSlice<V, VECTOR_ALIGN<Op>> slice(params, cluster, rank);
  if (params.batches > 1) {
    slice.move_to(params, batch);
    op.move_to(batch);
  }
  CUBN_SHARED(BulkBarrier, barriers, [CLUSTERED ? CLUSTER_BARRIERS : 1]);
  if constexpr (CLUSTERED)
    begin_cluster<Coefficients>(barriers, slice.channels, rank, params.ranks);
  const TileSmem<typename Op::Element, V, Coefficients> memory(shared, params, Op::INPUTS);
  load_pivots(params, slice, op, memory.pivots);
  init_bulk_barrier(params, barriers + TILE_BARRIER);
  load_tiles(
      params, op, 1, barriers + TILE_BARRIER, 0, [&](int) { return slice; },
      [&](int) { return memory.tile; }, [](int) { return Cache::STREAMING; });
  __syncthreads();
  if constexpr (CLUSTERED) cluster_wait();
  load_preact_coefficients(slice, op, memory.coefficients);
  differentiate_tile<TILE_DIFFERENTIATE_VECTORS<V>>(params, slice, op, memory.tile,
                                                    memory.coefficients);
  const auto finalize = [&](int channel, const double *slot, double pivot) {
    Coefficients coefficients = {};
    op.template finalize<true>(slice.first_channel + channel, slot, pivot, &coefficients);
    if constexpr (CLUSTERED)
      broadcast_to_cluster<typename Op::Real>(memory.coefficients + channel, coefficients, barriers,
                                              params.ranks);
    else
      memory.coefficients[channel] = coefficients;
  };
  reduce_group<CLUSTERED>(params, slice, rank, op, memory, barriers, finalize);
  if ((Op::FUSED && Op::INPUTS == 2) || op.output)
    apply_tile<Cache::KEEP>(params, slice, op, memory.tile, memory.coefficients);
}

}  // namespace cubn
