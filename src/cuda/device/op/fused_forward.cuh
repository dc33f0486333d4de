// Forward with something behind the normalization: y = alpha * activation(p [+ z]) + beta * y, and
// what backward needs to know of p.
#pragma once
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
  const T *z;     // or NULL
  T *input;       // takes p, or NULL
  MaskRows mask;  // takes whether p passes, or without bytes
  Real factor_of_y;

  const T *addend() const { return z; }

  // Writes everything of a batch whose x has been read. Element i of a vector has line k[i % W].
  // All threads of a granule call it together.
  template <Cache OUTPUT, int V, int U, int W>
  __device__ void apply_batch(const Accesses<U> &accesses, const Pack<T, V> (&in)[1][U],
                              const Coefficients (&k)[W]) const {
    const bool blends = this->beta != Real(0);
    Pack<T, V> addend[U], out[U];
    if (z) load_accesses<Cache::STREAMING>(addend, z, accesses);
    if (blends) load_accesses<Cache::STREAMING>(out, this->output, accesses);
#pragma unroll
    for (int u = 0; u < U; ++u) {
      Real p[V];
#pragma unroll
      for (int i = 0; i < V; ++i) {
        p[i] = pre_activation(k[i % W], to_compute(in[0][u].v[i]));
        if (z) p[i] += to_compute(addend[u].v[i]);
      }
      if (mask.bytes) write_mask<V>(mask, accesses.item(u), passing<V>(p));
      if (input) addend[u] = pack_of<V>(p);
      activate<T>(activation, p);
#pragma unroll
      for (int i = 0; i < V; ++i) {
        Real result = factor_of_y * p[i];
        if (blends) result = multiply_add(this->beta, to_compute(out[u].v[i]), result);
        out[u].v[i] = from_compute<T>(result);
      }
    }
    if (input) store_accesses<Cache::STREAMING>(input, addend, accesses);
    store_accesses<OUTPUT>(this->output, out, accesses);
  }

 private:
  template <int V>
  __device__ static Pack<T, V> pack_of(const Real (&p)[V]) {
    Pack<T, V> pack;
#pragma unroll
    for (int i = 0; i < V; ++i) pack.v[i] = from_compute<T>(p[i]);
    return pack;
  }
  template <int V>
  __device__ unsigned passing(const Real (&p)[V]) const {
    unsigned bits = 0;
#pragma unroll
    for (int i = 0; i < V; ++i)
      bits |= static_cast<unsigned>(passes(activation, rounded<T>(p[i]))) << i;
    return bits;
  }
};

}  // namespace cubn
