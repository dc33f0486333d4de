// Batches: the U vectors of each tensor that a thread moves at a time.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"

namespace cubn {

// The accesses of a batch: offsets and valid masks of U vectors. SPLITS says that of a vector some
// elements may be valid and others not; if that cannot be, there is no code for single elements.
template <int U, bool SPLITS = true>
struct Accesses {
  int64_t offset[U];
  unsigned valid[U];
  bool whole;  // All elements of all vectors are valid.

  // Gets the next U vectors of the thread, and advances the cursor.
  template <class Iterator>
  __device__ void next(const Iterator &iterator, typename Iterator::Cursor &cursor) {
    whole = true;
#pragma unroll
    for (int u = 0; u < U; ++u) {
      const Access access = iterator.access(cursor);
      iterator.advance(cursor);
      offset[u] = access.offset;
      valid[u] = access.valid;
      whole = whole && access.valid == ALL_VALID<Iterator::VECTOR>;
    }
  }
  // Tells the compiler what its caller knows: that all elements are valid.
  template <unsigned ALL>
  __device__ void set_whole() {
    whole = true;
#pragma unroll
    for (int u = 0; u < U; ++u) valid[u] = ALL;
  }
  __device__ Access access(int u) const {
    return {offset[u], valid[u]};
  }
};

// Loads the whole vectors of a batch.
template <Cache CACHE, class T, int V, int U, bool SPLITS>
__device__ inline void load_whole(Pack<T, V> (&packs)[U], const T *tensor,
                                  const Accesses<U, SPLITS> &accesses) {
#pragma unroll
  for (int u = 0; u < U; ++u) packs[u] = load_pack<CACHE, V>(tensor + accesses.offset[u]);
}

// Loads a batch of which not all elements are valid. Those that are not become 0.
template <Cache CACHE, class T, int V, int U, bool SPLITS>
__device__ inline void load_partial(Pack<T, V> (&packs)[U], const T *tensor,
                                    const Accesses<U, SPLITS> &accesses) {
#pragma unroll
  for (int u = 0; u < U; ++u) {
    if (accesses.valid[u] == ALL_VALID<V>) {
      packs[u] = load_pack<CACHE, V>(tensor + accesses.offset[u]);
    } else if constexpr (!SPLITS) {
      packs[u] = {};
    } else {
#pragma unroll
      for (int k = 0; k < V; ++k)
        packs[u].v[k] = accesses.valid[u] >> k & 1
                            ? load_pack<CACHE, 1>(tensor + accesses.offset[u] + k).v[0]
                            : from_compute<T>(0);
    }
  }
}

// Loads a batch. Elements that are not valid become 0.
template <Cache CACHE, class T, int V, int U, bool SPLITS>
__device__ inline void load_accesses(Pack<T, V> (&packs)[U], const T *tensor,
                                     const Accesses<U, SPLITS> &accesses) {
  if (accesses.whole)
    load_whole<CACHE>(packs, tensor, accesses);
  else
    load_partial<CACHE>(packs, tensor, accesses);
  keep_words(packs);
}

// Rounds the results of a vector to the type of the tensors.
template <class T, int V>
__device__ inline Pack<T, V> round_results(const Compute<T> (&results)[V]) {
  Pack<T, V> pack;
  if constexpr (V == 1) {
    pack.v[0] = from_compute<T>(results[0]);
  } else {
#pragma unroll
    for (int i = 0; i < V; i += 2) round_pair<T>(results[i], results[i + 1], pack.v + i);
  }
  return pack;
}

// Adds beta times the prior output to the results of a vector, unless beta is 0. All threads take
// the same branch. BLENDS is false if it is known when compiling that beta is 0.
template <bool BLENDS, bool SPLITS, class T, int V>
__device__ inline void blend_results(Compute<T> beta, const T *output, const Access &access,
                                     Compute<T> (&results)[V]) {
  if (!BLENDS || beta == Compute<T>(0)) return;
  const T *const from = output + access.offset;
  if (access.valid == ALL_VALID<V>) {
    const Pack<T, V> prior = load_pack<Cache::STREAMING, V>(from);
#pragma unroll
    for (int i = 0; i < V; ++i) results[i] = multiply_add(beta, to_compute(prior.v[i]), results[i]);
    return;
  }
  if constexpr (SPLITS) {
#pragma unroll
    for (int i = 0; i < V; ++i)
      if (access.valid >> i & 1) {
        const T prior = load_pack<Cache::STREAMING, 1>(from + i).v[0];
        results[i] = multiply_add(beta, to_compute(prior), results[i]);
      }
  }
}

// Stores the valid elements of a batch.
template <Cache CACHE, class T, int V, int U, bool SPLITS>
__device__ inline void store_accesses(T *tensor, const Pack<T, V> (&packs)[U],
                                      const Accesses<U, SPLITS> &accesses) {
#pragma unroll
  for (int u = 0; u < U; ++u) {
    if (accesses.whole || accesses.valid[u] == ALL_VALID<V>) {
      store_pack<CACHE>(tensor + accesses.offset[u], packs[u]);
    } else if constexpr (SPLITS) {
#pragma unroll
      for (int k = 0; k < V; ++k)
        if (accesses.valid[u] >> k & 1)
          store_pack<CACHE>(tensor + accesses.offset[u] + k, Pack<T, 1>{{packs[u].v[k]}});
    }
  }
}

// A view of the values of one of the W channels of a batch. Value i of channel w is element i of
// the batch if W = 1, else element w of vector i.
template <class T, int INPUTS, int V, int U, int W, bool SPLITS = true>
struct ChannelView {
  static constexpr int COUNT = U * V / W;
  const Pack<T, V> (&packs)[INPUTS][U];
  const Accesses<U, SPLITS> &accesses;
  int w;

  __device__ static int vector(int i) { return W == 1 ? i / V : i; }
  __device__ int element(int i) const { return W == 1 ? i % V : w; }
  __device__ Compute<T> value(int input, int i) const {
    return to_compute(packs[input][vector(i)].v[element(i)]);
  }
  // WHOLE says at compile time that all elements are valid.
  template <bool WHOLE>
  __device__ bool valid(int i) const {
    return WHOLE || (accesses.valid[vector(i)] >> (SPLITS ? element(i) : 0) & 1);
  }
};

}  // namespace cubn
