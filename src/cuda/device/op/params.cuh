// Parameters of a channel.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/statistics.h"

namespace cubn {

// Computes *to = factor * result + prior_factor * *prior. A prior of weight 0 is not read.
template <class Real>
__device__ inline void blend_from(const Real *prior, Real *to, double factor, double result,
                                  double prior_factor) {
  const double old = prior_factor == 0.0 ? 0.0 : prior_factor * static_cast<double>(*prior);
  *to = static_cast<Real>(factor * result + old);
}
template <class Real>
__device__ inline void blend_into(Real *prior, double factor, double result, double prior_factor) {
  blend_from(prior, prior, factor, result, prior_factor);
}

// A parameter of a channel, or the default if the caller passes no array.
template <class Real>
__device__ inline double parameter(const Real *array, int64_t channel, double otherwise) {
  return array ? static_cast<double>(array[channel]) : otherwise;
}

// Scale and bias as they are applied: with those of batch renormalization.
template <class Real>
struct ScaleBias {
  Real scale, bias;
};
template <class Real>
__device__ inline ScaleBias<Real> scale_and_bias(const Real *scale, const Real *bias, int64_t place,
                                                 cubn_renormalization by) {
  const double scale_value = parameter(scale, place, 1.0), bias_value = parameter(bias, place, 0.0);
  return {static_cast<Real>(scale_value * by.r),
          static_cast<Real>(cubn_renormalized_bias(bias_value, scale_value, by.d))};
}

}  // namespace cubn
