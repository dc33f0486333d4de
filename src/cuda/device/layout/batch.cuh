// Batches: the U vectors of each tensor that a thread moves at a time.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"

namespace cubn {

// The accesses of a batch: offsets and valid masks of U vectors.
template <int U>
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
  __device__ Access access(int u) const {
    return {offset[u], valid[u]};
  }
};

// Loads a batch. Elements that are not valid become 0.
template <Cache CACHE, class T, int V, int U>
__device__ inline void load_accesses(Pack<T, V> (&packs)[U], const T *tensor,
                                     const Accesses<U> &accesses) {
  if (accesses.whole) {
#pragma unroll
    for (int u = 0; u < U; ++u) packs[u] = load_pack<CACHE, V>(tensor + accesses.offset[u]);
    return;
  }
#pragma unroll
  for (int u = 0; u < U; ++u) {
    if (accesses.valid[u] == ALL_VALID<V>) {
      packs[u] = load_pack<CACHE, V>(tensor + accesses.offset[u]);
    } else {
#pragma unroll
      for (int k = 0; k < V; ++k)
        packs[u].v[k] = accesses.valid[u] >> k & 1
                            ? load_pack<CACHE, 1>(tensor + accesses.offset[u] + k).v[0]
                            : from_compute<T>(0);
    }
  }
}

// Stores the valid elements of a batch.
template <Cache CACHE, class T, int V, int U>
__device__ inline void store_accesses(T *tensor, const Pack<T, V> (&packs)[U],
                                      const Accesses<U> &accesses) {
#pragma unroll
  for (int u = 0; u < U; ++u) {
    if (accesses.whole || accesses.valid[u] == ALL_VALID<V>) {
      store_pack<CACHE>(tensor + accesses.offset[u], packs[u]);
    } else {
#pragma unroll
      for (int k = 0; k < V; ++k)
        if (accesses.valid[u] >> k & 1)
          store_pack<CACHE>(tensor + accesses.offset[u] + k, Pack<T, 1>{{packs[u].v[k]}});
    }
  }
}

// A view of the values of one of the W channels of a batch. Value i of channel w is element i of
// the batch if W = 1, else element w of vector i.
template <class T, int INPUTS, int V, int U, int W>
struct ChannelView {
  static constexpr int COUNT = U * V / W;
  const Pack<T, V> (&packs)[INPUTS][U];
  const Accesses<U> &accesses;
  int w;

  __device__ static int vector(int i) { return W == 1 ? i / V : i; }
  __device__ int element(int i) const { return W == 1 ? i % V : w; }
  __device__ Compute<T> value(int input, int i) const {
    return to_compute(packs[input][vector(i)].v[element(i)]);
  }
  // WHOLE says at compile time that all elements are valid.
  template <bool WHOLE>
  __device__ bool valid(int i) const {
    return WHOLE || (accesses.valid[vector(i)] >> element(i) & 1);
  }
};

}  // namespace cubn
