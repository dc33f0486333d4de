// Forward: the statistics of a channel, and y = scale * (x - mean) * inv_std + bias.
//
// Numerics. A thread subtracts an origin from its values, the mean of its first batch, so that the
// deviations have the size of the spread, not of the mean. It sums the deviations and their squares
// in the compute type within a batch, and in double across its batches. A batch that leaves float's
// range is summed again in double. The sums of the threads are then taken relative to a pivot, one
// of the chunk's own values, in double, and become (count, mean, M2) of the chunk. So a constant
// channel has exactly M2 = 0 and its value as its mean, and the mean is known beyond float's
// precision.
#pragma once
#include <cuda_runtime.h>

#include <cfloat>
#include <cstdint>
#include <type_traits>

#include "core/reserve.h"
#include "core/statistics.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/device/op/batches.cuh"
#include "cuda/device/op/params.cuh"
#include "cuda/device/op/running.cuh"

namespace cubn {

// Doubles in the partial result of a channel: of a thread, of a chunk (then it is a slot of the
// workspace), and finally of the whole channel.
constexpr int SLOT = 3;

template <class Real>
using ForwardCoefficients = Affine<Real>;

// The mean is center + mean_low.
template <class Real>
__device__ inline ForwardCoefficients<Real> forward_coefficients(Real center, double mean_low,
                                                                 double inv_std, double scale,
                                                                 double bias, double alpha) {
  const double gain = limit_coefficient<Real>(alpha * scale * inv_std);
  return {center, static_cast<Real>(gain), static_cast<Real>(alpha * bias - mean_low * gain)};
}

template <class T>
struct Forward {
  using Element = T;
  using Real = Compute<T>;
  using Coefficients = ForwardCoefficients<Real>;
  static constexpr int INPUTS = 1;
  static constexpr bool FUSED = false;
  const T *inputs[INPUTS];           // x.
  T *output;                         // y, or NULL if only statistics are wanted.
  const Real *scale, *bias;          // Each may be NULL, which means 1 and 0.
  Real *saved_mean, *saved_inv_std;  // May be NULL.
  Real *saved_mean_low;              // Receives what rounding takes from the means; may be NULL.
  int64_t saved_first_channel;       // The channel of element 0 of these three.
  Real *reserved;                    // The arrays of CUBN_RESERVE_STATISTICS; may be NULL.
  int64_t reserved_channels;         // Values of each of them.
  Real *running_mean, *running_var;  // May be NULL.
  const Real *previous_mean, *previous_var;
  const Real *factor_pointer;          // If NULL, `factor` is used.
  Real *saved_r, *saved_d;             // Of batch renormalization; may be NULL.
  int32_t *nonfinite, *any_nonfinite;  // May be NULL.
  bool running_is_biased, guards_running, renormalizes;
  bool needs_epilogue;  // The coefficients are those of the pre-activation, without alpha.
  double alpha, factor;
  cubn_normalizer normalizer;
  cubn_renormalization_bounds bounds;
  Real beta;
  BatchSteps batches;

  // A thread's sums of one channel: of x - origin and of its square.
  struct Sums {
    Real origin;
    double deviation, square;
  };

  // Makes it the operation of a virtual batch.
  __device__ void move_to(int64_t batch) {
    saved_first_channel -= batch * batches.saved;
    if (reserved) reserved += batch * batches.reserved;
    if (batches.deferred) batches.deferred += 2 * batch * batches.channels;
  }

  __device__ Sums begin(int64_t) const { return {Real(0), 0.0, 0.0}; }

  // Adds the values of a batch, seen through a ChannelView. `first` marks the thread's first batch.
  template <bool WHOLE, class View>
  __device__ static void accumulate(Sums &sums, bool first, const View &view) {
    if (first) sums.origin = mean_of_batch<WHOLE>(view);
    Real deviation = 0, square = 0;
#pragma unroll
    for (int i = 0; i < View::COUNT; ++i) {
      const Real d = view.template valid<WHOLE>(i) ? view.value(0, i) - sums.origin : Real(0);
      deviation += d;
      square = multiply_add(d, d, square);
    }
    if (RANGE_MATTERS && !(square >= SQUARE_MIN && square <= FLT_MAX)) {
      accumulate_in_double<WHOLE>(sums, view);
      return;
    }
    sums.deviation += static_cast<double>(deviation);
    sums.square += static_cast<double>(square);
  }

  // Converts the sums of a thread with `count` values to sums relative to `pivot`.
  __device__ static void to_slot(const Sums &sums, double count, double pivot, double *slot) {
    const double shift = static_cast<double>(sums.origin) - pivot;
    slot[0] = count;
    slot[1] = count > 0.0 ? fma(count, shift, sums.deviation) : 0.0;
    slot[2] = count > 0.0 ? sums.square + shift * (2.0 * sums.deviation + count * shift) : 0.0;
  }
  // The pivot of the threads' sums, from a value that all threads read.
  __device__ static double pivot_of(Real value) {
    return static_cast<double>(value);
  }

  // Converts (count, sum, sum of squares), relative to `pivot`, to (count, mean, M2).
  __device__ static void to_moments(double *slot, double pivot) {
    const double offset = slot[1] / slot[0], m2 = slot[2] - slot[1] * offset;
    slot[1] = pivot + offset;
    slot[2] = m2 < 0.0 ? 0.0 : m2;  // NaN stays NaN.
  }
  // The pivot for combining slots, from one of them.
  __device__ static double pivot_of_slot(const double *slot) {
    return slot[1];
  }
  // The inverse of to_moments.
  __device__ static void from_moments(double *slot, double pivot) {
    const double offset = slot[1] - pivot;
    slot[1] = slot[0] * offset;
    slot[2] += slot[1] * offset;
  }

  // Writes the results of the whole channel; the mean in its slot is relative to `pivot`. One
  // thread calls it; afterwards no thread reads scale and bias of the channel, as the running
  // statistics may share memory with them. DEFERS says that there may be virtual batches.
  template <bool DEFERS = false>
  __device__ void finalize(int64_t channel, const double *slot, double pivot,
                           Coefficients *coefficients) const {
    const double count = slot[0], m2 = slot[2];
    const double offset = m2 == m2 ? slot[1] : m2;  // An infinite value makes only M2 NaN.
    const double mean = pivot + offset, inv_std = cubn_inverse_deviation(&normalizer, m2 / count);
    const Real center = static_cast<Real>(mean);
    const double mean_low = (pivot - static_cast<double>(center)) + offset;
    const cubn_renormalization by = renormalize(channel, mean, inv_std);
    if (output) *coefficients = coefficients_of(channel, center, mean_low, inv_std, by);
    if (saved_mean) {
      saved_mean[channel - saved_first_channel] = center;
      saved_inv_std[channel - saved_first_channel] = round_coefficient<Real>(inv_std);
    }
    if (saved_mean_low) saved_mean_low[channel - saved_first_channel] = static_cast<Real>(mean_low);
    if (reserved) store_reserved(channel, static_cast<Real>(mean_low), center, inv_std);
    if (!running_mean && !nonfinite && !any_nonfinite) return;
    const double var = m2 / (running_is_biased ? count : fmax(count - 1.0, 1.0));
    if (!DEFERS || !batches.defer(channel, mean, var)) update_running(channel, mean, var);
  }

  // r and d, as parameters hold them.
  __device__ cubn_renormalization renormalize(int64_t channel, double mean, double inv_std) const {
    if (!renormalizes) return {1.0, 0.0};
    const cubn_renormalization exact = cubn_renormalize(&normalizer, &bounds, mean, inv_std,
                                                        static_cast<double>(previous_mean[channel]),
                                                        static_cast<double>(previous_var[channel]));
    const Real r = static_cast<Real>(exact.r), d = static_cast<Real>(exact.d);
    if (saved_r) saved_r[channel] = r;
    if (saved_d) saved_d[channel] = d;
    return {static_cast<double>(r), static_cast<double>(d)};
  }

  __device__ void update_running(int64_t channel, double mean, double var) const {
    const double weight = factor_pointer ? static_cast<double>(*factor_pointer) : factor;
    const RunningStep step =
        running_step<Real>(mean, var, weight, guards_running, channel, nonfinite, any_nonfinite);
    if (!running_mean) return;
    blend_from(previous_mean + channel, running_mean + channel, step.weight, step.mean,
               step.prior_weight);
    blend_from(previous_var + channel, running_var + channel, step.weight, step.var,
               step.prior_weight);
  }

  // Leaves the statistics of a channel as the pre-activation is computed from them.
  __device__ void store_reserved(int64_t channel, Real mean_low, Real center,
                                 double inv_std) const {
    Real *const at = reserved + channel;
    at[CUBN_RESERVED_MEAN_LOW * reserved_channels] = mean_low;
    at[CUBN_RESERVED_MEAN * reserved_channels] = center;
    at[CUBN_RESERVED_INV_STD * reserved_channels] = round_coefficient<Real>(inv_std);
  }

  __device__ Coefficients coefficients_of(int64_t channel, Real center, double mean_low,
                                          double inv_std, cubn_renormalization by) const {
    const ScaleBias<Real> params = scale_and_bias(scale, bias, channel, by);
    if (!needs_epilogue)
      return forward_coefficients(center, mean_low, inv_std, static_cast<double>(params.scale),
                                  static_cast<double>(params.bias), alpha);
    return make_affine(center, static_cast<Real>(mean_low), round_coefficient<Real>(inv_std),
                       params.scale, params.bias);
  }

  __device__ bool reads(int) const {
    return true;
  }
  __device__ static Real apply(const Coefficients &k, const Real (&in)[INPUTS]) {
    return multiply_add(in[0] - k.center, k.gain, k.shift);
  }

 private:
  // Squares of half neither overflow nor vanish in float, and double has no wider type.
  static constexpr bool RANGE_MATTERS = sizeof(Real) == 4 && !std::is_same_v<T, __half>;
  // Compared with this, squares below 2^-126, which float rounds to few bits or to 0, are
  // negligible.
  static constexpr Real SQUARE_MIN = Real(1e-30);

  // The first value plus the mean of the deviations from it. It is exact if all values are equal.
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
    return mean - mean == Real(0) ? mean : value;  // The mean, if it is finite.
  }

  template <bool WHOLE, class View>
  __device__ static void accumulate_in_double(Sums &sums, const View &view) {
    bool differ = false;  // NaN differs from itself.
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
