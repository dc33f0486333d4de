// Backward with an epilogue, or with given statistics or sums. It replaces dy by the gradient of
// the pre-activation, dp = dy * activation'(p), rounded to the type of the tensors so that it is
// the same wherever it is computed; dz = dp.
//
// activation'(p) comes from what forward left in the reserve space: a mask, p itself, or, if p can
// be recomputed, the low parts of the means or nothing.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/batch.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/device/op/backward.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/mask.cuh"

namespace cubn {

template <class Real>
struct FusedBackwardCoefficients : BackwardCoefficients<Real> {
  Real preact_gain, preact_shift;  // Those of p; the center is that of dx.

  __device__ Affine<Real> affine() const { return {this->center, preact_gain, preact_shift}; }
};

template <class T>
struct FusedBackward : Backward<T> {
  using Element = T;
  using Real = Compute<T>;
  using Coefficients = FusedBackwardCoefficients<Real>;
  static constexpr bool FUSED = true;
  Activation<Real> activation;
  bool recomputes;              // p is recomputed from x.
  bool is_frozen;               // The statistics are constants.
  bool has_sums;                // dscale and dbias are inputs.
  const Real *var;              // If not NULL, it replaces saved_inv_std.
  const Real *bias;             // If NULL, 0.
  const Real *preact_mean_low;  // The low parts of the means in p; if NULL, 0.
  const T *preact;              // p as forward stored it; may be NULL.
  MaskRows mask;                // Where p passed; without bytes if forward left no mask.
  T *dz;                        // May be NULL.

  // The tensor that is accessed besides inputs, output and preact.
  const T *epilogue_tensor() const { return dz; }

  struct Sums : Backward<T>::Sums {
    Real preact_gain, preact_shift;

    __device__ Affine<Real> affine() const { return {this->center, preact_gain, preact_shift}; }
  };

  __device__ void move_to(int64_t batch) {
    Backward<T>::move_to(batch);
    if (preact_mean_low) preact_mean_low += batch * this->batches.reserved;
  }

  // Takes what preact_coefficients() has computed.
  __device__ static Sums begin(const Coefficients &k) {
    Sums sums = {};
    sums.center = k.center;
    sums.inv_std = k.inv_std;
    sums.preact_gain = k.preact_gain;
    sums.preact_shift = k.preact_shift;
    return sums;
  }

  template <bool DEFERS = false>
  __device__ void finalize(int64_t channel, const double *slot, double,
                           Coefficients *coefficients) const {
    BackwardCoefficients<Real> k = statistics(channel);
    if (is_frozen) {
      k.gain = this->gain_of(channel, static_cast<double>(k.inv_std));
      const double error = this->error_of(channel, static_cast<double>(k.inv_std));
      this->template write_sums<DEFERS>(channel, slot[1] - error * slot[0], slot[0]);
    } else {
      Backward<T>::template finalize<DEFERS>(channel, slot, 0.0, &k);
    }
    *coefficients = with_preact(channel, k);
  }

  // The coefficients if there are no sums over the channel, or if they are given.
  __device__ Coefficients given_coefficients(int64_t channel) const {
    BackwardCoefficients<Real> k = statistics(channel);
    k.gain = this->gain_of(channel, static_cast<double>(k.inv_std));
    if (has_sums && !is_frozen) {
      const double slope = this->slope_of(static_cast<double>(this->dscale[channel]),
                                          static_cast<double>(k.inv_std));
      const double error = this->error_of(channel, static_cast<double>(k.inv_std));
      k.slope = static_cast<Real>(slope);
      k.shift =
          static_cast<Real>(static_cast<double>(this->dbias[channel]) / this->m - error * slope);
    }
    return with_preact(channel, k);
  }

  // The coefficients as far as begin() and differentiate_batch() need them.
  __device__ Coefficients preact_coefficients(int64_t channel) const {
    return with_preact(channel, statistics(channel));
  }

  // Whether the second pass needs x (input 0) or dy (input 1).
  __device__ bool reads(int in) const {
    return in == 1 || recomputes || (this->output && !is_frozen);
  }

  // Replaces dy by dp. affine(i) gives p of element i of a vector. Elements that are not valid keep
  // dp = 0. CACHE is the hint for the stored p.
  template <Cache CACHE, int V, int U, bool SPLITS, class AffineOf>
  __device__ void differentiate_batch(const Accesses<U, SPLITS> &accesses, Pack<T, V> (&in)[2][U],
                                      const AffineOf &affine) const {
    if (activation.is_identity) return;
    if (mask.bytes) {
      mask_gradients(accesses, in[1]);
      return;
    }
    Pack<T, V> stored[U];
    if (preact) load_accesses<CACHE>(stored, preact, accesses);
#pragma unroll
    for (int u = 0; u < U; ++u) {
      Real p[V], dp[V];
#pragma unroll
      for (int i = 0; i < V; ++i) {
        p[i] = preact ? to_compute(stored[u].v[i])
                      : pre_activation(affine(i), to_compute(in[0][u].v[i]));
        dp[i] = to_compute(in[1][u].v[i]);
      }
      differentiate<T>(activation, p, dp);
      if (accesses.whole || accesses.valid[u] == ALL_VALID<V>) {
        in[1][u] = round_results<T>(dp);
      } else if constexpr (SPLITS) {
#pragma unroll
        for (int i = 0; i < V; ++i)
          if (accesses.valid[u] >> i & 1) in[1][u].v[i] = from_compute<T>(dp[i]);
      }
    }
  }

  // Writes dz and dx of a batch of x and dp. Element i of a vector has coefficients k[i % W].
  template <Cache OUTPUT, bool BLENDS, int V, int U, bool SPLITS, int W>
  __device__ void apply_batch(const Accesses<U, SPLITS> &accesses, const Pack<T, V> (&in)[2][U],
                              const Coefficients (&k)[W]) const {
    if (dz) store_accesses<OUTPUT>(dz, in[1], accesses);
    if (!this->output) return;
    Pack<T, V> out[U];
#pragma unroll
    for (int u = 0; u < U; ++u) {
      Real results[V];
#pragma unroll
      for (int i = 0; i < V; ++i) {
        const Real value[2] = {to_compute(in[0][u].v[i]), to_compute(in[1][u].v[i])};
        results[i] = is_frozen ? value[1] * k[i % W].gain : Backward<T>::apply(k[i % W], value);
      }
      blend_results<BLENDS, SPLITS>(this->beta, this->output, accesses.access(u), results);
      out[u] = round_results<T>(results);
    }
    store_accesses<OUTPUT>(this->output, out, accesses);
  }

 private:
  // The center and inv_std of a channel; the other coefficients are 0. All are 0 if nothing needs
  // statistics.
  __device__ BackwardCoefficients<Real> statistics(int64_t channel) const {
    if (!this->saved_mean) return {};
    const Real inv_std = var ? round_coefficient<Real>(cubn_inverse_deviation(
                                   &this->normalizer, static_cast<double>(var[channel])))
                             : this->inverse_of(channel);
    return {this->center_of(channel), inv_std, Real(0), Real(0), Real(0)};
  }
  __device__ Affine<Real> preact_affine(int64_t channel,
                                        const BackwardCoefficients<Real> &k) const {
    if (!recomputes) return {};
    const ScaleBias<Real> params =
        scale_and_bias(this->scale, bias, channel, this->renormalization_of(channel));
    return make_affine(k.center, preact_mean_low ? preact_mean_low[channel] : Real(0), k.inv_std,
                       params.scale, params.bias);
  }
  __device__ Coefficients with_preact(int64_t channel, const BackwardCoefficients<Real> &k) const {
    const Affine<Real> affine = preact_affine(channel, k);
    Coefficients result;
    static_cast<BackwardCoefficients<Real> &>(result) = k;
    result.preact_gain = affine.gain;
    result.preact_shift = affine.shift;
    return result;
  }

  // Replaces dy by dp according to the mask.
  template <int V, int U, bool SPLITS>
  __device__ void mask_gradients(const Accesses<U, SPLITS> &accesses, Pack<T, V> (&dy)[U]) const {
    unsigned bits[U];
    load_masks<V>(mask, accesses, bits);
#pragma unroll
    for (int u = 0; u < U; ++u)
#pragma unroll
      for (int i = 0; i < V; ++i)
        if (!(bits[u] >> i & 1))
          dy[u].v[i] = from_compute<T>(blocked_gradient(activation, to_compute(dy[u].v[i])));
  }
};

}  // namespace cubn
