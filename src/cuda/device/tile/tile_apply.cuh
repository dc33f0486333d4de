// The second pass over a held group, and what fused backward does before the first one.
#pragma once
#include "cuda/device/pass/apply.cuh"
#include "cuda/device/tile/tile.cuh"

namespace cubn {

// Channels of a vector's elements, counted from the group's first; those of elements before or
// behind the run do not matter, but exist.
template <int V, int ALIGN>
__device__ inline void channels_of(const TileCursor<V, ALIGN> &at, const Share<V, ALIGN> &share,
                                   int (&channel)[V]) {
  const int last = share.channels - 1, place = max(-at.low, 0);
  int current = share.channels == 1 ? 0 : min(place / share.span, last);
  int left = (current + 1) * share.span - place;
#pragma unroll
  for (int k = 0; k < V; ++k) {
    channel[k] = current;
    if (k >= at.low && --left == 0 && current < last) {
      ++current;
      left = share.span;
    }
  }
}

// Calls visit(items, index of the vector in an input's part of the tile, values of its channels) for
// all vectors of the thread.
template <int V, int ALIGN, class Value, class Visit>
__device__ inline void visit_held(const Hold &hold, const Share<V, ALIGN> &share,
                                  const Value *values, const Visit &visit) {
  Value mine[V] = {};
  bool first = true;
  for (TileCursor<V, ALIGN> at(hold, share); !at.done(share); at.advance(hold, share)) {
    if (first || !hold.fixed) {
      int channel[V];
      channels_of(at, share, channel);
#pragma unroll
      for (int k = 0; k < V; ++k) mine[k] = values[channel[k]];
      first = false;
    }
    const Items<1> items = {{at.offset}, {at.valid}, at.valid == ALL_VALID<V>};
    visit(items, at.index, mine);
  }
}

// Applies the coefficients of the group's channels to the tile. OUTPUT is what becomes of the output.
template <Cache OUTPUT, int V, int ALIGN, class Op>
__device__ inline void apply_held(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                  const HeldTile<typename Op::Element, V> &tile,
                                  const typename Op::Coefficients *coefficients) {
  visit_held(hold, share, coefficients,
             [&](const Items<1> &items, int index, const typename Op::Coefficients(&mine)[V]) {
               Pack<typename Op::Element, V> in[Op::INPUTS][1];
#pragma unroll
               for (int input = 0; input < Op::INPUTS; ++input)
                 in[input][0] = tile.input(input)[index];
               apply_packs<OUTPUT>(op, items, in, mine);
             });
}

// Fused backward: what fuse_tile needs, in the place of the group's coefficients.
template <int V, int ALIGN, class Op>
__device__ inline void fuse_lines(const Share<V, ALIGN> &share, const Op &op,
                                  typename Op::Coefficients *coefficients) {
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    for (int i = static_cast<int>(threadIdx.x); i < share.channels; i += RESIDENT_THREADS)
      coefficients[i] = op.line_coefficients(share.channel0 + i);
    __syncthreads();
  }
}

// Fused backward: dy becomes dp in the tile.
template <int V, int ALIGN, class Op>
__device__ inline void fuse_tile(const Hold &hold, const Share<V, ALIGN> &share, const Op &op,
                                 const HeldTile<typename Op::Element, V> &tile,
                                 const typename Op::Coefficients *coefficients) {
  if constexpr (Op::FUSED && Op::INPUTS == 2) {
    visit_held(
        hold, share, coefficients,
        [&](const Items<1> &items, int index, const typename Op::Coefficients(&mine)[V]) {
          Pack<typename Op::Element, V> in[2][1] = {{tile.input(0)[index]}, {tile.input(1)[index]}};
          fuse_inputs<Cache::STREAMING>(op, items, in, mine);
          tile.input(1)[index] = in[1][0];
        });
    __syncthreads();
  }
}

}  // namespace cubn
