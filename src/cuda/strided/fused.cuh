// The epilogue of the strided algorithm: the mask, the gradient of the pre-activation, and the
// elements of y, dz and dx. The pre-activation is that of all other algorithms, bit for bit.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/strided/axes.cuh"
#include "cuda/strided/params.cuh"
#include "cuda/strided/sums.cuh"

namespace cubn {

// ---- The mask -----------------------------------------------------------------------------------

// The counterpart of cubn_mask_bit() on the device.
__device__ inline int64_t mask_bit(const MaskTarget &mask, int64_t place) {
  const int64_t row = divide(place, mask.by_row), begin = row * mask.layout.row;
  return row * mask.layout.row_bytes * 8 + (place - begin) +
         (mask.layout.is_phased ? begin & 7 : 0);
}

__device__ inline bool get_mask(const MaskTarget &mask, int64_t place) {
  const int64_t bit = mask_bit(mask, place);
  return mask.begin[bit >> 3] >> (bit & 7) & 1;
}

// Sets a bit, which is 0 before the launch. Because threads share bytes, bits are set by atomic
// operations on whole words.
__device__ inline void set_mask(const MaskTarget &mask, int64_t place) {
  const int64_t bit = mask_bit(mask, place);
  unsigned char *const byte = mask.begin + (bit >> 3);
  const unsigned in_word = static_cast<unsigned>(reinterpret_cast<uintptr_t>(byte) % 4);
  unsigned char *const word = byte - in_word;
  unsigned *const target = word < mask.begin     ? mask.edges
                           : word + 4 > mask.end ? mask.edges + 1
                                                 : reinterpret_cast<unsigned *>(word);
  atomicOr(target, 1u << (in_word * 8 + (bit & 7)));
}

// ---- Forward ------------------------------------------------------------------------------------

template <class T>
class FusedForwardElement {
 public:
  __device__ FusedForwardElement(const StridedParams &params, const Offsets &channel, int64_t index)
      : params_(params), origin_(channel), affine_(read_affine(params, channel, index)) {}
  __device__ double compute(const Offsets &sample) const {
    const cubn_args &args = params_.args;
    const int64_t x = origin_.array[CUBN_ARRAY_X] + sample.array[CUBN_ARRAY_X];
    const int64_t z = origin_.array[CUBN_ARRAY_Z] + sample.array[CUBN_ARRAY_Z];
    const int64_t place = origin_.array[CUBN_ARRAY_PLACE] + sample.array[CUBN_ARRAY_PLACE];
    const Activation<P> &activation = activation_of<P>(params_);
    P p = pre_activation(affine_, to_compute(static_cast<const T *>(args.x)[x]));
    if (args.z) p += to_compute(static_cast<const T *>(args.z)[z]);
    if (params_.reserve == CUBN_RESERVE_MASK && passes(activation, rounded<T>(p)))
      set_mask(params_.mask, place);
    if (params_.reserve == CUBN_RESERVE_INPUT)
      static_cast<T *>(args.reserve)[place] = from_compute<T>(p);
    P result[1] = {p};
    activate<T>(activation, result);
    return args.alpha * static_cast<double>(result[0]);
  }

 private:
  using P = Compute<T>;
  __device__ static Affine<P> read_affine(const StridedParams &params, const Offsets &channel,
                                          int64_t index) {
    if (params.pass == CUBN_PASS_TRAIN)
      return {static_cast<P>(*factor(params, 0, index)), static_cast<P>(*factor(params, 1, index)),
              static_cast<P>(*factor(params, 2, index))};
    const int64_t offset = channel.array[CUBN_ARRAY_PARAM];
    return preact_affine<P>(params, offset, static_cast<const P *>(params.args.mean)[offset],
                            static_cast<P>(load_or<P>(params.args.mean_low, offset, 0.0)),
                            round_coefficient<P>(given_inv_std<P>(params, offset)), {1.0, 0.0});
  }

  const StridedParams &params_;
  Offsets origin_;
  Affine<P> affine_;
};

// ---- Backward -----------------------------------------------------------------------------------

// Functions of double, compiled once for all kernels.
static __device__ __attribute__((noinline)) double inverse_value(const cubn_inverse &inverse,
                                                                 double y) {
  return cubn_inverse_value(&inverse, y);
}

// x or, from y, the pre-activation.
template <class T>
__device__ inline double load_input(const StridedParams &params, int64_t offset) {
  const double value = load<T>(params.args.x, offset);
  return params.is_from_y ? inverse_value(params.inverse, value) : value;
}

// The gradient dp of the pre-activation, rounded to the type of the tensors.
template <class T>
class PreactGradient {
 public:
  __device__ PreactGradient(const StridedParams &params, const Offsets &channel, int64_t index)
      : params_(params), origin_(channel), affine_(read_affine(params, channel, index)) {}
  __device__ double compute(const Offsets &sample) const {
    const Activation<P> &activation = activation_of<P>(params_);
    const P dy = value(params_.args.dy, CUBN_ARRAY_DY, sample);
    if (activation.is_identity) return static_cast<double>(dy);
    if (params_.is_from_y) return static_cast<double>(rounded<T>(from_y(dy, sample)));
    P dp[1] = {dy};
    if (params_.reserve == CUBN_RESERVE_MASK) {
      const int64_t place = origin_.array[CUBN_ARRAY_PLACE] + sample.array[CUBN_ARRAY_PLACE];
      if (!get_mask(params_.mask, place)) dp[0] = blocked_gradient(activation, dy);
    } else {
      const P p[1] = {params_.reserve == CUBN_RESERVE_INPUT
                          ? value(params_.args.reserve, CUBN_ARRAY_PLACE, sample)
                          : pre_activation(affine_, value(params_.args.x, CUBN_ARRAY_X, sample))};
      differentiate<T>(activation, p, dp);
    }
    return static_cast<double>(rounded<T>(dp[0]));
  }

 private:
  using P = Compute<T>;
  __device__ P value(const void *array, int which, const Offsets &sample) const {
    return to_compute(static_cast<const T *>(array)[origin_.array[which] + sample.array[which]]);
  }
  __device__ P from_y(P dy, const Offsets &sample) const {
    const double y = static_cast<double>(value(params_.args.x, CUBN_ARRAY_X, sample));
    return static_cast<P>(static_cast<double>(dy) * cubn_inverse_slope(&params_.inverse, y));
  }
  __device__ static Affine<P> read_affine(const StridedParams &params, const Offsets &channel,
                                          int64_t index) {
    if (!params.recomputes || params.is_from_y) return {};
    const int64_t offset = channel.array[CUBN_ARRAY_PARAM];
    const Statistics statistics = backward_statistics<P>(params, index, offset);
    const int64_t saved = saved_index(params, index, offset);
    const P mean_low = params.reserve == CUBN_RESERVE_STATISTICS
                           ? static_cast<const P *>(params.args.reserve)[index]
                           : static_cast<P>(load_or<P>(params.args.mean_low, saved, 0.0));
    return preact_affine<P>(params, offset, static_cast<P>(statistics.mean), mean_low,
                            round_coefficient<P>(statistics.inv_std),
                            saved_renormalization<P>(params, offset));
  }

  const StridedParams &params_;
  Offsets origin_;
  Affine<P> affine_;
};

// As GradientsReducer, with dp instead of dy.
template <class T>
class FusedGradientsReducer {
 public:
  using Sum = Gradients;
  struct Value {
    double x, dp;
  };

  __device__ FusedGradientsReducer(const StridedParams &params, const Offsets &channel,
                                   int64_t index)
      : params_(params),
        origin_(channel.array[CUBN_ARRAY_X]),
        gradient_(params, channel, index),
        statistics_(
            backward_statistics<Compute<T>>(params, index, channel.array[CUBN_ARRAY_PARAM])) {}
  __device__ Value load_value(const Offsets &sample) const {
    return {load_input<T>(params_, origin_ + sample.array[CUBN_ARRAY_X]),
            gradient_.compute(sample)};
  }
  __device__ void accumulate(const Value &value) {
    sum_.accumulate(value.x, value.dp, statistics_);
  }
  __device__ Gradients sum() const { return sum_; }

 private:
  const StridedParams &params_;
  int64_t origin_;
  PreactGradient<T> gradient_;
  Statistics statistics_;
  Gradients sum_ = {0.0, 0.0, 0.0, 0};
};

// Computes an element of dx, and stores that of dz.
template <class T>
class FusedBackwardElement {
 public:
  __device__ FusedBackwardElement(const StridedParams &params, const Offsets &channel,
                                  int64_t index)
      : params_(params),
        origin_(channel),
        gradient_(params, channel, index),
        factors_(read_factors(params, channel, index)) {}
  __device__ double compute(const Offsets &sample) const {
    const double dp = gradient_.compute(sample);
    const bool needs_x = params_.args.output && !params_.is_frozen;
    const int64_t x_offset = origin_.array[CUBN_ARRAY_X] + sample.array[CUBN_ARRAY_X];
    const double x = needs_x ? load_input<T>(params_, x_offset) : 0.0;
    if (params_.args.dz)
      static_cast<T *>(params_.args.dz)[origin_.array[CUBN_ARRAY_Z] + sample.array[CUBN_ARRAY_Z]] =
          from_double<T>(dp);
    if (!needs_x) return factors_.gain * dp;
    const double x_hat = (x - factors_.mean) * factors_.inv_std;
    return factors_.gain * (dp - factors_.shift - x_hat * factors_.slope);
  }

 private:
  __device__ static BackwardFactors read_factors(const StridedParams &params,
                                                 const Offsets &channel, int64_t index) {
    using P = Compute<T>;
    if (!params.args.output) return {};
    if (params.needs_sums && !params.is_frozen)
      return {*factor(params, 0, index), *factor(params, 1, index), *factor(params, 2, index),
              *factor(params, 3, index), *factor(params, 4, index)};
    const int64_t offset = channel.array[CUBN_ARRAY_PARAM];
    const Statistics given = backward_statistics<P>(params, index, offset);
    BackwardFactors factors = {given.mean, given.inv_std, gain_of<P>(params, offset, given.inv_std),
                               0.0, 0.0};
    if (params.sums_are_given && !params.is_frozen) {
      const double error = error_of<P>(params, index, offset, given.inv_std);
      factors.slope = slope_of<P>(params, load<P>(params.args.dscale, offset), params.args.count,
                                  given.inv_std);
      factors.shift =
          load<P>(params.args.dbias, offset) / params.args.count - error * factors.slope;
    }
    return factors;
  }

  const StridedParams &params_;
  Offsets origin_;
  PreactGradient<T> gradient_;
  BackwardFactors factors_;
};

}  // namespace cubn
