// What the strided algorithm adds for fused operations: the reserve space, the gradient of the
// pre-activation, and the elements. The pre-activation is that of all other algorithms, bit for bit.
#pragma once
#include "cuda/strided/elements.cuh"

namespace cubn {

// ---- The mask -----------------------------------------------------------------------------------

// cubn_mask_bit() for the device.
__device__ inline int64_t mask_bit(const MaskTarget &mask, int64_t place) {
  const int64_t at = divide(place, mask.by_row), begin = at * mask.layout.row;
  return at * mask.layout.row_bytes * 8 + (place - begin) + (mask.layout.is_phased ? begin & 7 : 0);
}

__device__ inline bool get_mask(const MaskTarget &mask, int64_t place) {
  const int64_t bit = mask_bit(mask, place);
  return mask.begin[bit >> 3] >> (bit & 7) & 1;
}

// Of bits that are 0 before the launch. Threads share bytes: bits are set by atomic operations, on
// whole words.
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
  __device__ FusedForwardElement(const Job &job, const Offsets &channel, int64_t index)
      : job_(job), origin_(channel), affine_(read_affine(job, channel, index)) {}
  __device__ double compute(const Offsets &sample) const {
    const cubn_args &args = job_.args;
    const int64_t x = origin_.of[CUBN_ARRAY_X] + sample.of[CUBN_ARRAY_X];
    const int64_t z = origin_.of[CUBN_ARRAY_Z] + sample.of[CUBN_ARRAY_Z];
    const int64_t place = origin_.of[CUBN_ARRAY_PLACE] + sample.of[CUBN_ARRAY_PLACE];
    const Activation<P> &activation = activation_of<P>(job_);
    P p = pre_activation(affine_, to_compute(static_cast<const T *>(args.x)[x]));
    if (args.z) p += to_compute(static_cast<const T *>(args.z)[z]);
    if (job_.reserve == CUBN_RESERVE_MASK && passes(activation, rounded<T>(p)))
      set_mask(job_.mask, place);
    if (job_.reserve == CUBN_RESERVE_INPUT)
      static_cast<T *>(args.reserve)[place] = from_compute<T>(p);
    P result[1] = {p};
    activate<T>(activation, result);
    return args.alpha * static_cast<double>(result[0]);
  }

 private:
  using P = Compute<T>;
  __device__ static Affine<P> read_affine(const Job &job, const Offsets &channel, int64_t index) {
    if (job.pass == CUBN_PASS_TRAIN)
      return {static_cast<P>(*factor(job, 0, index)), static_cast<P>(*factor(job, 1, index)),
              static_cast<P>(*factor(job, 2, index))};
    const int64_t offset = channel.of[CUBN_ARRAY_PARAM];
    return preactivation_affine<P>(job, offset, static_cast<const P *>(job.args.mean)[offset], P(0),
                                   static_cast<P>(given_inv_std<P>(job, offset)));
  }

  const Job &job_;
  Offsets origin_;
  Affine<P> affine_;
};

// ---- Backward -----------------------------------------------------------------------------------

// The gradient dp of the pre-activation, as the tensors hold it.
template <class T>
class Gradient {
 public:
  __device__ Gradient(const Job &job, const Offsets &channel, int64_t index)
      : job_(job), origin_(channel), affine_(read_affine(job, channel, index)) {}
  __device__ double compute(const Offsets &sample) const {
    const Activation<P> &activation = activation_of<P>(job_);
    const P dy = value(job_.args.dy, CUBN_ARRAY_DY, sample);
    if (activation.is_identity) return static_cast<double>(dy);
    P dp[1] = {dy};
    if (job_.reserve == CUBN_RESERVE_MASK) {
      const int64_t place = origin_.of[CUBN_ARRAY_PLACE] + sample.of[CUBN_ARRAY_PLACE];
      if (!get_mask(job_.mask, place)) dp[0] = blocked(activation, dy);
    } else {
      const P p[1] = {job_.reserve == CUBN_RESERVE_INPUT
                          ? value(job_.args.reserve, CUBN_ARRAY_PLACE, sample)
                          : pre_activation(affine_, value(job_.args.x, CUBN_ARRAY_X, sample))};
      differentiate<T>(activation, p, dp);
    }
    return static_cast<double>(rounded<T>(dp[0]));
  }

 private:
  using P = Compute<T>;
  __device__ P value(const void *array, int which, const Offsets &sample) const {
    return to_compute(static_cast<const T *>(array)[origin_.of[which] + sample.of[which]]);
  }
  __device__ static Affine<P> read_affine(const Job &job, const Offsets &channel, int64_t index) {
    if (!job.recomputes) return {};
    const int64_t offset = channel.of[CUBN_ARRAY_PARAM];
    const Statistics statistics = backward_statistics<P>(job, index, offset);
    const P mean_low =
        job.reserve == CUBN_RESERVE_MEANS ? static_cast<const P *>(job.args.reserve)[index] : P(0);
    return preactivation_affine<P>(job, offset, static_cast<P>(statistics.mean), mean_low,
                                   static_cast<P>(statistics.inv_std));
  }

  const Job &job_;
  Offsets origin_;
  Affine<P> affine_;
};

template <class T>
class FoldFusedGradients {
 public:
  using Sum = Gradients;
  struct Value {
    double x, dp;
  };

  __device__ FoldFusedGradients(const Job &job, const Offsets &channel, int64_t index)
      : x_(job.args.x),
        origin_(channel.of[CUBN_ARRAY_X]),
        gradient_(job, channel, index),
        statistics_(backward_statistics<Compute<T>>(job, index, channel.of[CUBN_ARRAY_PARAM])) {}
  __device__ Value load_value(const Offsets &sample) const {
    return {load<T>(x_, origin_ + sample.of[CUBN_ARRAY_X]), gradient_.compute(sample)};
  }
  __device__ void take(const Value &value) { sum_.take(value.x, value.dp, statistics_); }
  __device__ Gradients sum() const { return sum_; }

 private:
  const void *x_;
  int64_t origin_;
  Gradient<T> gradient_;
  Statistics statistics_;
  Gradients sum_ = {0.0, 0.0, 0.0};
};

// Writes dz itself.
template <class T>
class FusedBackwardElement {
 public:
  __device__ FusedBackwardElement(const Job &job, const Offsets &channel, int64_t index)
      : job_(job),
        origin_(channel),
        gradient_(job, channel, index),
        factors_(read_factors(job, channel, index)) {}
  __device__ double compute(const Offsets &sample) const {
    const double dp = gradient_.compute(sample);
    const bool needs_x = job_.args.output && !job_.is_frozen;
    const int64_t x_at = origin_.of[CUBN_ARRAY_X] + sample.of[CUBN_ARRAY_X];
    const double x = needs_x ? load<T>(job_.args.x, x_at) : 0.0;
    if (job_.args.dz)
      static_cast<T *>(job_.args.dz)[origin_.of[CUBN_ARRAY_Z] + sample.of[CUBN_ARRAY_Z]] =
          from_double<T>(dp);
    if (!needs_x) return factors_.gain * dp;
    const double x_hat = (x - factors_.mean) * factors_.inv_std;
    return factors_.gain * (dp - factors_.shift - x_hat * factors_.slope);
  }

 private:
  __device__ static BackwardFactors read_factors(const Job &job, const Offsets &channel,
                                                 int64_t index) {
    using P = Compute<T>;
    if (!job.args.output) return {};
    if (job.needs_sums && !job.is_frozen)
      return {*factor(job, 0, index), *factor(job, 1, index), *factor(job, 2, index),
              *factor(job, 3, index), *factor(job, 4, index)};
    const int64_t offset = channel.of[CUBN_ARRAY_PARAM];
    const Statistics given = backward_statistics<P>(job, index, offset);
    BackwardFactors factors = {given.mean, given.inv_std, gain_of<P>(job, offset, given.inv_std),
                               0.0, 0.0};
    if (job.sums_are_given && !job.is_frozen) {
      factors.shift = load<P>(job.args.dbias, offset) / job.args.count;
      factors.slope = load<P>(job.args.dscale, offset) / job.args.count;
    }
    return factors;
  }

  const Job &job_;
  Offsets origin_;
  Gradient<T> gradient_;
  BackwardFactors factors_;
};

}  // namespace cubn
