// The sums of backward over the values of a channel, the reducer that forms them, and the results
// that follow.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/strided/axes.cuh"
#include "cuda/strided/moments.cuh"
#include "cuda/strided/params.cuh"

namespace cubn {

// The statistics that backward normalizes with.
struct Statistics {
  double mean, inv_std;
};

// Sums of dy, of dy * x_hat and of x - mean over `count` values of a channel.
struct Gradients {
  double dy, dy_x_hat, residual;
  int64_t count;

  __device__ void accumulate(double x_value, double dy_value, const Statistics &statistics) {
    const double difference = x_value - statistics.mean;
    dy += dy_value;
    dy_x_hat += dy_value * (difference * statistics.inv_std);
    residual += difference;
    ++count;
  }
  __device__ void add(const Gradients &other) {
    dy += other.dy;
    dy_x_hat += other.dy_x_hat;
    residual += other.residual;
    count += other.count;
  }

  // Writes the gradients of the parameters and, unless there are no values, the factors of dx.
  template <class T>
  __device__ void finish(const StridedParams &params, int64_t channel) const;
};

template <class P>
__device__ inline Statistics backward_statistics(const StridedParams &params, int64_t channel,
                                                 int64_t param_offset) {
  if (params.is_frozen)
    return {load<P>(params.args.mean, param_offset),
            static_cast<double>(round_coefficient<P>(given_inv_std<P>(params, param_offset)))};
  if (params.is_from_y) {
    const double scale = load_or<P>(params.args.scale, param_offset, 1.0);
    return {load_or<P>(params.args.bias, param_offset, 0.0),
            cubn_inverse_scale(sizeof(P) == sizeof(float), scale)};
  }
  if (!params.has_saved) return {*factor(params, 0, channel), *factor(params, 1, channel)};
  const int64_t index = saved_index(params, channel, param_offset);
  return {load<P>(params.args.saved_mean, index), load<P>(params.args.saved_inv_std, index)};
}

template <class P>
__device__ inline double gain_of(const StridedParams &params, int64_t param_offset,
                                 double inv_std) {
  const P *const scale = static_cast<const P *>(params.args.scale), *const no_bias = nullptr;
  const cubn_renormalization by = saved_renormalization<P>(params, param_offset);
  const P factor = scale_and_bias(scale, no_bias, param_offset, by).scale;
  return params.args.alpha * static_cast<double>(factor) * inv_std;
}

// The factor of x_hat in dx, from the sum of dy * x_hat.
template <class P>
__device__ inline double slope_of(const StridedParams &params, double dscale, double count,
                                  double inv_std) {
  return dscale / count *
         cubn_variance_slope(&params.args.normalizer, sizeof(P) == sizeof(float), inv_std);
}

template <class T>
__device__ void Gradients::finish(const StridedParams &params, int64_t channel) const {
  using P = Compute<T>;
  const int64_t offset = locate(params.channels, channel).array[CUBN_ARRAY_PARAM];
  double dscale = dy_x_hat;
  if (count > 0) {
    const double m = static_cast<double>(count);
    const double sums_count = params.args.count > 0.0 ? params.args.count : m;
    const Statistics statistics = backward_statistics<P>(params, channel, offset);
    const double residue = residual / m;
    // If the saved mean differs from the mean of x by no more than a rounding, it is that mean,
    // rounded, and x_hat is smaller by `error`.
    // A saved mean that is further away is the caller's own choice.
    const double roundoff = params.has_saved && sizeof(P) == sizeof(float) ? 0x1p-23 : 0x1p-52;
    const bool is_rounding =
        !params.is_frozen && !params.is_from_y && fabs(residue) <= roundoff * fabs(statistics.mean);
    const double error = params.args.mean_low
                             ? error_of<P>(params, channel, offset, statistics.inv_std)
                         : is_rounding ? residue * statistics.inv_std
                                       : 0.0;
    dscale -= dy * error;
    const double inv_std =
        params.is_from_y ? load<P>(params.args.saved_inv_std, offset) : statistics.inv_std;
    const double slope = slope_of<P>(params, dscale, sums_count, inv_std);
    *factor(params, 0, channel) = statistics.mean;
    *factor(params, 1, channel) = statistics.inv_std;
    *factor(params, 2, channel) = gain_of<P>(params, offset, inv_std);
    *factor(params, 3, channel) = dy / sums_count - error * slope;
    *factor(params, 4, channel) = slope;
  }
  if (params.is_from_y && load_or<P>(params.args.scale, offset, 1.0) < 0.0) dscale = -dscale;
  if (params.renormalizes) {
    const cubn_renormalization by = saved_renormalization<P>(params, offset);
    dscale = cubn_product(by.r, dscale) + by.d * dy;
  }
  const double alpha = params.args.param_alpha, beta = params.args.param_beta;
  if (params.args.dscale) blend<P>(params.args.dscale, offset, alpha, dscale, beta);
  if (params.args.dbias) blend<P>(params.args.dbias, offset, alpha, dy, beta);
}

// Reduces the values of one thread to the sums of backward.
template <class T>
class GradientsReducer {
 public:
  using Sum = Gradients;
  struct Value {
    double x, dy;
  };

  __device__ GradientsReducer(const StridedParams &params, const Offsets &channel, int64_t index)
      : x_(params.args.x),
        dy_(params.args.dy),
        origin_(channel),
        statistics_(
            backward_statistics<Compute<T>>(params, index, channel.array[CUBN_ARRAY_PARAM])) {}
  __device__ Value load_value(const Offsets &sample) const {
    return {load<T>(x_, origin_.array[CUBN_ARRAY_X] + sample.array[CUBN_ARRAY_X]),
            load<T>(dy_, origin_.array[CUBN_ARRAY_DY] + sample.array[CUBN_ARRAY_DY])};
  }
  __device__ void accumulate(const Value &value) {
    sum_.accumulate(value.x, value.dy, statistics_);
  }
  __device__ Gradients sum() const { return sum_; }

 private:
  const void *x_, *dy_;
  Offsets origin_;
  Statistics statistics_;
  Gradients sum_ = {0.0, 0.0, 0.0, 0};
};

}  // namespace cubn
