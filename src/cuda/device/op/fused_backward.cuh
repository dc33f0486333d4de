// Backward with something behind the normalization, or with given statistics or sums. What plain
// backward does with dy is done with dp = dy * activation'(p), rounded to the type of the tensors so
// that it is the same wherever it is computed; dz = dp.
//
// activation'(p) comes from what forward left: a mask, p itself, or nothing, where p is computed
// again.
#pragma once
#include "cuda/device/op/backward.cuh"
#include "cuda/device/op/mask.cuh"

namespace cubn {

template <class Real>
struct FusedBackwardCoefficients : BackwardCoefficients<Real> {
  Real preactivation_gain, preactivation_shift;  // of p

  __device__ Affine<Real> affine() const {
    return {this->center, preactivation_gain, preactivation_shift};
  }
};

template <class T>
struct FusedBackward : Backward<T> {
  using Element = T;
  using Real = Compute<T>;
  using Coefficients = FusedBackwardCoefficients<Real>;
  static constexpr bool FUSED = true;
  Activation<Real> activation;
  bool recomputes;    // p, from x
  bool is_frozen;     // the statistics are constants
  bool has_sums;      // dscale and dbias are inputs
  const Real *var;    // if not NULL, instead of saved_inv_std
  const Real *bias;   // or NULL: 0
  const Real *means;  // what rounding took from the means, or NULL: 0
  const T *input;     // p, or NULL
  MaskRows mask;      // where p passed, or without bytes
  T *dz;              // or NULL

  const T *addend() const { return dz; }

  struct Sums : Backward<T>::Sums {
    Real preactivation_gain, preactivation_shift;

    __device__ Affine<Real> affine() const {
      return {this->center, preactivation_gain, preactivation_shift};
    }
  };

  __device__ Sums begin(int64_t channel) const {
    const BackwardCoefficients<Real> at = statistics(channel);
    const Affine<Real> affine = preactivation_affine(channel, at);
    Sums sums = {};
    sums.center = at.center;
    sums.inv_std = at.inv_std;
    sums.preactivation_gain = affine.gain;
    sums.preactivation_shift = affine.shift;
    return sums;
  }

  __device__ void finalize(int64_t channel, const double *slot, Coefficients *coefficients) const {
    BackwardCoefficients<Real> k = statistics(channel);
    if (is_frozen) {
      k.gain = this->gain_of(channel, static_cast<double>(k.inv_std));
      this->write_sums(channel, slot[1], slot[0]);
    } else {
      Backward<T>::finalize(channel, slot, &k);
    }
    *coefficients = with_line(channel, k);
  }

  // Without sums over the channel, or with given ones.
  __device__ Coefficients given_coefficients(int64_t channel) const {
    BackwardCoefficients<Real> k = statistics(channel);
    k.gain = this->gain_of(channel, static_cast<double>(k.inv_std));
    if (has_sums && !is_frozen) {
      k.slope = static_cast<Real>(static_cast<double>(this->dscale[channel]) / this->m);
      k.shift = static_cast<Real>(static_cast<double>(this->dbias[channel]) / this->m);
    }
    return with_line(channel, k);
  }

  // What to_gradients() needs.
  __device__ Coefficients preactivation_coefficients(int64_t channel) const {
    return with_line(channel, statistics(channel));
  }

  // Whether the output needs x (0) or dy (1).
  __device__ bool reads(int in) const {
    return in == 1 || recomputes || (this->output && !is_frozen);
  }

  // Turns dy into dp. line(i) is that of element i of a vector. Elements that are not valid keep
  // dp = 0.
  template <Cache CACHE, int V, int U, class LineAt>
  __device__ void to_gradients(const Accesses<U> &accesses, Pack<T, V> (&in)[2][U],
                               const LineAt &affine) const {
    if (activation.is_identity) return;
    if (mask.bytes) {
      mask_gradients(accesses, in[1]);
      return;
    }
    Pack<T, V> stored[U];
    if (input) load_accesses<CACHE>(stored, input, accesses);
#pragma unroll
    for (int u = 0; u < U; ++u) {
      Real p[V], dp[V];
#pragma unroll
      for (int i = 0; i < V; ++i) {
        p[i] = input ? to_compute(stored[u].v[i])
                     : pre_activation(affine(i), to_compute(in[0][u].v[i]));
        dp[i] = to_compute(in[1][u].v[i]);
      }
      differentiate<T>(activation, p, dp);
#pragma unroll
      for (int i = 0; i < V; ++i)
        if (accesses.whole || (accesses.valid[u] >> i & 1)) in[1][u].v[i] = from_compute<T>(dp[i]);
    }
  }

  // Writes dz and dx of a batch of x and dp; element i of a vector has coefficients k[i % W].
  template <Cache OUTPUT, int V, int U, int W>
  __device__ void apply_batch(const Accesses<U> &accesses, const Pack<T, V> (&in)[2][U],
                              const Coefficients (&k)[W]) const {
    if (dz) store_accesses<OUTPUT>(dz, in[1], accesses);
    if (!this->output) return;
    const bool blends = this->beta != Real(0);
    Pack<T, V> out[U];
    if (blends) load_accesses<Cache::STREAMING>(out, this->output, accesses);
#pragma unroll
    for (int u = 0; u < U; ++u)
#pragma unroll
      for (int i = 0; i < V; ++i) {
        const Real value[2] = {to_compute(in[0][u].v[i]), to_compute(in[1][u].v[i])};
        Real result = is_frozen ? value[1] * k[i % W].gain : Backward<T>::apply(k[i % W], value);
        if (blends) result = multiply_add(this->beta, to_compute(out[u].v[i]), result);
        out[u].v[i] = from_compute<T>(result);
      }
    store_accesses<OUTPUT>(this->output, out, accesses);
  }

 private:
  // Center and inv_std; the rest is 0. All is 0 where nothing needs statistics.
  __device__ BackwardCoefficients<Real> statistics(int64_t channel) const {
    if (!this->saved_mean) return {};
    const int64_t i = channel - this->saved_channel0;
    const Real inv_std =
        var ? static_cast<Real>(inverse_std(static_cast<double>(var[i]), this->epsilon))
            : this->saved_inv_std[i];
    return {this->saved_mean[i], inv_std, Real(0), Real(0), Real(0)};
  }
  __device__ Affine<Real> preactivation_affine(int64_t channel,
                                               const BackwardCoefficients<Real> &k) const {
    if (!recomputes) return {};
    return make_affine(k.center, means ? means[channel] : Real(0), k.inv_std,
                       static_cast<Real>(parameter(this->scale, channel, 1.0)),
                       static_cast<Real>(parameter(bias, channel, 0.0)));
  }
  __device__ Coefficients with_line(int64_t channel, const BackwardCoefficients<Real> &k) const {
    const Affine<Real> affine = preactivation_affine(channel, k);
    Coefficients result;
    static_cast<BackwardCoefficients<Real> &>(result) = k;
    result.preactivation_gain = affine.gain;
    result.preactivation_shift = affine.shift;
    return result;
  }

  template <int V, int U>
  __device__ void mask_gradients(const Accesses<U> &accesses, Pack<T, V> (&dy)[U]) const {
    unsigned bits[U];
    read_masks<V>(mask, accesses, bits);
#pragma unroll
    for (int u = 0; u < U; ++u)
#pragma unroll
      for (int i = 0; i < V; ++i)
        if (!(bits[u] >> i & 1))
          dy[u].v[i] = from_compute<T>(blocked(activation, to_compute(dy[u].v[i])));
  }
};

}  // namespace cubn
