// The first pass: the partial results of a chunk, and how they combine to those of the channel.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/shared_memory.cuh"
#include "cuda/device/base/sync.cuh"
#include "cuda/device/base/team.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/batch.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/pass/pivot.cuh"

namespace cubn {

// The partial results of a launch in global memory: a slot per unit, chunk and channel of the unit.
struct Slots {
  double *memory;
  int chunks, unit_channels;

  __device__ double *address(int64_t unit, int64_t chunk, int channel) const {
    return memory + ((unit * chunks + chunk) * unit_channels + channel) * SLOT;
  }
};

// Doubles of scratch memory in shared memory that reduce_chunk and combine need.
template <class Iterator>
constexpr int REDUCE_SCRATCH = Iterator::CHANNELS *SLOT *PASS_THREADS / 2;

// Begins the sums of a thread. What takes arithmetic is computed once for each channel of the unit.
template <class Iterator, class Op>
__device__ inline void begin_sums(const Iterator &iterator, const Op &op, int64_t unit,
                                  const typename Iterator::Cursor &cursor, bool active,
                                  typename Op::Sums (&sums)[Iterator::CHANNELS]) {
  constexpr int W = Iterator::CHANNELS;
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    using Coefficients = typename Op::Coefficients;
    CUBN_SHARED(Coefficients, coefficients, [Iterator::UNIT_CHANNELS_MAX]);
    const int i = static_cast<int>(threadIdx.x);
    if (i < iterator.unit_channels(unit)) {
      const Coefficients own = op.preact_coefficients(iterator.first_channel(unit) + i);
      coefficients[i] = own;  // A copy: the emulator does not see stores to a result's place.
    }
    __syncthreads();
#pragma unroll
    for (int w = 0; w < W; ++w)
      sums[w] =
          active ? Op::begin(coefficients[iterator.channel_of(cursor, w)]) : typename Op::Sums{};
  } else {
#pragma unroll
    for (int w = 0; w < W; ++w)
      sums[w] = active ? op.begin(iterator.first_channel(unit) + iterator.channel_of(cursor, w))
                       : typename Op::Sums{};
  }
}

// The number of values that a thread has summed of each of its channels. It is the same for all of
// them, unless columns are folded.
template <class Iterator>
struct Counts {
  static constexpr int W = Iterator::CHANNELS, OWN = Iterator::FOLDS ? W : 1;
  int64_t common = 0;
  int extra[OWN] = {};

  // Counts the values of a batch that is not whole. The result is false if there are none.
  template <int U, bool SPLITS>
  __device__ bool add(const Accesses<U, SPLITS> &accesses) {
    int valid = 0;
#pragma unroll
    for (int u = 0; u < U; ++u) {
      valid += __popc(accesses.valid[u]);
      if constexpr (Iterator::FOLDS) {
#pragma unroll
        for (int w = 0; w < W; ++w) extra[w] += accesses.valid[u] >> w & 1;
      }
    }
    if constexpr (!Iterator::FOLDS) common += valid / W;
    return valid > 0;
  }
  __device__ double of_channel(int w) const {
    return static_cast<double>(common + extra[w % OWN]);
  }
};

// Writes the results of the whole channel, from the slot of chunk 0 after all slots were combined.
template <class Iterator, class Op, class Coefficients>
__device__ inline void finalize_unit(const Iterator &iterator, const Op &op, int64_t unit,
                                     int channel, const double *slot, Coefficients *coefficients) {
  op.finalize(iterator.first_channel(unit) + channel, slot,
              common_pivot(iterator, op, unit, channel), coefficients);
}

// Adds the columns of each channel, whose sums the threads of rank 0 have, and writes the slots of
// the channels.
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
  for (int k = 0; k < SLOT; ++k) {  // The scratch memory has room for one number of each column.
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

// Adds the sums of the team, and writes the slots of its channels.
template <class Iterator, class Op>
__device__ inline void store_slots(const Iterator &iterator, const Op &op, int64_t unit,
                                   double (&slots)[Iterator::CHANNELS * SLOT],
                                   const double (&pivots)[Iterator::CHANNELS], const Team &team,
                                   double *slot0, double *scratch) {
  constexpr int W = Iterator::CHANNELS;
  const bool receives = team.rank == 0 && team.rank < team.members;
  Pack<typename Op::Element, W> firsts[1] = {};
  if (receives)
    load_firsts(
        iterator, op, unit, 0, [&](int w) { return team.channel * W + w; }, firsts);
  keep_words(firsts);
  reduce_team(slots, team, scratch);
  if (!receives) return;
#pragma unroll
  for (int w = 0; w < W; ++w) {
    Op::to_moments(slots + w * SLOT, pivots[w] - Op::pivot_of(to_compute(firsts[0].v[w])));
#pragma unroll
    for (int k = 0; k < SLOT; ++k) slot0[(team.channel * W + w) * SLOT + k] = slots[w * SLOT + k];
  }
}

// Loads a batch and adds it to the sums of a thread. WHOLE says that all its elements are valid.
template <bool WHOLE, int V, class Op, int U, bool SPLITS, int W>
__device__ inline void reduce_batch(const Op &op, const Accesses<U, SPLITS> &accesses, bool first,
                                    typename Op::Sums (&sums)[W]) {
  using T = typename Op::Element;
  Pack<T, V> in[Op::INPUTS][U];
#pragma unroll
  for (int input = 0; input < Op::INPUTS; ++input)
    load_accesses<Cache::KEEP>(in[input], op.inputs[input], accesses);
  differentiate_inputs<Cache::KEEP>(op, accesses, in, sums);
#pragma unroll
  for (int w = 0; w < W; ++w)
    Op::template accumulate<WHOLE>(sums[w], first,
                                   ChannelView<T, Op::INPUTS, V, U, W, SPLITS>{in, accesses, w});
}

// Reduces a chunk and writes its partial results to the slots from slot0 on. BLOCKS are co-resident
// on an SM. Values of which pivots are made are loaded before they are needed: those of the chunk
// before its sums are formed, those of the channel before the sums of the team are added.
template <int BLOCKS, class Iterator, class Op>
__device__ inline void reduce_chunk(const Iterator &iterator, const Op &op, int64_t unit,
                                    unsigned chunk, double *slot0, double *scratch) {
  constexpr int V = Iterator::VECTOR, W = Iterator::CHANNELS;
  constexpr int U = REDUCE_VECTORS<BLOCKS, Op::INPUTS, V, W, Op::FUSED, Iterator::FOLDS>;
  const Team team = iterator.team(unit);
  const bool active = team.rank < team.members;
  typename Iterator::Cursor cursor = iterator.begin(unit, chunk);
  typename Op::Sums sums[W];
  begin_sums(iterator, op, unit, cursor, active, sums);
  Pack<typename Op::Element, W> firsts[1] = {};
  if (active)
    load_firsts(
        iterator, op, unit, chunk, [&](int w) { return iterator.channel_of(cursor, w); }, firsts);
  keep_words(firsts);
  Counts<Iterator> counts;
  for (bool first = true; !iterator.done(cursor);) {
    Accesses<U, Iterator::SPLITS> accesses;
    accesses.next(iterator, cursor);
    if (accesses.whole) {
      accesses.template set_whole<ALL_VALID<V>>();
      reduce_batch<true, V>(op, accesses, first, sums);
      counts.common += U * V / W;
    } else {
      if (!counts.add(accesses)) continue;
      reduce_batch<false, V>(op, accesses, first, sums);
    }
    first = false;
  }
  double slots[W * SLOT] = {}, pivots[W] = {};
  if (active) {
#pragma unroll
    for (int w = 0; w < W; ++w) {
      pivots[w] = Op::pivot_of(to_compute(firsts[0].v[w]));
      Op::to_slot(sums[w], counts.of_channel(w), pivots[w], slots + w * SLOT);
    }
  }
  if constexpr (Iterator::FOLDS) {
    reduce_team(slots, team, scratch);
    fold_columns(iterator, op, unit, chunk, slots, team, slot0, scratch);
  } else {
    store_slots(iterator, op, unit, slots, pivots, team, slot0, scratch);
  }
}

// The result is true in the block that is the last of `blocks` to arrive. That block sees what the
// others have stored, and sets the counter back to 0.
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

}  // namespace cubn
