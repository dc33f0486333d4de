// Curves of activations that take an exponential or more, and their slopes, a vector at a time. The
// functions are out of line: they are compiled once for all kernels of a file, and a call costs
// little beside them.
#pragma once
#include <cmath>

#include "cuda/device/base/portability.cuh"

namespace cubn {

// Modes that differ in numbers only are one, PIECEWISE, of which activation.cuh takes care.
enum class Smooth { PIECEWISE, ELU, SIGMOID, TANH, SWISH, GELU };

template <class Real>
struct Shape {
  Smooth smooth;
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

template <Smooth SMOOTH, class Real>
__device__ inline Real smooth_value(const Shape<Real> &shape, Real p, bool positive) {
  if constexpr (SMOOTH == Smooth::ELU)
    return positive ? p : shape.slope * exponential_minus_1(p);
  else if constexpr (SMOOTH == Smooth::SIGMOID)
    return Real(1) / (Real(1) + exponential(-p));
  else if constexpr (SMOOTH == Smooth::TANH)
    return hyperbolic_tangent(p);
  else if constexpr (SMOOTH == Smooth::SWISH)
    return p / (Real(1) + exponential(-shape.swish_beta * p));
  else  // GELU, without cancellation
    return p * complementary_error(-p * SQRT_HALF<Real>) * Real(0.5);
}

// Where the exponential vanishes, so does a product with it, also if p is infinite.
template <Smooth SMOOTH, class Real>
__device__ inline Real smooth_slope(const Shape<Real> &shape, Real p, bool positive) {
  if constexpr (SMOOTH == Smooth::ELU) {
    return positive ? Real(1) : shape.slope * exponential(p);
  } else if constexpr (SMOOTH == Smooth::SIGMOID) {
    const Real e = exponential(-magnitude(p)), d = Real(1) + e;
    return e / (d * d);
  } else if constexpr (SMOOTH == Smooth::TANH) {
    const Real e = exponential(Real(-2) * magnitude(p)), d = Real(1) + e;
    return Real(4) * e / (d * d);
  } else if constexpr (SMOOTH == Smooth::SWISH) {
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

template <Smooth SMOOTH>
struct SmoothTag {
  static constexpr Smooth VALUE = SMOOTH;
};

// visit(SmoothTag<curve>{}): the choice is made once for all elements that the visitor does.
template <class Visit>
__device__ inline void visit_smooth(Smooth smooth, Visit &&visit) {
  switch (smooth) {
    case Smooth::PIECEWISE:  // handled elsewhere
      return;
    case Smooth::ELU:
      return visit(SmoothTag<Smooth::ELU>{});
    case Smooth::SIGMOID:
      return visit(SmoothTag<Smooth::SIGMOID>{});
    case Smooth::TANH:
      return visit(SmoothTag<Smooth::TANH>{});
    case Smooth::SWISH:
      return visit(SmoothTag<Smooth::SWISH>{});
    case Smooth::GELU:
      return visit(SmoothTag<Smooth::GELU>{});
  }
}

// Each p becomes the curve's value ... Bit i of `positive` tells whether p[i] is positive, as the
// tensors hold it.
template <class Real, int V>
__device__ __attribute__((noinline)) void smooth_values(Shape<Real> shape, unsigned positive,
                                                        Values<Real, V> *p) {
  visit_smooth(shape.smooth, [&](auto tag) {
#pragma unroll
    for (int i = 0; i < V; ++i)
      p->v[i] = smooth_value<decltype(tag)::VALUE>(shape, p->v[i], positive >> i & 1);
  });
}

// ... or its slope.
template <class Real, int V>
__device__ __attribute__((noinline)) void smooth_slopes(Shape<Real> shape, unsigned positive,
                                                        Values<Real, V> *p) {
  visit_smooth(shape.smooth, [&](auto tag) {
#pragma unroll
    for (int i = 0; i < V; ++i)
      p->v[i] = smooth_slope<decltype(tag)::VALUE>(shape, p->v[i], positive >> i & 1);
  });
}

}  // namespace cubn
