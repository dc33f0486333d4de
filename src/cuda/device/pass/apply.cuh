// The second pass: it applies the coefficients of a unit's channels to the elements of a chunk.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/common/tuning.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/shared_memory.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/batch.cuh"

namespace cubn {

// Loads the inputs of a batch that the output depends on. The others are 0.
template <class Op, int V, int U>
__device__ inline void load_inputs(const Op &op, const Accesses<U> &accesses,
                                   Pack<typename Op::Element, V> (&in)[Op::INPUTS][U]) {
#pragma unroll
  for (int input = 0; input < Op::INPUTS; ++input) {
    if (op.reads(input)) {
      load_accesses<Cache::STREAMING>(in[input], op.inputs[input], accesses);
      continue;
    }
#pragma unroll
    for (int u = 0; u < U; ++u) in[input][u] = {};
  }
}

// Backward with an epilogue: replaces dy, the second input, by dp. channels[i % W].affine() gives p
// of element i of a vector. CACHE is the hint for what is loaded besides the inputs.
template <Cache CACHE, class Op, class Channel, int V, int U, int W>
__device__ inline void differentiate_inputs(const Op &op, const Accesses<U> &accesses,
                                            Pack<typename Op::Element, V> (&in)[Op::INPUTS][U],
                                            const Channel (&channels)[W]) {
  if constexpr (Op::FUSED && Op::INPUTS == 2)
    op.template differentiate_batch<CACHE, V>(accesses, in,
                                              [&](int i) { return channels[i % W].affine(); });
}

// Writes the output of a batch whose inputs have been loaded. If it blends, it loads the prior
// output. Element i of a vector has coefficients k[i % W].
template <Cache OUTPUT, class Op, int V, int U, int W>
__device__ inline void apply_plain(const Op &op, const Accesses<U> &accesses,
                                   const Pack<typename Op::Element, V> (&in)[Op::INPUTS][U],
                                   const typename Op::Coefficients (&k)[W]) {
  using Real = typename Op::Real;
  Pack<typename Op::Element, V> out[U];
  const bool blends = op.beta != Real(0);
  if (blends) load_accesses<Cache::STREAMING>(out, op.output, accesses);
#pragma unroll
  for (int u = 0; u < U; ++u)
#pragma unroll
    for (int i = 0; i < V; ++i) {
      Real value[Op::INPUTS];
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input) value[input] = to_compute(in[input][u].v[i]);
      Real result = Op::apply(k[i % W], value);
      if (blends) result = multiply_add(op.beta, to_compute(out[u].v[i]), result);
      out[u].v[i] = from_compute<typename Op::Element>(result);
    }
  store_accesses<OUTPUT>(op.output, out, accesses);
}

// Writes all outputs of a batch whose inputs have been loaded.
template <Cache OUTPUT, class Op, int V, int U, int W>
__device__ inline void apply_packs(const Op &op, const Accesses<U> &accesses,
                                   const Pack<typename Op::Element, V> (&in)[Op::INPUTS][U],
                                   const typename Op::Coefficients (&k)[W]) {
  if constexpr (Op::FUSED)
    op.template apply_batch<OUTPUT, V>(accesses, in, k);
  else
    apply_plain<OUTPUT>(op, accesses, in, k);
}

// Applies op.coefficients(channel) to the elements of a chunk. OUTPUT is the hint for the output.
template <Cache OUTPUT, class Iterator, class Op>
__device__ inline void apply_chunk(const Iterator &iterator, const Op &op, int64_t unit,
                                   unsigned chunk) {
  using Coefficients = typename Op::Coefficients;
  constexpr int U = APPLY_BATCH<Op::FUSED, Op::INPUTS, Iterator::VECTOR>;
  CUBN_SHARED(Coefficients, coefficients, [Iterator::UNIT_CHANNELS_MAX]);
  const int channels = iterator.unit_channels(unit);
  for (int i = static_cast<int>(threadIdx.x); i < channels; i += PASS_THREADS) {
    // A value of its own: what a function returns right into memory is no access that gcc traces.
    const Coefficients own = op.coefficients(iterator.first_channel(unit) + i);
    coefficients[i] = own;
  }
  __syncthreads();
  typename Iterator::Cursor cursor = iterator.begin(unit, chunk);
  if (iterator.done(cursor)) return;
  Coefficients k[Iterator::CHANNELS];
#pragma unroll
  for (int w = 0; w < Iterator::CHANNELS; ++w) k[w] = coefficients[iterator.channel_of(cursor, w)];
  while (!iterator.done(cursor)) {
    Accesses<U> accesses;
    accesses.next(iterator, cursor);
    Pack<typename Op::Element, Iterator::VECTOR> in[Op::INPUTS][U];
    load_inputs(op, accesses, in);
    differentiate_inputs<Cache::STREAMING>(op, accesses, in, k);
    apply_packs<OUTPUT>(op, accesses, in, k);
  }
}

}  // namespace cubn
