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

// Loads the inputs of a batch that the output depends on. The others are 0. Loads of an input do
// not wait for those of another.
template <class Op, int V, int U, bool SPLITS>
__device__ inline void load_inputs(const Op &op, const Accesses<U, SPLITS> &accesses,
                                   Pack<typename Op::Element, V> (&in)[Op::INPUTS][U]) {
#pragma unroll
  for (int input = 0; input < Op::INPUTS; ++input)
#pragma unroll
    for (int u = 0; u < U; ++u) in[input][u] = {};
  if (accesses.whole) {
#pragma unroll
    for (int input = Op::INPUTS - 1; input >= 0; --input)
      if (op.reads(input)) load_whole<Cache::STREAMING>(in[input], op.inputs[input], accesses);
  } else {
#pragma unroll
    for (int input = Op::INPUTS - 1; input >= 0; --input)
      if (op.reads(input)) load_partial<Cache::STREAMING>(in[input], op.inputs[input], accesses);
  }
#pragma unroll
  for (int input = 0; input < Op::INPUTS; ++input) keep_words(in[input]);
}

// Backward with an epilogue: replaces dy, the second input, by dp. channels[i % W].affine() gives p
// of element i of a vector. CACHE is the hint for what is loaded besides the inputs.
template <Cache CACHE, class Op, class Channel, int V, int U, bool SPLITS, int W>
__device__ inline void differentiate_inputs(const Op &op, const Accesses<U, SPLITS> &accesses,
                                            Pack<typename Op::Element, V> (&in)[Op::INPUTS][U],
                                            const Channel (&channels)[W]) {
  if constexpr (Op::FUSED && Op::INPUTS == 2)
    op.template differentiate_batch<CACHE, V>(accesses, in,
                                              [&](int i) { return channels[i % W].affine(); });
}

// Writes the output of a batch whose inputs have been loaded. Element i of a vector has the
// coefficients k[i % W].
template <Cache OUTPUT, bool BLENDS, class Op, int V, int U, bool SPLITS, int W>
__device__ inline void apply_plain(const Op &op, const Accesses<U, SPLITS> &accesses,
                                   const Pack<typename Op::Element, V> (&in)[Op::INPUTS][U],
                                   const typename Op::Coefficients (&k)[W]) {
  using T = typename Op::Element;
  using Real = typename Op::Real;
  Pack<T, V> out[U];
#pragma unroll
  for (int u = 0; u < U; ++u) {
    Real results[V];
#pragma unroll
    for (int i = 0; i < V; ++i) {
      Real value[Op::INPUTS];
#pragma unroll
      for (int input = 0; input < Op::INPUTS; ++input) value[input] = to_compute(in[input][u].v[i]);
      results[i] = Op::apply(k[i % W], value);
    }
    blend_results<BLENDS, SPLITS>(op.beta, op.output, accesses.access(u), results);
    out[u] = round_results<T>(results);
  }
  store_accesses<OUTPUT>(op.output, out, accesses);
}

// Writes all outputs of a batch whose inputs have been loaded. BLENDS may be false if beta is 0.
template <Cache OUTPUT, bool BLENDS = true, class Op, int V, int U, bool SPLITS, int W>
__device__ inline void apply_packs(const Op &op, const Accesses<U, SPLITS> &accesses,
                                   const Pack<typename Op::Element, V> (&in)[Op::INPUTS][U],
                                   const typename Op::Coefficients (&k)[W]) {
  if constexpr (Op::FUSED)
    op.template apply_batch<OUTPUT, BLENDS, V>(accesses, in, k);
  else
    apply_plain<OUTPUT, BLENDS>(op, accesses, in, k);
}

// Applies op.coefficients(channel) to the elements of a chunk. The first batch is loaded before
// wait() is called, after which the coefficients are complete: the inputs are, all along. Plain
// operations have a fast path for batches of whole vectors that are not blended. OUTPUT is the hint
// for the output. BLOCKS are co-resident on an SM. Every thread of the block must call it.
template <Cache OUTPUT, int BLOCKS, class Iterator, class Op, class Wait>
__device__ inline void apply_chunk(const Iterator &iterator, const Op &op, int64_t unit,
                                   unsigned chunk, const Wait &wait) {
  using Coefficients = typename Op::Coefficients;
  constexpr int V = Iterator::VECTOR, W = Iterator::CHANNELS;
  constexpr int U = APPLY_VECTORS<BLOCKS, Op::FUSED, Op::INPUTS, V>;
  CUBN_SHARED(Coefficients, coefficients, [Iterator::UNIT_CHANNELS_MAX]);
  const bool blends = op.beta != typename Op::Real(0);
  Coefficients k[W] = {};
  typename Iterator::Cursor cursor = iterator.begin(unit, chunk);
  bool first = true;
#pragma unroll 1
  do {
    const typename Iterator::Cursor current = cursor;
    Accesses<U, Iterator::SPLITS> accesses;
    accesses.next(iterator, cursor);
    Pack<typename Op::Element, V> in[Op::INPUTS][U];
    load_inputs(op, accesses, in);
    if (first) {
      first = false;
      wait();
      const int channels = iterator.unit_channels(unit);
      for (int i = static_cast<int>(threadIdx.x); i < channels; i += PASS_THREADS) {
        // A value of its own: what a function returns right into memory is no access that gcc
        // traces.
        const Coefficients own = op.coefficients(iterator.first_channel(unit) + i);
        coefficients[i] = own;
      }
      __syncthreads();
      if (iterator.done(current)) return;
#pragma unroll
      for (int w = 0; w < W; ++w) k[w] = coefficients[iterator.channel_of(current, w)];
    }
    differentiate_inputs<Cache::STREAMING>(op, accesses, in, k);
    if (!Op::FUSED && accesses.whole && !blends) {
      accesses.template set_whole<ALL_VALID<V>>();
      apply_packs<OUTPUT, false>(op, accesses, in, k);
    } else {
      apply_packs<OUTPUT>(op, accesses, in, k);
    }
  } while (!iterator.done(cursor));
}

}  // namespace cubn
