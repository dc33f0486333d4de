// Sums over the channels of a tile, with the arithmetic of the two-pass algorithm.
//
// A thread reads the tile in one of three ways: by vectors of one channel, which are partial only
// at the ends of rows; by elements, if rows are too short for that; or by columns, where a thread
// has several neighboring channels.
#pragma once
#include <cuda_runtime.h>

#include "cuda/common/tuning.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/team.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/layout/batch.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/tile/channel_cursor.cuh"
#include "cuda/device/tile/tile.cuh"

namespace cubn {

// Channels per thread of columns: a vector of 16 bytes, or fewer to keep the sums in registers.
template <int V>
constexpr int TILE_COLUMNS = V < TILE_COLUMNS_MAX ? V : TILE_COLUMNS_MAX;

// Vectors of READ elements that a thread adds at a time. Single elements are for short rows, of
// which a thread has few.
template <int READ>
constexpr int ROW_BATCH = RESIDENT_BATCH / (READ > 1 ? READ : 4);

// Doubles of scratch memory that the sums need.
__host__ __device__ constexpr int scratch_doubles(int channels_per_thread) {
  return SLOT * channels_per_thread * RESIDENT_THREADS / 2;
}

// Adds a batch of vectors to a thread's sums: U whole ones, or the first `left` of them. They are
// `step` elements apart in the tile, and the first one begins at `element`. Sums of W channels have
// element w of each vector.
template <int U, int READ, bool WHOLE, int W, class Op, int V>
__device__ inline void add_vectors(typename Op::Sums (&sums)[W], const Op &, bool first,
                                   const SmemTile<typename Op::Element, V> &tile, int element,
                                   int step, int left) {
  using T = typename Op::Element;
  Accesses<U> accesses;
  Pack<T, READ> in[Op::INPUTS][U];
#pragma unroll
  for (int u = 0; u < U; ++u) {
    const bool valid = WHOLE || u < left;
    accesses.valid[u] = valid ? ALL_VALID<READ> : 0;
#pragma unroll
    for (int input = 0; input < Op::INPUTS; ++input) {
      const T *const from = tile.input(input)->v + (element + u * step);
      if constexpr (!WHOLE) in[input][u] = {};
      if (valid) in[input][u] = *reinterpret_cast<const Pack<T, READ> *>(from);
    }
  }
#pragma unroll
  for (int w = 0; w < W; ++w)
    Op::template accumulate<WHOLE>(sums[w], first,
                                   ChannelView<T, Op::INPUTS, READ, U, W>{in, accesses, w});
}

// Adds `count` vectors, U at a time.
template <int U, int READ, int W, class Op, int V>
__device__ inline void sum_whole_vectors(typename Op::Sums (&sums)[W], const Op &op,
                                         const SmemTile<typename Op::Element, V> &tile, int element,
                                         int step, int count) {
  int left = count;
  for (; left >= U; left -= U) {
    add_vectors<U, READ, true>(sums, op, left == count, tile, element, step, U);
    element += U * step;
  }
  if (left > 0) add_vectors<U, READ, false>(sums, op, left == count, tile, element, step, left);
}

// Adds the values of one channel to a thread's sum, READ elements at a time, wherever rows begin.
// The result is the number of values.
template <int READ, int V, int ALIGN, class Op>
__device__ inline int sum_any_vectors(typename Op::Sums &sums, const BlockSlice<V, ALIGN> &slice,
                                      const Op &, const SmemTile<typename Op::Element, V> &tile,
                                      int width, ChannelCursor cursor) {
  using T = typename Op::Element;
  constexpr int U = ROW_BATCH<READ>;
  using View = ChannelView<T, Op::INPUTS, READ, U, 1>;
  int count = 0;
  while (cursor.row < slice.rows) {
    Accesses<U> accesses;
    accesses.whole = true;
    Pack<T, READ> in[Op::INPUTS][U];
    int valid = 0;
#pragma unroll
    for (int u = 0; u < U; ++u) {
      const int begin = slice.misaligned(cursor.row) + cursor.team.channel * slice.span;
      const int low = begin % READ - cursor.i * READ, high = low + slice.span;
      const bool inside = cursor.row < slice.rows;
      accesses.valid[u] = !inside                    ? 0
                          : low <= 0 && high >= READ ? ALL_VALID<READ>
                                                     : valid_bits<READ>(low, high);
      accesses.whole = accesses.whole && accesses.valid[u] == ALL_VALID<READ>;
      valid += __popc(accesses.valid[u]);
      const int element = cursor.row * slice.vectors * V + begin - low;
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input) {
        const T *const from = tile.input(input)->v + element;
        in[input][u] = {};
        if (accesses.valid[u] != 0) in[input][u] = *reinterpret_cast<const Pack<T, READ> *>(from);
        if (READ > 1 && accesses.valid[u] != ALL_VALID<READ>) {
#pragma unroll
          for (int k = 0; k < READ; ++k)
            if (!(accesses.valid[u] >> k & 1)) in[input][u].v[k] = from_compute<T>(0);
        }
      }
      cursor.advance(width);
    }
    if (accesses.whole)
      Op::template accumulate<true>(sums, count == 0, View{in, accesses, 0});
    else if (valid > 0)
      Op::template accumulate<false>(sums, count == 0, View{in, accesses, 0});
    count += valid;
  }
  return count;
}

// Begins the sums of a channel of the group.
template <int V, int ALIGN, class Op>
__device__ inline typename Op::Sums begin_sums(const BlockSlice<V, ALIGN> &slice, const Op &op,
                                               const typename Op::Coefficients *coefficients,
                                               int channel) {
  if constexpr (Op::FUSED && Op::INPUTS == 2)
    return Op::begin(coefficients[channel]);
  else
    return op.begin(slice.first_channel + channel);
}

// A thread sums one channel, READ elements at a time. One thread per channel calls emit(channel,
// slot) with the sums of this block relative to the channel's pivot.
template <int READ, int V, int ALIGN, class Op, class Emit>
__device__ inline void sum_rows(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                const typename Op::Real *pivots,
                                const typename Op::Coefficients *coefficients, double *scratch,
                                const Emit &emit) {
  const bool aligned = (slice.phase0 | slice.phase_step | slice.span) % READ == 0;
  const unsigned padding = aligned ? 0 : 2 * READ - 2;
  const int width = static_cast<int>((static_cast<unsigned>(slice.span) + padding) / READ);
  const ChannelCursor cursor = channel_cursor(params.group, width, slice.channels);
  const Team &team = cursor.team;
  const bool active = team.rank < team.members;
  typename Op::Sums sums[1] = {active ? begin_sums(slice, op, coefficients, team.channel)
                                      : typename Op::Sums{}};
  int count = 0;
  if (READ > 1 && slice.is_whole && slice.span % READ == 0 &&
      (params.group == 1 || cursor.step_i == 0)) {
    // The vectors of a group of one channel are consecutive; else a thread stays in its column.
    const int first = params.group == 1 ? team.rank : cursor.row;
    const int step = params.group == 1 ? team.members : cursor.step_rows;
    const int total = params.group == 1 ? slice.rows * width : slice.rows;
    const int pitch = params.group == 1 ? READ : slice.vectors * V;
    const int vectors = active ? SmallDivisor(step).divide(max(total - first, 0) + step - 1) : 0;
    sum_whole_vectors<ROW_BATCH<READ>, READ>(
        sums, op, tile,
        first * pitch + (params.group == 1 ? 0 : team.channel * slice.span + cursor.i * READ),
        step * pitch, vectors);
    count = vectors * READ;
  } else if (active) {
    count = sum_any_vectors<READ>(sums[0], slice, op, tile, width, cursor);
  }
  double slot[SLOT] = {};
  if (active)
    Op::to_slot(sums[0], static_cast<double>(count), Op::pivot_of(pivots[team.channel]), slot);
  reduce_team(slot, team, scratch);
  if (active && team.rank == 0) emit(team.channel, slot);
}

// A thread sums W neighboring channels of columns. All runs begin at a vector.
template <int W, int V, int ALIGN, class Op, class Emit>
__device__ inline void sum_columns(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                   const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                   const typename Op::Real *pivots,
                                   const typename Op::Coefficients *coefficients, double *scratch,
                                   const Emit &emit) {
  Team team = team_across_channels(params.group / W, RESIDENT_THREADS);
  if (team.channel * W >= slice.channels) team.rank = team.members;
  const bool active = team.rank < team.members;
  typename Op::Sums sums[W];
#pragma unroll
  for (int w = 0; w < W; ++w)
    sums[w] =
        active ? begin_sums(slice, op, coefficients, team.channel * W + w) : typename Op::Sums{};
  const int pitch = slice.vectors * V, left = max(slice.rows - team.rank, 0);
  const int count = active ? SmallDivisor(team.members).divide(left + team.members - 1) : 0;
  sum_whole_vectors<TILE_COLUMNS_BATCH, W>(sums, op, tile, team.rank * pitch + team.channel * W,
                                           team.members * pitch, count);
  double slots[W * SLOT] = {};
  if (active) {
#pragma unroll
    for (int w = 0; w < W; ++w)
      Op::to_slot(sums[w], static_cast<double>(count), Op::pivot_of(pivots[team.channel * W + w]),
                  slots + w * SLOT);
  }
  reduce_team(slots, team, scratch);
  if (!active || team.rank != 0) return;
#pragma unroll
  for (int w = 0; w < W; ++w) emit(team.channel * W + w, slots + w * SLOT);
}

// Sums all channels of the tile.
template <int V, int ALIGN, class Op, class Emit>
__device__ inline void sum_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                const typename Op::Real *pivots,
                                const typename Op::Coefficients *coefficients, double *scratch,
                                const Emit &emit) {
  if (params.is_columns)
    sum_columns<TILE_COLUMNS<V>>(params, slice, op, tile, pivots, coefficients, scratch, emit);
  else if (slice.span >= TILE_VECTORS_MIN * V)
    sum_rows<V>(params, slice, op, tile, pivots, coefficients, scratch, emit);
  else
    sum_rows<1>(params, slice, op, tile, pivots, coefficients, scratch, emit);
}

}  // namespace cubn
