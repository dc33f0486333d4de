// Curves of activations that take an exponential or more, and their slopes, a vector at a time. The
// functions are out of line: they are compiled once for all kernels of a file, and a call costs
// little beside them.
#pragma once
#include <cmath>

#include "cuda/device/base/portability.cuh"

namespace cubn {

// Modes that differ in numbers only are one, PIECEWISE, of which activation.cuh takes care.
enum class Curve { PIECEWISE, ELU, SIGMOID, TANH, SWISH, GELU };

template <class Real>
struct Shape {
  Curve curve;
  Real slope;  // of PIECEWISE below 0; the factor of ELU
  Real swish_beta;
};

template <class Real, int V>
struct Values {
  Real v[V];
};

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

template <class Real>
constexpr Real SQRT_HALF = Real(0.70710678118654752440);

template <Curve CURVE, class Real>
__device__ inline Real curve_value(const Shape<Real> &shape, Real p, bool positive) {
  if constexpr (CURVE == Curve::ELU)
    return positive ? p : shape.slope * exponential_minus_1(p);
  else if constexpr (CURVE == Curve::SIGMOID)
    return Real(1) / (Real(1) + exponential(-p));
  else if constexpr (CURVE == Curve::TANH)
    return hyperbolic_tangent(p);
  else if constexpr (CURVE == Curve::SWISH)
    return p / (Real(1) + exponential(-shape.swish_beta * p));
  else  // GELU, without cancellation
    return p * complementary_error(-p * SQRT_HALF<Real>) * Real(0.5);
}

// Where the exponential vanishes, so does a product with it, also if p is infinite.
template <Curve CURVE, class Real>
__device__ inline Real curve_slope(const Shape<Real> &shape, Real p, bool positive) {
  if constexpr (CURVE == Curve::ELU) {
    return positive ? Real(1) : shape.slope * exponential(p);
  } else if constexpr (CURVE == Curve::SIGMOID) {
    const Real e = exponential(-magnitude(p)), d = Real(1) + e;
    return e / (d * d);
  } else if constexpr (CURVE == Curve::TANH) {
    const Real e = exponential(Real(-2) * magnitude(p)), d = Real(1) + e;
    return Real(4) * e / (d * d);
  } else if constexpr (CURVE == Curve::SWISH) {
    const Real t = shape.swish_beta * p, e = exponential(-magnitude(t)), d = Real(1) + e;
    const Real sigmoid = (t < Real(0) ? e : Real(1)) / d;
    return e == Real(0) ? sigmoid : sigmoid + t * (e / (d * d));
  } else {
    constexpr Real NORM = Real(0.39894228040143267794);  // 1 / sqrt(2 pi)
    const Real half = Real(0.5) * complementary_error(-p * SQRT_HALF<Real>);
    const Real e = exponential(Real(-0.5) * p * p);
    return e == Real(0) ? half : half + p * (NORM * e);
  }
}

template <Curve CURVE>
struct CurveTag {
  static constexpr Curve VALUE = CURVE;
};

// visit(CurveTag<curve>{}): the choice is made once for all elements that the visitor does.
template <class Visit>
__device__ inline void visit_curve(Curve curve, Visit &&visit) {
  switch (curve) {
    case Curve::PIECEWISE:  // handled elsewhere
      return;
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

// Each p becomes the curve's value ... Bit i of `positive` tells whether p[i] is positive, as the
// tensors hold it.
template <class Real, int V>
__device__ __attribute__((noinline)) void curve_values(Shape<Real> shape, unsigned positive,
                                                       Values<Real, V> *p) {
  visit_curve(shape.curve, [&](auto tag) {
#pragma unroll
    for (int i = 0; i < V; ++i)
      p->v[i] = curve_value<decltype(tag)::VALUE>(shape, p->v[i], positive >> i & 1);
  });
}

// ... or its slope.
template <class Real, int V>
__device__ __attribute__((noinline)) void curve_slopes(Shape<Real> shape, unsigned positive,
                                                       Values<Real, V> *p) {
  visit_curve(shape.curve, [&](auto tag) {
#pragma unroll
    for (int i = 0; i < V; ++i)
      p->v[i] = curve_slope<decltype(tag)::VALUE>(shape, p->v[i], positive >> i & 1);
  });
}

}  // namespace cubn
