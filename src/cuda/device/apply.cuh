// The second pass: coefficients of the channels of a unit, applied to the elements of a chunk.
#pragma once
#include "cuda/device/batch.cuh"
#include "cuda/tuning.h"

namespace cubn {

// One batch: reads it, and the prior output if that has weight, and writes the output.
template <class Walk, class Op, int U>
__device__ inline void apply_batch(const Op &op, const Items<U> &items,
                                   const typename Op::Coefficients (&k)[Walk::CHANNELS]) {
  using T = typename Op::Element;
  using Real = typename Op::Real;
  constexpr int V = Walk::VECTOR, W = Walk::CHANNELS;
  Pack<T, V> in[Op::INPUTS][U], out[U];
#pragma unroll
  for (int input = 0; input < Op::INPUTS; ++input)
    load_items<Cache::STREAMING>(in[input], op.inputs[input], items);
  const bool blends = op.beta != Real(0);
  if (blends) load_items<Cache::STREAMING>(out, op.output, items);
#pragma unroll
  for (int w = 0; w < W; ++w) {
    const Channel<T, V, U, W> channel = {w};
#pragma unroll
    for (int i = 0; i < channel.COUNT; ++i) {
      T &element = out[channel.vector(i)].v[channel.element(i)];
      Real value = Op::apply(k[w], in, channel, i);
      if (blends) value = multiply_add(op.beta, to_compute(element), value);
      element = from_compute<T>(value);
    }
  }
  store_items(op.output, out, items);
}

// op.coefficients(channel) gives the channel's coefficients.
template <class Walk, class Op>
__device__ inline void apply_chunk(const Walk &walk, const Op &op, int64_t unit, unsigned chunk) {
  using Coefficients = typename Op::Coefficients;
  CUBN_SHARED(Coefficients, coefficients, [Walk::UNIT_CHANNELS_MAX]);
  const int channels = walk.unit_channels(unit);
  for (int i = static_cast<int>(threadIdx.x); i < channels; i += PASS_THREADS)
    coefficients[i] = op.coefficients(walk.first_channel(unit) + i);
  __syncthreads();
  const Team team = walk.team(unit);
  Coefficients mine[Walk::CHANNELS];
#pragma unroll
  for (int w = 0; w < Walk::CHANNELS; ++w)
    mine[w] =
        team.rank < team.members ? coefficients[team.channel * Walk::CHANNELS + w] : Coefficients{};
  typename Walk::Cursor at = walk.begin(unit, chunk);
  while (!walk.done(at)) {
    Items<APPLY_VECTORS> items;
    items.take(walk, at);
    apply_batch<Walk, Op>(op, items, mine);
  }
}

}  // namespace cubn
