// The first pass: partial results of the chunks, and how they become the channel's.
#pragma once
#include "cuda/device/op/forward.cuh"
#include "cuda/device/pass/apply.cuh"
#include "cuda/tuning.h"

namespace cubn {

// Where a launch keeps its partial results: a slot per unit, chunk and channel of the unit.
struct Slots {
  double *memory;
  int chunks, unit_channels;

  __device__ double *at(int64_t unit, int64_t chunk, int channel) const {
    return memory + ((unit * chunks + chunk) * unit_channels + channel) * SLOT;
  }
};

// Doubles of scratch memory that reduce_chunk and combine need.
template <class Iterator>
constexpr int REDUCE_SCRATCH = Iterator::CHANNELS *SLOT *PASS_THREADS / 2;

// How many values a thread has seen of each of its channels: of all as many, but for columns that are
// folded.
template <class Iterator>
struct Counts {
  static constexpr int W = Iterator::CHANNELS, OWN = Iterator::FOLDS ? W : 1;
  int64_t every = 0;
  int beside[OWN] = {};

  // Those of a batch that is not whole. False if there are none.
  template <int U>
  __device__ bool add(const Accesses<U> &accesses) {
    int valid = 0;
#pragma unroll
    for (int u = 0; u < U; ++u) {
      valid += __popc(accesses.valid[u]);
      if constexpr (Iterator::FOLDS) {
#pragma unroll
        for (int w = 0; w < W; ++w) beside[w] += accesses.valid[u] >> w & 1;
      }
    }
    if constexpr (!Iterator::FOLDS) every += valid / W;
    return valid > 0;
  }
  __device__ double of(int w) const {
    return static_cast<double>(every + beside[w % OWN]);
  }
};

// The number that sums over a channel of the unit are taken relative to: a value of the chunk.
template <class Iterator, class Op>
__device__ inline double pivot_at(const Iterator &iterator, const Op &op, int64_t unit,
                                  unsigned chunk, int channel) {
  const typename Op::Element *const first =
      op.inputs[0] + iterator.first_value(unit, chunk, channel);
  return Op::pivot_of(to_compute(load_pack<Cache::KEEP, 1>(first).v[0]));
}

// What the partial results of all chunks are relative to: the channel's first value. Means that are
// kept as such would be rounded to a double each, which f64 tensors far from zero cannot afford.
template <class Iterator, class Op>
__device__ inline double common_pivot(const Iterator &iterator, const Op &op, int64_t unit,
                                      int channel) {
  return pivot_at(iterator, op, unit, 0, channel);
}

// The results of the whole channel, from its first chunk's slot after all were combined.
template <class Iterator, class Op, class Coefficients>
__device__ inline void finalize_unit(const Iterator &iterator, const Op &op, int64_t unit,
                                     int channel, double *slot, Coefficients *coefficients) {
  slot[1] += common_pivot(iterator, op, unit, channel);
  op.finalize(iterator.first_channel(unit) + channel, slot, coefficients);
}

// Adds the columns of each channel, of which the ranks 0 have the sums, and writes the channels' slots.
template <class Iterator, class Op>
__device__ inline void fold_columns(const Iterator &iterator, const Op &op, int64_t unit,
                                    unsigned chunk,
                                    const double (&slots)[Iterator::CHANNELS * SLOT],
                                    const Team &team, double *slot0, double *scratch) {
  constexpr int W = Iterator::CHANNELS;
  const int channel = static_cast<int>(threadIdx.x);
  const bool owns = channel < iterator.unit_channels(unit);
  double slot[SLOT] = {};
#pragma unroll
  for (int k = 0; k < SLOT; ++k) {  // scratch has room for one number of each column
    __syncthreads();
    if (team.rank == 0) {
#pragma unroll
      for (int w = 0; w < W; ++w) scratch[team.channel * W + w] = slots[w * SLOT + k];
    }
    __syncthreads();
    for (int row = 0; owns && row < iterator.period; ++row)
      slot[k] += scratch[iterator.column_of(unit, chunk, channel, row)];
  }
  if (!owns) return;
  const double pivot = pivot_at(iterator, op, unit, chunk, channel);
  Op::to_moments(slot, pivot - common_pivot(iterator, op, unit, channel));
#pragma unroll
  for (int k = 0; k < SLOT; ++k) slot0[channel * SLOT + k] = slot[k];
}

// Writes the partial results of a chunk to its slots, of which slot0 is the first.
template <class Iterator, class Op>
__device__ inline void reduce_chunk(const Iterator &iterator, const Op &op, int64_t unit,
                                    unsigned chunk, double *slot0, double *scratch) {
  constexpr int V = Iterator::VECTOR, W = Iterator::CHANNELS;
  constexpr int U = REDUCE_VECTORS<Op::INPUTS, V, W, Op::FUSED, Iterator::FOLDS>;
  using T = typename Op::Element;
  using View = ChannelView<T, Op::INPUTS, V, U, W>;
  const Team team = iterator.team(unit);
  const bool active = team.rank < team.members;
  typename Iterator::Cursor at = iterator.begin(unit, chunk);
  typename Op::Sums sums[W];
#pragma unroll
  for (int w = 0; w < W; ++w)
    sums[w] = active ? op.begin(iterator.first_channel(unit) + iterator.channel_of(at, w))
                     : typename Op::Sums{};
  Counts<Iterator> counts;
  for (bool first = true; !iterator.done(at);) {
    Accesses<U> accesses;
    accesses.take(iterator, at);
    Pack<T, V> in[Op::INPUTS][U];
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input)
      load_accesses<Cache::KEEP>(in[input], op.inputs[input], accesses);
    fuse_inputs<Cache::KEEP>(op, accesses, in, sums);
    if (accesses.whole) {
#pragma unroll
      for (int w = 0; w < W; ++w) Op::template fold<true>(sums[w], first, View{in, accesses, w});
      counts.every += U * V / W;
    } else {
      if (!counts.add(accesses)) continue;
#pragma unroll
      for (int w = 0; w < W; ++w) Op::template fold<false>(sums[w], first, View{in, accesses, w});
    }
    first = false;
  }
  double slots[W * SLOT] = {}, pivots[W] = {};
  if (active) {
#pragma unroll
    for (int w = 0; w < W; ++w) {
      pivots[w] = pivot_at(iterator, op, unit, chunk, iterator.channel_of(at, w));
      Op::relative(sums[w], counts.of(w), pivots[w], slots + w * SLOT);
    }
  }
  reduce_team(slots, team, scratch);
  if constexpr (Iterator::FOLDS) {
    fold_columns(iterator, op, unit, chunk, slots, team, slot0, scratch);
    return;
  }
  if (team.rank != 0 || !active) return;
#pragma unroll
  for (int w = 0; w < W; ++w) {
    const double common = common_pivot(iterator, op, unit, team.channel * W + w);
    Op::to_moments(slots + w * SLOT, pivots[w] - common);
#pragma unroll
    for (int k = 0; k < SLOT; ++k) slot0[(team.channel * W + w) * SLOT + k] = slots[w * SLOT + k];
  }
}

// True in the block that is the last of `blocks` to come here; it sees what the others stored. The
// counter is 0 again.
__device__ inline bool arrives_last(unsigned *counter, unsigned blocks) {
  CUBN_SHARED(bool, last, );
  __syncthreads();
  if (threadIdx.x == 0) {
    last = fetch_add_acq_rel(counter, 1) == blocks - 1;
    if (last) *counter = 0;
  }
  __syncthreads();
  return last;
}

// Combines the slots of `members` chunks, `stride` chunks apart, into the first of them, for all
// channels of a unit.
template <class Op>
__device__ inline void combine(const Slots &slots, int64_t unit, int64_t chunk, int members,
                               int64_t stride, int channels, double *scratch) {
  const Team team = team_across_channels(channels, PASS_THREADS);
  double sum[SLOT] = {}, pivot = 0.0;
  if (team.rank < team.members) {
    pivot = Op::pivot_of_slot(slots.at(unit, chunk, team.channel));
#pragma unroll 4
    for (int i = team.rank; i < members; i += team.members) {
      const double *from = slots.at(unit, chunk + i * stride, team.channel);
      double slot[SLOT] = {from[0], from[1], from[2]};
      Op::from_moments(slot, pivot);
#pragma unroll
      for (int k = 0; k < SLOT; ++k) sum[k] += slot[k];
    }
  }
  reduce_team(sum, team, scratch);  // also: everybody has read what is written next
  if (team.rank != 0) return;
  Op::to_moments(sum, pivot);
  double *to = slots.at(unit, chunk, team.channel);
#pragma unroll
  for (int k = 0; k < SLOT; ++k) to[k] = sum[k];
}

}  // namespace cubn
