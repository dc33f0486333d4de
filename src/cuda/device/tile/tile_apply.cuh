// The second pass over a tile, and what backward with an epilogue does before the first one.
#pragma once
#include <cuda_runtime.h>

#include "cuda/common/tuning.h"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/layout/batch.cuh"
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/tile/tile.cuh"

namespace cubn {

// The channels of a vector's elements, within the group. Elements before or after the run get some
// channel of the group, which does not matter.
template <int V, int ALIGN>
__device__ inline void channels_of(const TileCursor<V, ALIGN> &cursor,
                                   const BlockSlice<V, ALIGN> &slice, int (&channel)[V]) {
  const int last = slice.channels - 1, position = max(-cursor.low, 0);
  int current = slice.channels == 1 ? 0 : min(position / slice.span, last);
  int left = (current + 1) * slice.span - position;
#pragma unroll
  for (int k = 0; k < V; ++k) {
    channel[k] = current;
    if (k >= cursor.low && --left == 0 && current < last) {
      ++current;
      left = slice.span;
    }
  }
}

// Calls visit(accesses, index, values) for all vectors of the thread: the access to the tensors,
// the index of the vector in the tile of an input, and the values of its elements' channels.
template <int V, int ALIGN, class Value, class Visit>
__device__ inline void visit_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                  const Value *values, const Visit &visit) {
  Value own[V] = {};
  bool first = true;
  for (TileCursor<V, ALIGN> cursor(params, slice); !cursor.done(slice);
       cursor.advance(params, slice)) {
    if (first || !params.has_fixed_channels) {
      int channel[V];
      channels_of(cursor, slice, channel);
#pragma unroll
      for (int k = 0; k < V; ++k) own[k] = values[channel[k]];
      first = false;
    }
    const Accesses<1> accesses = {{cursor.offset}, {cursor.valid}, cursor.valid == ALL_VALID<V>};
    visit(accesses, cursor.index, own);
  }
}

// Applies the coefficients of the group's channels to the tile. OUTPUT is the hint for the output.
template <Cache OUTPUT, int V, int ALIGN, class Op>
__device__ inline void apply_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                  const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                  const typename Op::Coefficients *coefficients) {
  visit_tile(params, slice, coefficients,
             [&](const Accesses<1> &accesses, int index, const typename Op::Coefficients(&k)[V]) {
               Pack<typename Op::Element, V> in[Op::INPUTS][1];
#pragma unroll
               for (int input = 0; input < Op::INPUTS; ++input)
                 in[input][0] = tile.input(input)[index];
               apply_packs<OUTPUT>(op, accesses, in, k);
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
        params, slice, coefficients,
        [&](const Accesses<1> &accesses, int index, const typename Op::Coefficients(&k)[V]) {
          Pack<typename Op::Element, V> in[2][1] = {{tile.input(0)[index]}, {tile.input(1)[index]}};
          differentiate_inputs<Cache::STREAMING>(op, accesses, in, k);
          tile.input(1)[index] = in[1][0];
        });
    __syncthreads();
  }
}

}  // namespace cubn
