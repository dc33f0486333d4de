// The moments of a channel, the reducer that forms them, and the statistics that follow.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/running.cuh"
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
    if (count == 0.0) {
      finish_empty<P>(params, offset);
      return;  // The output, if any, has padding only.
    }
    const double pivot = pivot_of<T>(params, origin, channel);
    const double var = squares / count;
    const double inv_std = cubn_inverse_deviation(&params.args.normalizer, var);
    // An infinite value makes only `squares` NaN.
    const double batch_mean = squares == squares ? pivot + mean : squares;
    if (params.pass != CUBN_PASS_TRAIN) {
      *factor(params, 0, channel) = batch_mean;
      *factor(params, 1, channel) = inv_std;
      return;
    }
    const cubn_renormalization by = renormalize<P>(params, offset, batch_mean, inv_std);
    const ForwardFactors factors =
        params.needs_epilogue
            ? fused_factors<P>(params, channel, offset, pivot, batch_mean, inv_std, by)
            : forward_factors<P>(params, offset, pivot, mean, inv_std, by);
    *factor(params, 0, channel) = factors.pivot;
    *factor(params, 1, channel) = factors.gain;
    *factor(params, 2, channel) = factors.shift;
    if (params.has_saved) {
      static_cast<P *>(params.args.saved_mean)[offset] = from_double<P>(batch_mean);
      static_cast<P *>(params.args.saved_inv_std)[offset] = round_coefficient<P>(inv_std);
      if (params.args.saved_mean_low)
        static_cast<P *>(params.args.saved_mean_low)[offset] =
            from_double<P>(low_part<P>(batch_mean, pivot));
    }
    const cubn_args &args = params.args;
    if (params.has_running || args.nonfinite || args.any_nonfinite)
      write_running<P>(params, offset, batch_mean);
  }

 private:
  // The running statistics stay; where the previous ones are not read they are 0, so that a sum in
  // which they have no weight is right.
  template <class P>
  __device__ static void finish_empty(const StridedParams &params, int64_t offset) {
    const cubn_args &args = params.args;
    if (params.has_saved) {
      static_cast<P *>(args.saved_mean)[offset] = P(0);
      static_cast<P *>(args.saved_inv_std)[offset] =
          round_coefficient<P>(cubn_inverse_deviation(&args.normalizer, 0.0));
      if (args.saved_mean_low) static_cast<P *>(args.saved_mean_low)[offset] = P(0);
    }
    if (args.nonfinite) args.nonfinite[offset] = 0;
    if (params.renormalizes) store_renormalization(args, offset, P(1), P(0));
    if (!params.has_running) return;
    const double prior = running_weight<P>(args) == 1.0 ? 0.0 : 1.0;
    blend_from<P>(args.previous_running_mean, args.running_mean, offset, 0.0, 0.0, prior);
    blend_from<P>(args.previous_running_var, args.running_var, offset, 0.0, 0.0, prior);
  }

  template <class P>
  __device__ static double running_weight(const cubn_args &args) {
    return args.factor_pointer ? load<P>(args.factor_pointer, 0) : args.factor;
  }

  // r and d, as parameters hold them.
  template <class P>
  __device__ static cubn_renormalization renormalize(const StridedParams &params, int64_t offset,
                                                     double batch_mean, double inv_std) {
    const cubn_args &args = params.args;
    if (!params.renormalizes) return {1.0, 0.0};
    const cubn_renormalization exact = cubn_renormalize(
        &args.normalizer, &args.bounds, batch_mean, inv_std,
        load<P>(args.previous_running_mean, offset), load<P>(args.previous_running_var, offset));
    const P r = from_double<P>(exact.r), d = from_double<P>(exact.d);
    store_renormalization(args, offset, r, d);
    return {static_cast<double>(r), static_cast<double>(d)};
  }

  template <class P>
  __device__ static void store_renormalization(const cubn_args &args, int64_t offset, P r, P d) {
    if (args.saved_r) static_cast<P *>(args.saved_r)[offset] = r;
    if (args.saved_d) static_cast<P *>(args.saved_d)[offset] = d;
  }

  // What rounding takes from the mean, which is pivot + mean, or NaN.
  template <class P>
  __device__ double low_part(double batch_mean, double pivot) const {
    return (pivot - static_cast<double>(from_double<P>(batch_mean))) + mean;
  }

  template <class P>
  __device__ ForwardFactors fused_factors(const StridedParams &params, int64_t channel,
                                          int64_t offset, double pivot, double batch_mean,
                                          double inv_std, cubn_renormalization by) const {
    const P center = from_double<P>(batch_mean);
    const P mean_low = from_double<P>(low_part<P>(batch_mean, pivot));
    const P kept_inv_std = round_coefficient<P>(inv_std);
    if (params.reserve == CUBN_RESERVE_STATISTICS) {
      P *const reserved = static_cast<P *>(params.args.reserve) + channel;
      reserved[CUBN_RESERVED_MEAN_LOW * params.reserved_channels] = mean_low;
      reserved[CUBN_RESERVED_MEAN * params.reserved_channels] = center;
      reserved[CUBN_RESERVED_INV_STD * params.reserved_channels] = kept_inv_std;
    }
    const Affine<P> affine = preact_affine<P>(params, offset, center, mean_low, kept_inv_std, by);
    return {static_cast<double>(affine.center), static_cast<double>(affine.gain),
            static_cast<double>(affine.shift)};
  }

  template <class P>
  __device__ void write_running(const StridedParams &params, int64_t offset,
                                double batch_mean) const {
    const cubn_args &args = params.args;
    const double var = squares / (params.running_is_biased || count <= 1.0 ? count : count - 1.0);
    const RunningStep step =
        running_step<P>(batch_mean, var, running_weight<P>(args), args.guards_running, offset,
                        args.nonfinite, args.any_nonfinite);
    if (!params.has_running) return;
    blend_from<P>(args.previous_running_mean, args.running_mean, offset, step.weight, step.mean,
                  step.prior_weight);
    blend_from<P>(args.previous_running_var, args.running_var, offset, step.weight, step.var,
                  step.prior_weight);
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

  __device__ MomentsReducer(const StridedParams &params, const Offsets &channel, int64_t index)
      : x_(params.args.x),
        origin_(channel.array[CUBN_ARRAY_X]),
        pivot_(pivot_of<T>(params, channel, index)) {}
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

}  // namespace cubn
