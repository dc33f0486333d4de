// What a block does that holds a group of channels, alone or as one of a cluster.
//
// In a cluster, the sums of a channel meet, through distributed shared memory, in one of its blocks,
// which adds them in the order of the ranks, writes the statistics, and gives the coefficients to
// all. Blocks only store to each other's memory, after all of them have begun and before the barrier
// that precedes the output: none can end while another one needs it.
#pragma once
#include "cuda/device/op/fused_backward.cuh"
#include "cuda/device/op/fused_forward.cuh"
#include "cuda/device/tile/tile_apply.cuh"
#include "cuda/device/tile/tile_sums.cuh"

namespace cubn {

// Masks of fused operations want vectors in whole granules.
template <int V, class Op>
constexpr int TILE_ALIGN = Op::FUSED ? GRANULE : V;

// Blocks that shall fit on a multiprocessor. Fused backward in double takes the registers of both.
template <class Op>
constexpr int TILE_BLOCKS_PER_SM = Op::FUSED &&Op::INPUTS == 2 && sizeof(typename Op::Element) == 8
                                       ? 1
                                       : RESIDENT_BLOCKS_PER_SM;

// How the dynamic shared memory is used; smem_bytes() knows its size.
template <class T, int V, class Coefficients>
struct TileSmem {
  using Real = Compute<T>;
  SmemTile<T, V> tile;
  double *scratch, *partials;  // of the channels that this block combines, a slot for each rank
  Real *pivots;                // of the group's channels
  Real *saved;                 // their mean and 1 / std, if these are computed again
  Coefficients *coefficients;

  __device__ TileSmem(unsigned char *memory, const TileParams &params, int inputs) {
    const int packs = params.rows * params.vectors;
    const int tile_bytes = inputs * packs * static_cast<int>(sizeof(Pack<T, V>));
    tile = {reinterpret_cast<Pack<T, V> *>(memory), packs};
    scratch = reinterpret_cast<double *>(memory + (tile_bytes + 15) / 16 * 16);
    partials = scratch + scratch_doubles(params.columns ? TILE_COLUMNS<V> : 1);
    const int owned = (params.group + params.ranks - 1) / params.ranks;
    pivots =
        reinterpret_cast<Real *>(partials + (params.ranks > 1 ? owned * params.ranks * SLOT : 0));
    saved = pivots + params.group;
    coefficients = reinterpret_cast<Coefficients *>(saved + 2 * params.group);
  }
};

// Stores a value to this place of every block's shared memory.
template <class Value>
__device__ inline void give_to_all(Value *place, const Value &value, int ranks) {
  for (int rank = 0; rank < ranks; ++rank) *shared_of_rank(place, rank) = value;
}

// Sums over the group's channels; conclude(channel, slot) is called by one thread of one block for
// each.
template <bool CLUSTERED, class Op, int V, int ALIGN, class Coefficients, class Finalize>
__device__ inline void sum_group(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                 int rank, const Op &op,
                                 const TileSmem<typename Op::Element, V, Coefficients> &memory,
                                 const Finalize &finalize) {
  const auto to_moments = [&](int channel, double *slot) {
    Op::to_moments(slot, Op::pivot_of(memory.pivots[channel]));
    finalize(channel, slot);
  };
  if constexpr (!CLUSTERED) {
    sum_tile(params, slice, op, memory.tile, memory.pivots, memory.scratch, to_moments);
    __syncthreads();
  } else {
    const int ranks = params.ranks;
    const auto send = [&](int channel, const double *slot) {
      double *const own = memory.partials + (channel / ranks * ranks + rank) * SLOT;
      double *const to = shared_of_rank(own, channel % ranks);
#pragma unroll
      for (int k = 0; k < SLOT; ++k) to[k] = slot[k];
    };
    sum_tile(params, slice, op, memory.tile, memory.pivots, memory.scratch, send);
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

// Backward without saved statistics: those of the forward pass, kept in shared memory.
template <bool CLUSTERED, class T, int V, int ALIGN, class Coefficients>
__device__ inline void recompute(const TileParams &, const BlockSlice<V, ALIGN> &, int,
                                 Forward<T> *, const TileSmem<T, V, Coefficients> &) {}
template <bool CLUSTERED, class T, int V, int ALIGN, class Coefficients>
__device__ inline void recompute(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                 int rank, Backward<T> *op,
                                 const TileSmem<T, V, Coefficients> &memory) {
  Forward<T> statistics = {};
  statistics.inputs[0] = op->inputs[0];
  statistics.epsilon = op->epsilon;
  statistics.saved_mean = memory.saved;
  statistics.saved_inv_std = memory.saved + params.group;
  statistics.saved_channel0 = op->saved_channel0 = slice.channel0;
  op->saved_mean = statistics.saved_mean;
  op->saved_inv_std = statistics.saved_inv_std;
  sum_group<CLUSTERED>(
      params, slice, rank, statistics, memory, [&](int channel, const double *slot) {
        statistics.finalize(slice.channel0 + channel, slot, nullptr);
        if constexpr (CLUSTERED)
          for (Compute<T> *place : {memory.saved + channel, memory.saved + params.group + channel})
            give_to_all(place, *place, params.ranks);
      });
}

// The whole work of a block.
template <bool CLUSTERED, int V, class Op>
__device__ inline void reduce_and_apply_tile(const TileParams &params, Op &op,
                                             unsigned char *shared) {
  using Coefficients = typename Op::Coefficients;
  int64_t cluster = blockIdx.x;
  int rank = 0;
  if constexpr (CLUSTERED) {
    cluster_reduce_begin();
    cluster = blockIdx.x / static_cast<unsigned>(params.ranks);
    rank = static_cast<int>(cluster_rank());
  }
  const BlockSlice<V, TILE_ALIGN<V, Op>> slice(params, cluster, rank);
  const TileSmem<typename Op::Element, V, Coefficients> memory(shared, params, Op::INPUTS);
  load_pivots(params, slice, op, memory.pivots);
  CUBN_SHARED(BulkBarrier, barrier, );
  init_bulk_barrier(params, &barrier);
  load_tile(params, slice, op, memory.tile, &barrier, 0);
  __syncthreads();
  if constexpr (CLUSTERED) cluster_reduce_end();
  if (params.recomputes) recompute<CLUSTERED>(params, slice, rank, &op, memory);
  load_preactivation_coefficients(slice, op, memory.coefficients);
  fuse_tile(params, slice, op, memory.tile, memory.coefficients);
  sum_group<CLUSTERED>(params, slice, rank, op, memory, [&](int channel, const double *slot) {
    Coefficients coefficients = {};
    op.finalize(slice.channel0 + channel, slot, &coefficients);
    if constexpr (CLUSTERED)
      give_to_all(memory.coefficients + channel, coefficients, params.ranks);
    else
      memory.coefficients[channel] = coefficients;
  });
  if ((Op::FUSED && Op::INPUTS == 2) || op.output)
    apply_tile<Cache::KEEP>(params, slice, op, memory.tile, memory.coefficients);
}

}  // namespace cubn
