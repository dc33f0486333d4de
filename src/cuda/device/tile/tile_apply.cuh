// The second pass over a held group, and what fused backward does before the first one.
#pragma once
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/tile/tile.cuh"

namespace cubn {

// Channels of a vector's elements, counted from the group's first; those of elements before or
// behind the run do not matter, but exist.
template <int V, int ALIGN>
__device__ inline void channels_of(const TileCursor<V, ALIGN> &at,
                                   const BlockSlice<V, ALIGN> &slice, int (&channel)[V]) {
  const int last = slice.channels - 1, place = max(-at.low, 0);
  int current = slice.channels == 1 ? 0 : min(place / slice.span, last);
  int left = (current + 1) * slice.span - place;
#pragma unroll
  for (int k = 0; k < V; ++k) {
    channel[k] = current;
    if (k >= at.low && --left == 0 && current < last) {
      ++current;
      left = slice.span;
    }
  }
}

// Calls visit(items, index of the vector in an input's part of the tile, values of its channels) for
// all vectors of the thread.
template <int V, int ALIGN, class Value, class Visit>
__device__ inline void visit_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                  const Value *values, const Visit &visit) {
  Value mine[V] = {};
  bool first = true;
  for (TileCursor<V, ALIGN> at(params, slice); !at.done(slice); at.advance(params, slice)) {
    if (first || !params.fixed) {
      int channel[V];
      channels_of(at, slice, channel);
#pragma unroll
      for (int k = 0; k < V; ++k) mine[k] = values[channel[k]];
      first = false;
    }
    const Accesses<1> accesses = {{at.offset}, {at.valid}, at.valid == ALL_VALID<V>};
    visit(accesses, at.index, mine);
  }
}

// Applies the coefficients of the group's channels to the tile. OUTPUT is what becomes of the output.
template <Cache OUTPUT, int V, int ALIGN, class Op>
__device__ inline void apply_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                  const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                  const typename Op::Coefficients *coefficients) {
  visit_tile(
      params, slice, coefficients,
      [&](const Accesses<1> &accesses, int index, const typename Op::Coefficients(&mine)[V]) {
        Pack<typename Op::Element, V> in[Op::INPUTS][1];
#pragma unroll
        for (int input = 0; input < Op::INPUTS; ++input) in[input][0] = tile.input(input)[index];
        apply_packs<OUTPUT>(op, accesses, in, mine);
      });
}

// Fused backward: what fuse_tile needs, in the place of the group's coefficients.
template <int V, int ALIGN, class Op>
__device__ inline void load_preactivation_coefficients(const BlockSlice<V, ALIGN> &slice,
                                                       const Op &op,
                                                       typename Op::Coefficients *coefficients) {
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    for (int i = static_cast<int>(threadIdx.x); i < slice.channels; i += RESIDENT_THREADS)
      coefficients[i] = op.preactivation_coefficients(slice.channel0 + i);
    __syncthreads();
  }
}

// Fused backward: dy becomes dp in the tile.
template <int V, int ALIGN, class Op>
__device__ inline void fuse_tile(const TileParams &params, const BlockSlice<V, ALIGN> &slice,
                                 const Op &op, const SmemTile<typename Op::Element, V> &tile,
                                 const typename Op::Coefficients *coefficients) {
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    visit_tile(
        params, slice, coefficients,
        [&](const Accesses<1> &accesses, int index, const typename Op::Coefficients(&mine)[V]) {
          Pack<typename Op::Element, V> in[2][1] = {{tile.input(0)[index]}, {tile.input(1)[index]}};
          fuse_inputs<Cache::STREAMING>(op, accesses, in, mine);
          tile.input(1)[index] = in[1][0];
        });
    __syncthreads();
  }
}

}  // namespace cubn
