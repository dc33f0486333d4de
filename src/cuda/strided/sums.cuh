// The sums over the values of a channel, the reducers that form them, and the results that follow.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/strided/axes.cuh"
#include "cuda/strided/params.cuh"

namespace cubn {

// The moments of some values of a channel: count, mean relative to the channel's pivot, and sum of
// squared differences from the mean.
struct Moments {
  double count, mean, squares;

  // Combines two sets of values (Chan, Golub and LeVeque 1983).
  __device__ void add(const Moments &other) {
    if (other.count == 0.0) return;
    if (count == 0.0) {
      *this = other;
      return;
    }
    const double total = count + other.count, difference = other.mean - mean;
    mean += difference * (other.count / total);
    squares += other.squares + difference * difference * (count * (other.count / total));
    count = total;
  }

  // Writes the statistics. The running ones come last: they may share memory with scale and bias.
  template <class T>
  __device__ void finish(const StridedParams &params, int64_t channel) const {
    using P = Compute<T>;
    const Offsets origin = locate(params.channels, channel);
    const int64_t offset = origin.array[CUBN_ARRAY_PARAM];
    const double pivot = pivot_of<T>(params, origin);
    const double var = squares / count, inv_std = inverse_std(var, params.args.epsilon);
    // An infinite value makes only `squares` NaN.
    const double batch_mean = squares == squares ? pivot + mean : squares;
    if (params.pass == CUBN_PASS_BACKWARD) {
      *factor(params, 0, channel) = batch_mean;
      *factor(params, 1, channel) = inv_std;
      return;
    }
    const ForwardFactors factors =
        params.needs_epilogue
            ? fused_factors<P>(params, channel, offset, pivot, batch_mean, inv_std)
            : forward_factors<P>(params, offset, pivot, mean, inv_std);
    *factor(params, 0, channel) = factors.pivot;
    *factor(params, 1, channel) = factors.gain;
    *factor(params, 2, channel) = factors.shift;
    if (params.has_saved) {
      static_cast<P *>(params.args.saved_mean)[offset] = from_double<P>(batch_mean);
      static_cast<P *>(params.args.saved_inv_std)[offset] = from_double<P>(inv_std);
      if (params.args.saved_mean_low)
        static_cast<P *>(params.args.saved_mean_low)[offset] =
            from_double<P>(low_part<P>(batch_mean, pivot));
    }
    if (params.has_running) write_running<P>(params, offset, batch_mean);
  }

 private:
  // What rounding takes from the mean, which is pivot + mean, or NaN.
  template <class P>
  __device__ double low_part(double batch_mean, double pivot) const {
    return (pivot - static_cast<double>(from_double<P>(batch_mean))) + mean;
  }

  template <class P>
  __device__ ForwardFactors fused_factors(const StridedParams &params, int64_t channel,
                                          int64_t offset, double pivot, double batch_mean,
                                          double inv_std) const {
    const P center = from_double<P>(batch_mean);
    const P mean_low = from_double<P>(low_part<P>(batch_mean, pivot));
    if (params.reserve == CUBN_RESERVE_MEANS)
      static_cast<P *>(params.args.reserve)[channel] = mean_low;
    const Affine<P> affine =
        preact_affine<P>(params, offset, center, mean_low, from_double<P>(inv_std));
    return {static_cast<double>(affine.center), static_cast<double>(affine.gain),
            static_cast<double>(affine.shift)};
  }

  template <class P>
  __device__ void write_running(const StridedParams &params, int64_t offset,
                                double batch_mean) const {
    const cubn_args &args = params.args;
    const double weight = args.factor_pointer ? load<P>(args.factor_pointer, 0) : args.factor;
    const double var = squares / (params.running_is_biased || count <= 1.0 ? count : count - 1.0);
    blend_from<P>(args.previous_running_mean, args.running_mean, offset, weight, batch_mean,
                  1.0 - weight);
    blend_from<P>(args.previous_running_var, args.running_var, offset, weight, var, 1.0 - weight);
  }
};

// Reduces the values of one thread to moments. Its sums are relative to its own first value,
// because the channel's pivot may be far from it.
template <class T>
class MomentsReducer {
 public:
  using Sum = Moments;
  struct Value {
    double x;
  };

  __device__ MomentsReducer(const StridedParams &params, const Offsets &channel, int64_t)
      : x_(params.args.x),
        origin_(channel.array[CUBN_ARRAY_X]),
        pivot_(pivot_of<T>(params, channel)) {}
  __device__ Value load_value(const Offsets &sample) const {
    return {load<T>(x_, origin_ + sample.array[CUBN_ARRAY_X])};
  }
  __device__ void accumulate(const Value &value) {
    const double relative = value.x - pivot_;
    if (count_ == 0) first_ = relative;
    const double difference = relative - first_;
    sum_ += difference;
    squares_ += difference * difference;
    ++count_;
  }
  __device__ Moments sum() const {
    if (count_ == 0) return {0.0, 0.0, 0.0};
    const double count = static_cast<double>(count_), mean = sum_ / count;
    const double squares = squares_ - sum_ * mean;
    return {count, first_ + mean, squares < 0.0 ? 0.0 : squares};
  }

 private:
  const void *x_;
  int64_t origin_, count_ = 0;
  double pivot_, first_ = 0.0, sum_ = 0.0, squares_ = 0.0;
};

// The statistics that backward normalizes with.
struct Statistics {
  double mean, inv_std;
};

// Sums of dy, of dy * x_hat and of x - mean over some values of a channel.
struct Gradients {
  double dy, dy_x_hat, residual;

  __device__ void accumulate(double x_value, double dy_value, const Statistics &statistics) {
    const double difference = x_value - statistics.mean;
    dy += dy_value;
    dy_x_hat += dy_value * (difference * statistics.inv_std);
    residual += difference;
  }
  __device__ void add(const Gradients &other) {
    dy += other.dy;
    dy_x_hat += other.dy_x_hat;
    residual += other.residual;
  }

  // Writes the gradients of the parameters and, unless the tensor is empty, the factors of dx.
  template <class T>
  __device__ void finish(const StridedParams &params, int64_t channel) const;
};

template <class P>
__device__ inline Statistics backward_statistics(const StridedParams &params, int64_t channel,
                                                 int64_t param_offset) {
  if (params.is_frozen)
    return {load<P>(params.args.mean, param_offset),
            static_cast<double>(from_double<P>(given_inv_std<P>(params, param_offset)))};
  if (!params.has_saved) return {*factor(params, 0, channel), *factor(params, 1, channel)};
  return {load<P>(params.args.saved_mean, param_offset),
          load<P>(params.args.saved_inv_std, param_offset)};
}

template <class P>
__device__ inline double gain_of(const StridedParams &params, int64_t param_offset,
                                 double inv_std) {
  return params.args.alpha * load_or<P>(params.args.scale, param_offset, 1.0) * inv_std;
}

template <class T>
__device__ void Gradients::finish(const StridedParams &params, int64_t channel) const {
  using P = Compute<T>;
  const int64_t offset = locate(params.channels, channel).array[CUBN_ARRAY_PARAM];
  double dscale = dy_x_hat;
  if (params.tiling.samples > 0) {
    const Statistics statistics = backward_statistics<P>(params, channel, offset);
    const double residue = residual / static_cast<double>(params.tiling.samples);
    // If the saved mean differs from the mean of x by no more than a rounding, it is that mean,
    // rounded, and x_hat is smaller by `error`.
    // A saved mean that is further away is the caller's own choice.
    const double roundoff = params.has_saved && sizeof(P) == sizeof(float) ? 0x1p-23 : 0x1p-52;
    const bool is_rounding = !params.is_frozen && fabs(residue) <= roundoff * fabs(statistics.mean);
    const double error = params.args.mean_low ? error_of<P>(params, offset, statistics.inv_std)
                         : is_rounding        ? residue * statistics.inv_std
                                              : 0.0;
    dscale -= dy * error;
    const double slope = dscale / params.args.count;
    *factor(params, 0, channel) = statistics.mean;
    *factor(params, 1, channel) = statistics.inv_std;
    *factor(params, 2, channel) = gain_of<P>(params, offset, statistics.inv_std);
    *factor(params, 3, channel) = dy / params.args.count - error * slope;
    *factor(params, 4, channel) = slope;
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
  Gradients sum_ = {0.0, 0.0, 0.0};
};

}  // namespace cubn
