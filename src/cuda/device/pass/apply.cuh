// The second pass: coefficients of the channels of a unit, applied to the elements of a chunk.
#pragma once
#include "cuda/device/layout/batch.cuh"
#include "cuda/tuning.h"

namespace cubn {

// Loads the inputs of a batch, those that the output depends on; the others are 0.
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

// Fused backward: the inputs become x and dp. lines[i % W].line() gives the pre-activation of element
// i of a vector. CACHE is for what is read beside them.
template <Cache CACHE, class Op, class Lines, int V, int U, int W>
__device__ inline void fuse_inputs(const Op &op, const Accesses<U> &accesses,
                                   Pack<typename Op::Element, V> (&in)[Op::INPUTS][U],
                                   const Lines (&lines)[W]) {
  if constexpr (Op::FUSED && Op::INPUTS == 2)
    op.template to_gradients<CACHE, V>(accesses, in, [&](int i) { return lines[i % W].affine(); });
}

// Writes the output of a batch whose inputs have been read; reads the prior output if that has
// weight. Element i of a vector has coefficients k[i % W].
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

template <Cache OUTPUT, class Op, int V, int U, int W>
__device__ inline void apply_packs(const Op &op, const Accesses<U> &accesses,
                                   const Pack<typename Op::Element, V> (&in)[Op::INPUTS][U],
                                   const typename Op::Coefficients (&k)[W]) {
  if constexpr (Op::FUSED)
    op.template apply_batch<OUTPUT, V>(accesses, in, k);
  else
    apply_plain<OUTPUT>(op, accesses, in, k);
}

// op.coefficients(channel) gives the channel's coefficients. OUTPUT is what becomes of the output.
template <Cache OUTPUT, class Iterator, class Op>
__device__ inline void apply_chunk(const Iterator &iterator, const Op &op, int64_t unit,
                                   unsigned chunk) {
  using Coefficients = typename Op::Coefficients;
  constexpr int U = APPLY_BATCH<Op::FUSED, Op::INPUTS, Iterator::VECTOR>;
  CUBN_SHARED(Coefficients, coefficients, [Iterator::UNIT_CHANNELS_MAX]);
  const int channels = iterator.unit_channels(unit);
  for (int i = static_cast<int>(threadIdx.x); i < channels; i += PASS_THREADS)
    coefficients[i] = op.coefficients(iterator.first_channel(unit) + i);
  __syncthreads();
  typename Iterator::Cursor at = iterator.begin(unit, chunk);
  if (iterator.done(at)) return;
  Coefficients mine[Iterator::CHANNELS];
#pragma unroll
  for (int w = 0; w < Iterator::CHANNELS; ++w) mine[w] = coefficients[iterator.channel_of(at, w)];
  while (!iterator.done(at)) {
    Accesses<U> accesses;
    accesses.take(iterator, at);
    Pack<typename Op::Element, Iterator::VECTOR> in[Op::INPUTS][U];
    load_inputs(op, accesses, in);
    fuse_inputs<Cache::STREAMING>(op, accesses, in, mine);
    apply_packs<OUTPUT>(op, accesses, in, mine);
  }
}

}  // namespace cubn
