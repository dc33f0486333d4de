// Smooth activations, those that need an exponential or more, and their derivatives, a vector at a
// time. The functions are not inlined, nor their loops unrolled: every kernel has its own copy of
// them, a call costs little compared with them, and other warps hide their latency.
#pragma once
#include <cuda_runtime.h>

#include <cmath>

namespace cubn {

// Piecewise linear activations differ only in numbers. They are all PIECEWISE, which activation.cuh
// implements.
enum class ActivationKind { PIECEWISE, ELU, SIGMOID, TANH, SWISH, GELU };

template <class Real>
struct ActivationParams {
  ActivationKind kind;
  Real slope;  // The slope of PIECEWISE below 0, or the factor of ELU.
  Real swish_beta;
};

// The values of a vector in memory, as a function that is not inlined needs them.
template <class Real, int V>
struct Fragment {
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

template <ActivationKind KIND, class Real>
__device__ inline Real smooth_value(const ActivationParams<Real> &params, Real p, bool positive) {
  if constexpr (KIND == ActivationKind::ELU)
    return positive ? p : params.slope * exponential_minus_1(p);
  else if constexpr (KIND == ActivationKind::SIGMOID)
    return Real(1) / (Real(1) + exponential(-p));
  else if constexpr (KIND == ActivationKind::TANH)
    return hyperbolic_tangent(p);
  else if constexpr (KIND == ActivationKind::SWISH)
    return p / (Real(1) + exponential(-params.swish_beta * p));
  else  // GELU, in a form without cancellation.
    return p * complementary_error(-p * SQRT_HALF<Real>) * Real(0.5);
}

// The derivative. A product with an exponential that vanishes is 0, even if p is infinite.
template <ActivationKind KIND, class Real>
__device__ inline Real smooth_slope(const ActivationParams<Real> &params, Real p, bool positive) {
  if constexpr (KIND == ActivationKind::ELU) {
    return positive ? Real(1) : params.slope * exponential(p);
  } else if constexpr (KIND == ActivationKind::SIGMOID) {
    const Real e = exponential(-magnitude(p)), d = Real(1) + e;
    return e / (d * d);
  } else if constexpr (KIND == ActivationKind::TANH) {
    const Real e = exponential(Real(-2) * magnitude(p)), d = Real(1) + e;
    return Real(4) * e / (d * d);
  } else if constexpr (KIND == ActivationKind::SWISH) {
    const Real t = params.swish_beta * p, e = exponential(-magnitude(t)), d = Real(1) + e;
    const Real sigmoid = (t < Real(0) ? e : Real(1)) / d;
    return e == Real(0) ? sigmoid : sigmoid + t * (e / (d * d));
  } else {
    constexpr Real NORM = Real(0.39894228040143267794);  // 1 / sqrt(2 pi)
    const Real half = Real(0.5) * complementary_error(-p * SQRT_HALF<Real>);
    const Real e = exponential(Real(-0.5) * p * p);
    return e == Real(0) ? half : half + p * (NORM * e);
  }
}

template <ActivationKind KIND>
struct KindTag {
  static constexpr ActivationKind VALUE = KIND;
};

// Calls visit(KindTag<kind>{}), so that the choice is made once for all elements of the visitor.
template <class Visit>
__device__ inline void visit_kind(ActivationKind kind, Visit &&visit) {
  switch (kind) {
    case ActivationKind::PIECEWISE:  // activation.cuh never comes here with it.
      return;
    case ActivationKind::ELU:
      return visit(KindTag<ActivationKind::ELU>{});
    case ActivationKind::SIGMOID:
      return visit(KindTag<ActivationKind::SIGMOID>{});
    case ActivationKind::TANH:
      return visit(KindTag<ActivationKind::TANH>{});
    case ActivationKind::SWISH:
      return visit(KindTag<ActivationKind::SWISH>{});
    case ActivationKind::GELU:
      return visit(KindTag<ActivationKind::GELU>{});
  }
}

// Replaces each p by the value of the activation. Bit i of `positive` says whether p[i] is
// positive.
template <class Real, int V>
__device__ __attribute__((noinline)) void smooth_values(ActivationParams<Real> params,
                                                        unsigned positive, Fragment<Real, V> *p) {
  visit_kind(params.kind, [&](auto tag) {
#pragma unroll 1
    for (int i = 0; i < V; ++i)
      p->v[i] = smooth_value<decltype(tag)::VALUE>(params, p->v[i], positive >> i & 1);
  });
}

// Replaces each p by the derivative of the activation. Bit i of `positive` says whether p[i] is
// positive when rounded to the type of the tensors.
template <class Real, int V>
__device__ __attribute__((noinline)) void smooth_slopes(ActivationParams<Real> params,
                                                        unsigned positive, Fragment<Real, V> *p) {
  visit_kind(params.kind, [&](auto tag) {
#pragma unroll 1
    for (int i = 0; i < V; ++i)
      p->v[i] = smooth_slope<decltype(tag)::VALUE>(params, p->v[i], positive >> i & 1);
  });
}

}  // namespace cubn
