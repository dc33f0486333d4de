// The pre-activation p, activations of it, and their derivatives.
//
// p is computed by the same operations wherever it is needed, in forward and in backward, so that
// backward decides as forward did. Functions are the accurate ones: an activation is about as
// expensive as moving its element, not more.
#pragma once
#include <cmath>
#include <limits>

#include "cuda/device/dtype.cuh"

namespace cubn {

// p = (x - center) * gain + shift
template <class Real>
struct Line {
  Real center, gain, shift;
};

// `rest` is what rounding took from the mean to make it `center`. Products and sums are written as
// single operations: a compiler must not choose how to round them.
template <class Real>
__device__ inline Line<Real> make_line(Real center, Real rest, Real inv_std, Real scale,
                                       Real bias) {
  const double gain = static_cast<double>(scale) * static_cast<double>(inv_std);
  return {center, static_cast<Real>(gain),
          static_cast<Real>(fma(-static_cast<double>(rest), gain, static_cast<double>(bias)))};
}

template <class Real>
__device__ inline Real pre_activation(const Line<Real> &line, Real x) {
  return multiply_add(x - line.center, line.gain, line.shift);
}

// A value as tensors of type T hold it.
template <class T>
__device__ inline Compute<T> rounded(Compute<T> value) {
  return to_compute(from_compute<T>(value));
}

// Modes that differ in numbers only are one: f(p) is p where p passes, `top` where it is too large,
// else slope * p, or 0.
enum class Curve { PIECEWISE, ELU, SIGMOID, TANH, SWISH, GELU };

template <class Real>
struct Activation {
  Curve curve;
  bool is_identity;
  bool has_slope;       // PIECEWISE: below 0 there is slope * p
  bool propagates_nan;  // PIECEWISE: NaN passes
  Real slope;           // ELU: the factor
  Real ceiling, top;    // PIECEWISE: p >= ceiling becomes top; ceiling NaN: never
  Real swish_beta;
};

// The least number of type Real that is not below `value`: comparisons with it are those with value.
template <class Real>
Real round_up_to(double value) {
  const Real nearest = static_cast<Real>(value);
  return static_cast<double>(nearest) >= value
             ? nearest
             : std::nextafter(nearest, std::numeric_limits<Real>::infinity());
}

inline Curve curve_of(cubnActivationMode_t mode) {
  switch (mode) {
    case CUBN_ACTIVATION_ELU:
      return Curve::ELU;
    case CUBN_ACTIVATION_SIGMOID:
      return Curve::SIGMOID;
    case CUBN_ACTIVATION_TANH:
      return Curve::TANH;
    case CUBN_ACTIVATION_SWISH:
      return Curve::SWISH;
    case CUBN_ACTIVATION_GELU:
      return Curve::GELU;
    default:
      return Curve::PIECEWISE;
  }
}

template <class Real>
Activation<Real> make_activation(const cubn_activation &activation) {
  const cubnActivationMode_t mode = activation.mode;
  const bool clips = mode == CUBN_ACTIVATION_CLIPPED_RELU;
  Activation<Real> result = {};
  result.curve = curve_of(mode);
  result.is_identity = mode == CUBN_ACTIVATION_IDENTITY;  // the piecewise one of slope 1
  result.has_slope = result.is_identity || mode == CUBN_ACTIVATION_LEAKY_RELU;
  result.propagates_nan = result.has_slope || activation.propagates_nan;
  result.slope = result.is_identity ? Real(1) : static_cast<Real>(activation.coef);
  result.top = static_cast<Real>(activation.coef);
  result.ceiling =
      clips ? round_up_to<Real>(activation.coef) : std::numeric_limits<Real>::quiet_NaN();
  result.swish_beta = static_cast<Real>(activation.swish_beta);
  return result;
}

// Whether the activation passes p on as it is; decided on p as the tensors hold it.
template <class Real>
__device__ inline bool passes(const Activation<Real> &a, Real rounded_p) {
  return (rounded_p > Real(0) && !(rounded_p >= a.ceiling)) ||
         (rounded_p != rounded_p && a.propagates_nan);
}

__device__ inline float complementary_error(float x) {
  return erfcf(x);
}
__device__ inline double complementary_error(double x) {
  return erfc(x);
}
__device__ inline float exponential(float x) {
  return expf(x);
}
__device__ inline double exponential(double x) {
  return exp(x);
}
__device__ inline float exponential_minus_1(float x) {
  return expm1f(x);
}
__device__ inline double exponential_minus_1(double x) {
  return expm1(x);
}
__device__ inline float hyperbolic_tangent(float x) {
  return tanhf(x);
}
__device__ inline double hyperbolic_tangent(double x) {
  return tanh(x);
}

template <class Real>
__device__ inline Real magnitude(Real x) {
  return x < Real(0) ? -x : x;
}

template <Curve CURVE, class T>
__device__ inline Compute<T> activate(const Activation<Compute<T>> &a, Compute<T> p) {
  using Real = Compute<T>;
  if constexpr (CURVE == Curve::PIECEWISE) {
    const Real q = rounded<T>(p);
    if (q > Real(0)) return q >= a.ceiling ? a.top : p;
    if (a.has_slope) return a.slope * p;
    return q != q && a.propagates_nan ? p : Real(0);
  } else if constexpr (CURVE == Curve::ELU) {
    return rounded<T>(p) > Real(0) ? p : a.slope * exponential_minus_1(p);
  } else if constexpr (CURVE == Curve::SIGMOID) {
    return Real(1) / (Real(1) + exponential(-p));
  } else if constexpr (CURVE == Curve::TANH) {
    return hyperbolic_tangent(p);
  } else if constexpr (CURVE == Curve::SWISH) {
    return p / (Real(1) + exponential(-a.swish_beta * p));
  } else {
    constexpr Real SQRT_HALF = Real(0.70710678118654752440);
    return p * complementary_error(-p * SQRT_HALF) * Real(0.5);
  }
}

// For the piecewise curves see passes(). Where the exponential vanishes, so does a product with it,
// also if p is infinite.
template <Curve CURVE, class T>
__device__ inline Compute<T> derivative(const Activation<Compute<T>> &a, Compute<T> p) {
  using Real = Compute<T>;
  if constexpr (CURVE == Curve::ELU) {
    return rounded<T>(p) > Real(0) ? Real(1) : a.slope * exponential(p);
  } else if constexpr (CURVE == Curve::SIGMOID) {
    const Real e = exponential(-magnitude(p)), d = Real(1) + e;
    return e / (d * d);
  } else if constexpr (CURVE == Curve::TANH) {
    const Real e = exponential(Real(-2) * magnitude(p)), d = Real(1) + e;
    return Real(4) * e / (d * d);
  } else if constexpr (CURVE == Curve::SWISH) {
    const Real t = a.swish_beta * p, e = exponential(-magnitude(t)), d = Real(1) + e;
    const Real sigmoid = (t < Real(0) ? e : Real(1)) / d;
    return e == Real(0) ? sigmoid : sigmoid + t * (e / (d * d));
  } else {
    constexpr Real SQRT_HALF = Real(0.70710678118654752440), NORM = Real(0.39894228040143267794);
    const Real half = Real(0.5) * complementary_error(-p * SQRT_HALF);
    const Real e = exponential(Real(-0.5) * p * p);
    return e == Real(0) ? half : half + p * (NORM * e);
  }
}

// The gradient of a p that does not pass.
template <class Real>
__device__ inline Real blocked(const Activation<Real> &a, Real dy) {
  return a.has_slope ? a.slope * dy : Real(0);
}

// dy * activation'(p)
template <Curve CURVE, class T>
__device__ inline Compute<T> gradient(const Activation<Compute<T>> &a, Compute<T> p,
                                      Compute<T> dy) {
  if constexpr (CURVE == Curve::PIECEWISE)
    return passes(a, rounded<T>(p)) ? dy : blocked(a, dy);
  else
    return dy * derivative<CURVE, T>(a, p);
}

template <Curve CURVE>
struct CurveTag {
  static constexpr Curve VALUE = CURVE;
};

// visit(CurveTag<curve>{}): the choice is made once for all elements that the visitor does.
template <class Visit>
__device__ inline void visit_curve(Curve curve, Visit &&visit) {
  switch (curve) {
    case Curve::PIECEWISE:
      return visit(CurveTag<Curve::PIECEWISE>{});
    case Curve::ELU:
      return visit(CurveTag<Curve::ELU>{});
    case Curve::SIGMOID:
      return visit(CurveTag<Curve::SIGMOID>{});
    case Curve::TANH:
      return visit(CurveTag<Curve::TANH>{});
    case Curve::SWISH:
      return visit(CurveTag<Curve::SWISH>{});
    case Curve::GELU:
      return visit(CurveTag<Curve::GELU>{});
  }
}

}  // namespace cubn
