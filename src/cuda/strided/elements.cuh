// The elements of y and dx, without an epilogue.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/strided/axes.cuh"
#include "cuda/strided/params.cuh"

namespace cubn {

template <class T>
class ForwardElement {
 public:
  __device__ ForwardElement(const StridedParams &params, const Offsets &channel, int64_t index)
      : params_(params), origin_(channel), factors_(read_factors(params, channel, index)) {}
  __device__ double compute(const Offsets &sample) const {
    const double x =
        load<T>(params_.args.x, origin_.array[CUBN_ARRAY_X] + sample.array[CUBN_ARRAY_X]);
    return (x - factors_.pivot) * factors_.gain + factors_.shift;
  }

 private:
  // Training has stored them in the workspace; inference computes them from the given statistics.
  __device__ static ForwardFactors read_factors(const StridedParams &params, const Offsets &channel,
                                                int64_t index) {
    if (params.pass == CUBN_PASS_TRAIN)
      return {*factor(params, 0, index), *factor(params, 1, index), *factor(params, 2, index)};
    const int64_t offset = channel.array[CUBN_ARRAY_PARAM];
    return forward_factors<Compute<T>>(params, offset, load<Compute<T>>(params.args.mean, offset),
                                       load_or<Compute<T>>(params.args.mean_low, offset, 0.0),
                                       given_inv_std<Compute<T>>(params, offset), {1.0, 0.0});
  }

  const StridedParams &params_;
  Offsets origin_;
  ForwardFactors factors_;
};

template <class T>
class BackwardElement {
 public:
  __device__ BackwardElement(const StridedParams &params, const Offsets &channel, int64_t index)
      : params_(params),
        origin_(channel),
        factors_{*factor(params, 0, index), *factor(params, 1, index), *factor(params, 2, index),
                 *factor(params, 3, index), *factor(params, 4, index)} {}
  __device__ double compute(const Offsets &sample) const {
    const double x =
        load<T>(params_.args.x, origin_.array[CUBN_ARRAY_X] + sample.array[CUBN_ARRAY_X]);
    const double dy =
        load<T>(params_.args.dy, origin_.array[CUBN_ARRAY_DY] + sample.array[CUBN_ARRAY_DY]);
    const double x_hat = (x - factors_.mean) * factors_.inv_std;
    return factors_.gain * (dy - factors_.shift - x_hat * factors_.slope);
  }

 private:
  const StridedParams &params_;
  Offsets origin_;
  BackwardFactors factors_;
};

}  // namespace cubn
