// Pivots of the sums over a chunk, which are the first values of its channels.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/vector_access.cuh"

namespace cubn {

// The first value of a channel of a chunk.
template <class Iterator, class Op>
__device__ inline typename Op::Element first_of_chunk(const Iterator &iterator, const Op &op,
                                                      int64_t unit, unsigned chunk, int channel) {
  return load_pack<Cache::KEEP, 1>(op.inputs[0] + iterator.first_value(unit, chunk, channel)).v[0];
}

// The first values of the thread's channels of a chunk; channel_of(w) is channel w. Those of
// columns that are not folded are a vector.
template <class Iterator, class Op, class ChannelOf>
__device__ inline void load_firsts(const Iterator &iterator, const Op &op, int64_t unit,
                                   unsigned chunk, const ChannelOf &channel_of,
                                   Pack<typename Op::Element, Iterator::CHANNELS> (&firsts)[1]) {
  constexpr int W = Iterator::CHANNELS;
  if constexpr (Iterator::FOLDS) {
#pragma unroll
    for (int w = 0; w < W; ++w)
      firsts[0].v[w] = first_of_chunk(iterator, op, unit, chunk, channel_of(w));
  } else {
    const int64_t offset = iterator.first_value(unit, chunk, channel_of(0));
    firsts[0] = load_pack<Cache::KEEP, W>(op.inputs[0] + offset);
  }
}

// The pivot of the sums over a channel of a chunk: the chunk's first value of the channel.
template <class Iterator, class Op>
__device__ inline double pivot_at(const Iterator &iterator, const Op &op, int64_t unit,
                                  unsigned chunk, int channel) {
  return Op::pivot_of(to_compute(first_of_chunk(iterator, op, unit, chunk, channel)));
}

// The pivot of the partial results of all chunks: the channel's first value. Without a pivot each
// mean would be rounded to a double, which is too inexact for f64 tensors far from zero.
template <class Iterator, class Op>
__device__ inline double common_pivot(const Iterator &iterator, const Op &op, int64_t unit,
                                      int channel) {
  return pivot_at(iterator, op, unit, 0, channel);
}

}  // namespace cubn
