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

// Calls visit(blends, accesses, index, values) for all vectors of the thread: a type that says
// whether a prior output may have to be blended, the access to the tensors, the index of the vector
// in the tile of an input, and the values of its elements' channels.
template <int V, int ALIGN, class Value, class Visit>
__device__ inline void visit_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                  bool blends, const Value *values, const Visit &visit) {
  Value own[V] = {};
  const auto get_values = [&](int low) {
    int channel[V];
    channels_of(low, slice, channel);
#pragma unroll
    for (int k = 0; k < V; ++k) own[k] = values[channel[k]];
  };
  if (slice.is_whole && !blends) {
    WholeCursor<V> cursor(slice);
    get_values(-cursor.vector * V);
    for (; !cursor.done(); cursor.advance()) {
      const int64_t offset = slice.first + static_cast<int64_t>(cursor.offset) * V;
      visit(std::false_type{}, Accesses<1>{{offset}, {ALL_VALID<V>}, true}, cursor.index, own);
    }
    return;
  }
  bool first = true;
  for (TileCursor<V, ALIGN> cursor(slice); !cursor.done(slice); cursor.advance(slice)) {
    if (first || !params.has_fixed_channels) get_values(cursor.low);
    first = false;
    const Accesses<1> accesses = {{cursor.offset}, {cursor.valid}, cursor.valid == ALL_VALID<V>};
    visit(std::true_type{}, accesses, cursor.index, own);
  }
}

// Applies the coefficients of the group's channels to the tile. OUTPUT is the hint for the output.
template <Cache OUTPUT, int V, int ALIGN, class Op>
__device__ inline void apply_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                  const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                  const typename Op::Coefficients *coefficients) {
  visit_tile(params, slice, op.beta != typename Op::Real(0), coefficients,
             [&](auto blends, const Accesses<1> &accesses, int index,
                 const typename Op::Coefficients(&k)[V]) {
               Pack<typename Op::Element, V> in[Op::INPUTS][1];
#pragma unroll
               for (int input = 0; input < Op::INPUTS; ++input)
                 in[input][0] = tile.input(input)[index];
               apply_packs<OUTPUT, decltype(blends)::value>(op, accesses, in, k);
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

// Backward with an epilogue: replaces dy by dp in the tile.
template <int V, int ALIGN, class Op>
__device__ inline void differentiate_tile(const TileParams &params,
                                          const BlockSlice<V, ALIGN> &slice, const Op &op,
                                          const SmemTile<typename Op::Element, V> &tile,
                                          const typename Op::Coefficients *coefficients) {
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    visit_tile(
        params, slice, false, coefficients,
        [&](auto, const Accesses<1> &accesses, int index, const typename Op::Coefficients(&k)[V]) {
          Pack<typename Op::Element, V> in[2][1] = {{tile.input(0)[index]}, {tile.input(1)[index]}};
          differentiate_inputs<Cache::STREAMING>(op, accesses, in, k);
          tile.input(1)[index] = in[1][0];
        });
    __syncthreads();
  }
}

}  // namespace cubn
