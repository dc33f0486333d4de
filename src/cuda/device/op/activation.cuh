// The pre-activation p, the activations, and their derivatives.
//
// Forward and backward compute p by the same operations, so that backward decides as forward did.
// The accurate versions of the math functions are used: an activation costs about as much as moving
// its element, not more.
#pragma once
#include <cuda_runtime.h>

#include <cfloat>
#include <cmath>
#include <limits>

#include "core/backend.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/smooth_activation.cuh"

namespace cubn {

// The map from x to the pre-activation: p = (x - center) * gain + shift.
template <class Real>
struct Affine {
  Real center, gain, shift;
};

// Limits a coefficient of a channel to the finite numbers of Real: infinity would make NaN of the 0
// of a constant channel. Infinity and NaN among the parameters stay.
template <class Real>
__device__ inline double limit_coefficient(double value) {
  constexpr double most = sizeof(Real) == sizeof(float) ? FLT_MAX : DBL_MAX;
  const double size = fabs(value);
  return size > most && size - size == 0.0 ? copysign(most, value) : value;
}
template <class Real>
__device__ inline Real round_coefficient(double value) {
  return static_cast<Real>(limit_coefficient<Real>(value));
}

// The mean is center + mean_low: center is the mean rounded to Real. Each product with its sum is
// written as one fma, so that the compiler cannot choose how to round it.
template <class Real>
__device__ inline Affine<Real> make_affine(Real center, Real mean_low, Real inv_std, Real scale,
                                           Real bias) {
  const double gain =
      limit_coefficient<Real>(static_cast<double>(scale) * static_cast<double>(inv_std));
  return {center, round_coefficient<Real>(gain),
          static_cast<Real>(fma(-static_cast<double>(mean_low), gain, static_cast<double>(bias)))};
}

template <class Real>
__device__ inline Real pre_activation(const Affine<Real> &affine, Real x) {
  return multiply_add(x - affine.center, affine.gain, affine.shift);
}

// Rounds a value to the type T of the tensors.
template <class T>
__device__ inline Compute<T> rounded(Compute<T> value) {
  return to_compute(from_compute<T>(value));
}

template <class Real>
struct Activation {
  ActivationParams<Real> params;
  bool is_identity;
  bool has_slope;       // PIECEWISE: the value below 0 is slope * p, else 0.
  bool propagates_nan;  // PIECEWISE: NaN stays NaN.
  Real ceiling, top;    // PIECEWISE: p >= ceiling becomes top. A ceiling of NaN is never reached.
};

// The least number of type Real that is not below `value`. A number of type Real is at least
// `value` if and only if it is at least this number.
template <class Real>
Real round_up_to(double value) {
  const Real nearest = static_cast<Real>(value);
  return static_cast<double>(nearest) >= value
             ? nearest
             : std::nextafter(nearest, std::numeric_limits<Real>::infinity());
}

inline ActivationKind activation_kind(cubnActivationMode_t mode) {
  switch (mode) {
    case CUBN_ACTIVATION_ELU:
      return ActivationKind::ELU;
    case CUBN_ACTIVATION_SIGMOID:
      return ActivationKind::SIGMOID;
    case CUBN_ACTIVATION_TANH:
      return ActivationKind::TANH;
    case CUBN_ACTIVATION_SWISH:
      return ActivationKind::SWISH;
    case CUBN_ACTIVATION_GELU:
      return ActivationKind::GELU;
    default:
      return ActivationKind::PIECEWISE;
  }
}

template <class Real>
Activation<Real> make_activation(const cubn_activation &activation) {
  const cubnActivationMode_t mode = activation.mode;
  const bool clips = mode == CUBN_ACTIVATION_CLIPPED_RELU;
  Activation<Real> result = {};
  result.params.kind = activation_kind(mode);
  result.is_identity = mode == CUBN_ACTIVATION_IDENTITY;  // It is piecewise with slope 1.
  result.has_slope = result.is_identity || mode == CUBN_ACTIVATION_LEAKY_RELU;
  result.propagates_nan = result.has_slope || activation.propagates_nan;
  result.params.slope = result.is_identity ? Real(1) : static_cast<Real>(activation.coef);
  result.top = static_cast<Real>(activation.coef);
  result.ceiling =
      clips ? round_up_to<Real>(activation.coef) : std::numeric_limits<Real>::quiet_NaN();
  result.params.swish_beta = static_cast<Real>(activation.swish_beta);
  return result;
}

// Whether a piecewise activation passes p on unchanged. The caller rounds p to the type of the
// tensors.
template <class Real>
__device__ inline bool passes(const Activation<Real> &a, Real rounded_p) {
  return (rounded_p > Real(0) && !(rounded_p >= a.ceiling)) ||
         (rounded_p != rounded_p && a.propagates_nan);
}

// The gradient of a p that does not pass.
template <class Real>
__device__ inline Real blocked_gradient(const Activation<Real> &a, Real dy) {
  return a.has_slope ? a.params.slope * dy : Real(0);
}

// Takes p without rounding it to the type of the tensors: the output is rounded once, after
// blending.
template <class Real>
__device__ inline Real piecewise(const Activation<Real> &a, Real p) {
  if (p > Real(0)) return p >= a.ceiling ? a.top : p;
  if (a.has_slope) return a.params.slope * p;
  return p != p && a.propagates_nan ? p : Real(0);
}

// Bit i says whether p[i] is positive when rounded to the type of the tensors.
template <class T, int V>
__device__ inline unsigned positive_bits(const Compute<T> (&p)[V]) {
  unsigned bits = 0;
#pragma unroll
  for (int i = 0; i < V; ++i) bits |= static_cast<unsigned>(rounded<T>(p[i]) > Compute<T>(0)) << i;
  return bits;
}

// Replaces the pre-activations of a vector by the values of the activation.
template <class T, int V>
__device__ inline void activate(const Activation<Compute<T>> &a, Compute<T> (&p)[V]) {
  if (a.params.kind == ActivationKind::PIECEWISE) {
#pragma unroll
    for (int i = 0; i < V; ++i) p[i] = piecewise(a, p[i]);
    return;
  }
  Fragment<Compute<T>, V> values;  // In memory for the call; p can stay in registers.
  unsigned positive = 0;           // Of p itself, which is not rounded here.
#pragma unroll
  for (int i = 0; i < V; ++i) {
    values.v[i] = p[i];
    positive |= static_cast<unsigned>(p[i] > Compute<T>(0)) << i;
  }
  smooth_values(a.params, positive, &values);
#pragma unroll
  for (int i = 0; i < V; ++i) p[i] = values.v[i];
}

// Replaces the gradients dy of a vector by those of its pre-activations p.
template <class T, int V>
__device__ inline void differentiate(const Activation<Compute<T>> &a, const Compute<T> (&p)[V],
                                     Compute<T> (&dy)[V]) {
  if (a.params.kind == ActivationKind::PIECEWISE) {
#pragma unroll
    for (int i = 0; i < V; ++i)
      dy[i] = passes(a, rounded<T>(p[i])) ? dy[i] : blocked_gradient(a, dy[i]);
    return;
  }
  Fragment<Compute<T>, V> slopes;
#pragma unroll
  for (int i = 0; i < V; ++i) slopes.v[i] = p[i];
  smooth_slopes(a.params, positive_bits<T>(p), &slopes);
#pragma unroll
  for (int i = 0; i < V; ++i) dy[i] *= slopes.v[i];
}

}  // namespace cubn
