// Forward with an epilogue: y = alpha * activation(p [+ z]) + beta * y, and what backward needs of
// p.
#pragma once
#include <cuda_runtime.h>

#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/batch.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/mask.cuh"

namespace cubn {

template <class T>
struct FusedForward : Forward<T> {
  using Element = T;
  using Real = Compute<T>;
  using Coefficients = typename Forward<T>::Coefficients;
  static constexpr bool FUSED = true;
  Activation<Real> activation;
  const T *z;     // May be NULL.
  T *preact;      // Receives p; may be NULL.
  MaskRows mask;  // Receives whether p passes; without bytes if backward needs no mask.
  Real output_alpha;

  // The tensor that is accessed besides inputs, output and preact.
  const T *epilogue_tensor() const { return z; }

  // Writes the outputs of a batch whose x has been loaded. Element i of a vector has coefficients
  // k[i % W]. All threads of a granule must call it together.
  template <Cache OUTPUT, bool BLENDS, int V, int U, bool SPLITS, int W>
  __device__ void apply_batch(const Accesses<U, SPLITS> &accesses, const Pack<T, V> (&in)[1][U],
                              const Coefficients (&k)[W]) const {
    Pack<T, V> z_then_p[U], out[U];  // One array for both saves registers.
    if (z) load_accesses<Cache::STREAMING>(z_then_p, z, accesses);
#pragma unroll
    for (int u = 0; u < U; ++u) {
      Real p[V];
#pragma unroll
      for (int i = 0; i < V; ++i) {
        p[i] = pre_activation(k[i % W], to_compute(in[0][u].v[i]));
        if (z) p[i] += to_compute(z_then_p[u].v[i]);
      }
      if (mask.bytes) store_mask<V>(mask, accesses.access(u), pass_bits<V>(p));
      if (preact) z_then_p[u] = round_results<T>(p);
      activate<T>(activation, p);
#pragma unroll
      for (int i = 0; i < V; ++i) p[i] *= output_alpha;
      blend_results<BLENDS, SPLITS>(this->beta, this->output, accesses.access(u), p);
      out[u] = round_results<T>(p);
    }
    if (preact) store_accesses<Cache::STREAMING>(preact, z_then_p, accesses);
    store_accesses<OUTPUT>(this->output, out, accesses);
  }

 private:
  template <int V>
  __device__ unsigned pass_bits(const Real (&p)[V]) const {
    unsigned bits = 0;
#pragma unroll
    for (int i = 0; i < V; ++i)
      bits |= static_cast<unsigned>(passes(activation, rounded<T>(p[i]))) << i;
    return bits;
  }
};

}  // namespace cubn
