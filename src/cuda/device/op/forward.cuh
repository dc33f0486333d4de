// Forward: the statistics of a channel, and y = scale * (x - mean) * inv_std + bias.
//
// Numerics. A thread takes its values relative to an origin, the mean of its first batch: the
// deviations are of the size of the spread, not of the mean. It sums them and their squares in the
// computing type within a batch and in double over its batches. What does not fit float's range
// there is summed again in double. Sums of threads are then taken relative to one of the chunk's
// own values, in double, and become (count, mean, M2) of the chunk. So a constant channel has M2 =
// 0 and its value as its mean, exactly, and the mean is known beyond float's precision.
#pragma once
#include <cfloat>
#include <type_traits>

#include "cuda/device/layout/batch.cuh"
#include "cuda/device/op/activation.cuh"

namespace cubn {

// Partial results of a channel, in double: of a thread, of a chunk (then they stand in a slot of
// the workspace), and in the end of the whole channel.
constexpr int SLOT = 3;

// 1 / sqrt(var + epsilon), and 0 where that is not defined because both are 0.
__device__ inline double inverse_std(double var, double epsilon) {
  const double v = var + epsilon;
  return v == 0.0 ? 0.0 : 1.0 / sqrt(v);
}

// *to = factor * result + prior_factor * *prior; a prior of weight 0 is not read.
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

// A parameter of a channel, or its default where the caller has none.
template <class Real>
__device__ inline double parameter(const Real *array, int64_t channel, double otherwise) {
  return array ? static_cast<double>(array[channel]) : otherwise;
}

template <class Real>
using ForwardCoefficients = Affine<Real>;

template <class Real>
__device__ inline ForwardCoefficients<Real> forward_coefficients(double mean, double inv_std,
                                                                 double scale, double bias,
                                                                 double alpha) {
  const Real center = static_cast<Real>(mean);
  const double gain = alpha * scale * inv_std;
  const double mean_low = mean - static_cast<double>(center);  // 0 for a mean beyond rounding
  return {center, static_cast<Real>(gain), static_cast<Real>(alpha * bias - mean_low * gain)};
}

template <class T>
struct Forward {
  using Element = T;
  using Real = Compute<T>;
  using Coefficients = ForwardCoefficients<Real>;
  static constexpr int INPUTS = 1;
  static constexpr bool FUSED = false;
  const T *inputs[INPUTS];           // x
  T *output;                         // or NULL: statistics only
  const Real *scale, *bias;          // or NULL: 1 and 0
  Real *saved_mean, *saved_inv_std;  // or NULL
  int64_t saved_channel0;            // the channel that they begin with
  Real *running_mean, *running_var;  // or NULL
  const Real *previous_mean, *previous_var;
  const Real *factor_pointer;  // or NULL: factor
  bool running_is_biased;
  bool needs_epilogue;  // the coefficients are those of a pre-activation, without alpha, and ...
  Real *means;          // ... what rounding takes from the mean is kept here, or NULL
  double alpha, epsilon, factor;
  Real beta;

  // A thread's sums of one channel: of x - origin and of its square.
  struct Sums {
    Real origin;
    double deviation, square;
  };

  __device__ Sums begin(int64_t) const { return {Real(0), 0.0, 0.0}; }

  // Adds the values of a batch (ChannelView or alike). `first`: the thread's first batch.
  template <bool WHOLE, class View>
  __device__ static void fold(Sums &sums, bool first, const View &view) {
    if (first) sums.origin = mean_of_batch<WHOLE>(view);
    Real deviation = 0, square = 0;
#pragma unroll
    for (int i = 0; i < View::COUNT; ++i) {
      const Real d = view.template valid<WHOLE>(i) ? view.value(0, i) - sums.origin : Real(0);
      deviation += d;
      square = multiply_add(d, d, square);
    }
    if (RANGE_MATTERS && !(square >= SQUARE_MIN && square <= FLT_MAX)) {
      fold_in_double<WHOLE>(sums, view);
      return;
    }
    sums.deviation += static_cast<double>(deviation);
    sums.square += static_cast<double>(square);
  }

  // Of a thread with `count` values, relative to `pivot`.
  __device__ static void relative(const Sums &sums, double count, double pivot, double *slot) {
    const double shift = static_cast<double>(sums.origin) - pivot;
    slot[0] = count;
    slot[1] = count > 0.0 ? fma(count, shift, sums.deviation) : 0.0;
    slot[2] = count > 0.0 ? sums.square + shift * (2.0 * sums.deviation + count * shift) : 0.0;
  }
  // A number to take sums of threads relative to, from a value that all of them see.
  __device__ static double pivot_of(Real value) {
    return static_cast<double>(value);
  }

  // (count, sum, sum of squares) relative to `pivot` becomes (count, mean, M2) ...
  __device__ static void to_moments(double *slot, double pivot) {
    const double offset = slot[1] / slot[0], m2 = slot[2] - slot[1] * offset;
    slot[1] = pivot + offset;
    slot[2] = m2 < 0.0 ? 0.0 : m2;  // NaN stays
  }
  // ... and back again.
  __device__ static double pivot_of_slot(const double *slot) {
    return slot[1];
  }
  __device__ static void from_moments(double *slot, double pivot) {
    const double offset = slot[1] - pivot;
    slot[1] = slot[0] * offset;
    slot[2] += slot[1] * offset;
  }

  // Of the whole channel. By one thread, after which nobody reads scale and bias of the channel.
  __device__ void finalize(int64_t channel, const double *slot, Coefficients *coefficients) const {
    const double count = slot[0], m2 = slot[2];
    const double mean = m2 == m2 ? slot[1] : m2;  // infinity among the values is NaN in M2 only
    const double inv_std = inverse_std(m2 / count, epsilon);
    if (output) *coefficients = coefficients_of(channel, mean, inv_std);
    if (saved_mean) {
      saved_mean[channel - saved_channel0] = static_cast<Real>(mean);
      saved_inv_std[channel - saved_channel0] = static_cast<Real>(inv_std);
    }
    if (running_mean) {
      const double weight = factor_pointer ? static_cast<double>(*factor_pointer) : factor;
      const double var = m2 / (running_is_biased ? count : fmax(count - 1.0, 1.0));
      blend_from(previous_mean + channel, running_mean + channel, weight, mean, 1.0 - weight);
      blend_from(previous_var + channel, running_var + channel, weight, var, 1.0 - weight);
    }
  }

  __device__ Coefficients coefficients_of(int64_t channel, double mean, double inv_std) const {
    const double scale_value = parameter(scale, channel, 1.0);
    const double bias_value = parameter(bias, channel, 0.0);
    if (!needs_epilogue)
      return forward_coefficients<Real>(mean, inv_std, scale_value, bias_value, alpha);
    const Real center = static_cast<Real>(mean);
    const Real mean_low = static_cast<Real>(mean - static_cast<double>(center));
    if (means) means[channel] = mean_low;
    return make_affine(center, mean_low, static_cast<Real>(inv_std), static_cast<Real>(scale_value),
                       static_cast<Real>(bias_value));
  }

  __device__ bool reads(int) const {
    return true;
  }
  __device__ static Real apply(const Coefficients &k, const Real (&in)[INPUTS]) {
    return multiply_add(in[0] - k.center, k.gain, k.shift);
  }

 private:
  // Half's squares neither overflow nor vanish in float; double has no wider type to turn to.
  static constexpr bool RANGE_MATTERS = sizeof(Real) == 4 && !std::is_same_v<T, __half>;
  // Squares that float rounds to 0 or to few bits, below 2^-126, are lost beside this.
  static constexpr Real SQUARE_MIN = Real(1e-30);

  // The first value plus the mean of the deviations from it, which is exact where all are equal.
  template <bool WHOLE, class View>
  __device__ static Real mean_of_batch(const View &view) {
    Real value = 0, sum = 0, count = 0;
#pragma unroll
    for (int i = View::COUNT - 1; i >= 0; --i)
      if (view.template valid<WHOLE>(i)) value = view.value(0, i);
#pragma unroll
    for (int i = 0; i < View::COUNT; ++i)
      if (view.template valid<WHOLE>(i)) {
        sum += view.value(0, i) - value;
        count += 1;
      }
    const Real mean = value + sum / count;
    return mean - mean == Real(0) ? mean : value;  // the mean if it is finite
  }

  template <bool WHOLE, class View>
  __device__ static void fold_in_double(Sums &sums, const View &view) {
    bool differ = false;  // also from itself, for NaN
#pragma unroll
    for (int i = 0; i < View::COUNT; ++i)
      differ |= view.template valid<WHOLE>(i) && view.value(0, i) != sums.origin;
    if (!differ) return;
    const double origin = static_cast<double>(sums.origin);
#pragma unroll
    for (int i = 0; i < View::COUNT; ++i) {
      const double d =
          view.template valid<WHOLE>(i) ? static_cast<double>(view.value(0, i)) - origin : 0.0;
      sums.deviation += d;
      sums.square = multiply_add(d, d, sums.square);
    }
  }
};

}  // namespace cubn
