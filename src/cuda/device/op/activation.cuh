// The pre-activation p, activations of it, and their derivatives.
//
// p is computed by the same operations wherever it is needed, in forward and in backward, so that
// backward decides as forward did. Functions are the accurate ones: an activation is about as
// expensive as moving its element, not more.
#pragma once
#include <cmath>
#include <limits>

#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/smooth_activation.cuh"

namespace cubn {

// p = (x - center) * gain + shift
template <class Real>
struct Affine {
  Real center, gain, shift;
};

// `rest` is what rounding took from the mean to make it `center`. Products and sums are written as
// single operations: a compiler must not choose how to round them.
template <class Real>
__device__ inline Affine<Real> make_affine(Real center, Real mean_low, Real inv_std, Real scale,
                                           Real bias) {
  const double gain = static_cast<double>(scale) * static_cast<double>(inv_std);
  return {center, static_cast<Real>(gain),
          static_cast<Real>(fma(-static_cast<double>(mean_low), gain, static_cast<double>(bias)))};
}

template <class Real>
__device__ inline Real pre_activation(const Affine<Real> &affine, Real x) {
  return multiply_add(x - affine.center, affine.gain, affine.shift);
}

// A value as tensors of type T hold it.
template <class T>
__device__ inline Compute<T> rounded(Compute<T> value) {
  return to_compute(from_compute<T>(value));
}

template <class Real>
struct Activation {
  Shape<Real> shape;
  bool is_identity;
  bool has_slope;       // PIECEWISE: below 0 there is slope * p
  bool propagates_nan;  // PIECEWISE: NaN passes
  Real ceiling, top;    // PIECEWISE: p >= ceiling becomes top; ceiling NaN: never
};

// The least number of type Real that is not below `value`: comparisons with it are those with value.
template <class Real>
Real round_up_to(double value) {
  const Real nearest = static_cast<Real>(value);
  return static_cast<double>(nearest) >= value
             ? nearest
             : std::nextafter(nearest, std::numeric_limits<Real>::infinity());
}

inline Smooth smooth_of(cubnActivationMode_t mode) {
  switch (mode) {
    case CUBN_ACTIVATION_ELU:
      return Smooth::ELU;
    case CUBN_ACTIVATION_SIGMOID:
      return Smooth::SIGMOID;
    case CUBN_ACTIVATION_TANH:
      return Smooth::TANH;
    case CUBN_ACTIVATION_SWISH:
      return Smooth::SWISH;
    case CUBN_ACTIVATION_GELU:
      return Smooth::GELU;
    default:
      return Smooth::PIECEWISE;
  }
}

template <class Real>
Activation<Real> make_activation(const cubn_activation &activation) {
  const cubnActivationMode_t mode = activation.mode;
  const bool clips = mode == CUBN_ACTIVATION_CLIPPED_RELU;
  Activation<Real> result = {};
  result.shape.smooth = smooth_of(mode);
  result.is_identity = mode == CUBN_ACTIVATION_IDENTITY;  // the piecewise one of slope 1
  result.has_slope = result.is_identity || mode == CUBN_ACTIVATION_LEAKY_RELU;
  result.propagates_nan = result.has_slope || activation.propagates_nan;
  result.shape.slope = result.is_identity ? Real(1) : static_cast<Real>(activation.coef);
  result.top = static_cast<Real>(activation.coef);
  result.ceiling =
      clips ? round_up_to<Real>(activation.coef) : std::numeric_limits<Real>::quiet_NaN();
  result.shape.swish_beta = static_cast<Real>(activation.swish_beta);
  return result;
}

// Whether a piecewise curve passes p on as it is; decided on p as the tensors hold it.
template <class Real>
__device__ inline bool passes(const Activation<Real> &a, Real rounded_p) {
  return (rounded_p > Real(0) && !(rounded_p >= a.ceiling)) ||
         (rounded_p != rounded_p && a.propagates_nan);
}

// The gradient of a p that does not pass.
template <class Real>
__device__ inline Real blocked(const Activation<Real> &a, Real dy) {
  return a.has_slope ? a.shape.slope * dy : Real(0);
}

// The value is that of p itself, which is rounded once, behind blending.
template <class Real>
__device__ inline Real piecewise(const Activation<Real> &a, Real p) {
  if (p > Real(0)) return p >= a.ceiling ? a.top : p;
  if (a.has_slope) return a.shape.slope * p;
  return p != p && a.propagates_nan ? p : Real(0);
}

// Bit i: whether p[i] is positive, as the tensors hold it.
template <class T, int V>
__device__ inline unsigned positive_bits(const Compute<T> (&p)[V]) {
  unsigned bits = 0;
#pragma unroll
  for (int i = 0; i < V; ++i) bits |= static_cast<unsigned>(rounded<T>(p[i]) > Compute<T>(0)) << i;
  return bits;
}

// The pre-activations of a vector become the activation's values.
template <class T, int V>
__device__ inline void activate(const Activation<Compute<T>> &a, Compute<T> (&p)[V]) {
  if (a.shape.smooth == Smooth::PIECEWISE) {
#pragma unroll
    for (int i = 0; i < V; ++i) p[i] = piecewise(a, p[i]);
    return;
  }
  Values<Compute<T>, V> values;  // lies in memory for the call, p need not
  unsigned positive = 0;         // p itself, not as the tensors hold it
#pragma unroll
  for (int i = 0; i < V; ++i) {
    values.v[i] = p[i];
    positive |= static_cast<unsigned>(p[i] > Compute<T>(0)) << i;
  }
  smooth_values(a.shape, positive, &values);
#pragma unroll
  for (int i = 0; i < V; ++i) p[i] = values.v[i];
}

// The gradients dy of a vector become those of its pre-activations p.
template <class T, int V>
__device__ inline void differentiate(const Activation<Compute<T>> &a, const Compute<T> (&p)[V],
                                     Compute<T> (&dy)[V]) {
  if (a.shape.smooth == Smooth::PIECEWISE) {
#pragma unroll
    for (int i = 0; i < V; ++i) dy[i] = passes(a, rounded<T>(p[i])) ? dy[i] : blocked(a, dy[i]);
    return;
  }
  Values<Compute<T>, V> slopes;
#pragma unroll
  for (int i = 0; i < V; ++i) slopes.v[i] = p[i];
  smooth_slopes(a.shape, positive_bits<T>(p), &slopes);
#pragma unroll
  for (int i = 0; i < V; ++i) dy[i] *= slopes.v[i];
}

}  // namespace cubn
