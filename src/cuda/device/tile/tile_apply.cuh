// The second pass over a tile, and what backward with an epilogue does before the first one.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "cuda/common/tuning.h"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/layout/batch.cuh"
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/tile/tile.cuh"

namespace cubn {

// The channels, within the group, of the elements of a vector that begins `low` elements before its
// run. Elements before or after the run get some channel of the group, which does not matter.
template <int V, int ALIGN>
__device__ inline void channels_of(int low, const BlockSlice<V, ALIGN> &slice, int (&channel)[V]) {
  const int last = slice.channels - 1, position = max(-low, 0);
  int current = slice.channels == 1 ? 0 : min(position / slice.span, last);
  int left = (current + 1) * slice.span - position;
#pragma unroll
  for (int k = 0; k < V; ++k) {
    channel[k] = current;
    if (k >= low && --left == 0 && current < last) {
      ++current;
      left = slice.span;
    }
  }
}

// Vectors of the tile: where they are in it, and in the tensors.
template <int U>
struct TileBatch {
  static constexpr int COUNT = U;
  Accesses<U> accesses;
  int index[U];
};

// The next U vectors of a slice that is_whole, which the thread has. Offsets are relative to
// `first`.
template <int U, int V>
__device__ inline TileBatch<U> next_whole(WholeCursor<V> &cursor, int64_t first) {
  TileBatch<U> batch;
  batch.accesses.whole = true;
#pragma unroll
  for (int u = 0; u < U; ++u) {
    batch.accesses.offset[u] = first + static_cast<int64_t>(cursor.offset) * V;
    batch.accesses.valid[u] = ALL_VALID<V>;
    batch.index[u] = cursor.index;
    cursor.advance();
  }
  return batch;
}

// The next vector of any slice.
template <int V, int ALIGN>
__device__ inline TileBatch<1> next_any(TileCursor<V, ALIGN> &cursor,
                                        const BlockSlice<V, ALIGN> &slice) {
  const TileBatch<1> batch = {{{cursor.offset}, {cursor.valid}, cursor.valid == ALL_VALID<V>},
                              {cursor.index}};
  cursor.advance(slice);
  return batch;
}

// Reads the vectors of a batch from the tile.
template <class T, int INPUTS, int V, int U>
__device__ inline void read_tile(const SmemTile<T, V> &tile, const TileBatch<U> &batch,
                                 Pack<T, V> (&in)[INPUTS][U]) {
#pragma unroll
  for (int input = 0; input < INPUTS; ++input)
#pragma unroll
    for (int u = 0; u < U; ++u) in[input][u] = tile.input(input)[batch.index[u]];
}

// Calls visit(whole, batch, values) for all vectors of the thread, U at a time: a type that says
// whether all vectors are whole and no prior output is blended, and the values of its elements'
// channels. Offsets of whole vectors are relative to `first`. Other vectors are visited one by one,
// as they are few or rare, and their code is long.
template <int U, int V, int ALIGN, class Value, class Visit>
__device__ inline void visit_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                  bool blends, int64_t first, const Value *values,
                                  const Visit &visit) {
  Value own[V] = {};
  const auto get_values = [&](int low) {
    int channel[V] = {};
    if (slice.channels > 1) channels_of(low, slice, channel);
#pragma unroll
    for (int k = 0; k < V; ++k) own[k] = values[channel[k]];
  };
  TileCursor<V, ALIGN> rest(slice);
  bool changes = true;
  if (slice.is_whole && !blends) {
    WholeCursor<V> cursor(slice);
    get_values(-cursor.vector * V);
    while (cursor.has(U)) visit(std::true_type{}, next_whole<U>(cursor, first), own);
    rest.move_to(slice, cursor.index);
    changes = false;
  }
  while (!rest.done(slice)) {
    if (changes) get_values(rest.low);
    changes = !params.has_fixed_channels;
    visit(std::false_type{}, next_any(rest, slice), own);
  }
}

// Applies the coefficients of the group's channels to the tile. OUTPUT is the hint for the output.
template <Cache OUTPUT, int V, int ALIGN, class Op>
__device__ inline void apply_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                  const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                  const typename Op::Coefficients *coefficients) {
  constexpr int U = TILE_APPLY_VECTORS<Op::FUSED, Op::INPUTS, V>;
  constexpr bool MOVES = !Op::FUSED;  // Plain operations have one tensor, which is addressed once.
  Op near = op;
  if (MOVES) near.output += slice.first;
  visit_tile<U>(params, slice, op.beta != typename Op::Real(0), MOVES ? 0 : slice.first,
                coefficients,
                [&](auto whole, const auto &batch, const typename Op::Coefficients(&k)[V]) {
                  constexpr bool WHOLE = decltype(whole)::value;
                  Pack<typename Op::Element, V> in[Op::INPUTS][batch.COUNT];
                  read_tile(tile, batch, in);
                  apply_packs<OUTPUT, !WHOLE>(WHOLE ? near : op, batch.accesses, in, k);
                });
}

// Backward with an epilogue: stores what differentiate_tile needs in the array of the group's
// coefficients.
template <int V, int ALIGN, class Op>
__device__ inline void load_preact_coefficients(const BlockSlice<V, ALIGN> &slice, const Op &op,
                                                typename Op::Coefficients *coefficients) {
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    for (int i = static_cast<int>(threadIdx.x); i < slice.channels; i += RESIDENT_THREADS)
      coefficients[i] = op.preact_coefficients(slice.first_channel + i);
    __syncthreads();
  }
}

// Backward with an epilogue: replaces dy by dp in the tile, U vectors at a time.
template <int U, int V, int ALIGN, class Op>
__device__ inline void differentiate_tile(const TileParams &params,
                                          const BlockSlice<V, ALIGN> &slice, const Op &op,
                                          const SmemTile<typename Op::Element, V> &tile,
                                          const typename Op::Coefficients *coefficients) {
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    visit_tile<U>(params, slice, false, slice.first, coefficients,
                  [&](auto whole, const auto &batch, const typename Op::Coefficients(&k)[V]) {
                    constexpr bool WHOLE = decltype(whole)::value;
                    Pack<typename Op::Element, V> in[2][batch.COUNT];
                    read_tile(tile, batch, in);
                    differentiate_inputs<Cache::STREAMING>(op, batch.accesses, in, k);
#pragma unroll
                    for (int u = 0; u < batch.COUNT; ++u)
                      if (WHOLE || batch.accesses.valid[u] != 0)
                        tile.input(1)[batch.index[u]] = in[1][u];
                  });
    __syncthreads();
  }
}

}  // namespace cubn
