// Backward: sums over a channel, and dx = scale * inv_std * (dy - dbias / m - x_hat * dscale / m).
//
// Numerics. Everything is computed from x_hat = (x - saved_mean) * inv_std, whose size does not
// depend on that of x. The saved mean is rounded, and the sum of x_hat, which would otherwise be 0,
// shows by how much. If that is at most a rounding error, the sums are corrected for it; else the
// caller passed other statistics, which are used as they are.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/batches.cuh"
#include "cuda/device/op/forward.cuh"

namespace cubn {

// The coefficients of dx = (dy - shift - (x - center) * inv_std * slope) * gain.
template <class Real>
struct BackwardCoefficients {
  Real center, inv_std, slope, shift, gain;
};

template <class T>
struct Backward {
  using Element = T;
  using Real = Compute<T>;
  using Coefficients = BackwardCoefficients<Real>;
  static constexpr int INPUTS = 2;
  static constexpr bool FUSED = false;
  const T *inputs[INPUTS];  // x and dy.
  T *output;                // dx, or NULL.
  const Real *scale;        // If NULL, 1.
  const Real *saved_mean, *saved_inv_std;
  const Real *mean_low;           // What these means lack, if it is known; may be NULL.
  int64_t saved_first_channel;    // The channel of element 0 of these three.
  bool is_from_y;                 // Input 0 is y = scale * x_hat + bias.
  const Real *center_of_y;        // That bias; may be NULL.
  const Real *saved_r, *saved_d;  // Of batch renormalization; NULL without.
  Real *dscale, *dbias;           // Each may be NULL.
  double count;                   // Values of a channel that are summed.
  double m;                       // Values of a channel in the formula of dx.
  double alpha, param_alpha, param_beta;
  cubn_normalizer normalizer;
  Real beta;
  BatchSteps batches;

  // A thread's sums of one channel: of dy, dy * x_hat and x_hat.
  struct Sums {
    Real center, inv_std;
    double dy, product, x_hat;
  };

  // The counterpart of that of Forward.
  __device__ void move_to(int64_t batch) {
    saved_first_channel -= batch * batches.saved;
    if (batches.deferred) batches.deferred += 2 * batch * batches.channels;
  }

  __device__ Sums begin(int64_t channel) const {
    return {center_of(channel), inverse_of(channel), 0.0, 0.0, 0.0};
  }

  // Elements that are not valid have dy = 0, but their x_hat would not be 0.
  template <bool WHOLE, class View>
  __device__ static void accumulate(Sums &sums, bool, const View &view) {
    Real sum_dy = 0, sum_product = 0, sum_x_hat = 0;
#pragma unroll
    for (int i = 0; i < View::COUNT; ++i) {
      const Real dy = view.value(1, i);
      const Real x_hat =
          view.template valid<WHOLE>(i) ? (view.value(0, i) - sums.center) * sums.inv_std : Real(0);
      sum_dy += dy;
      sum_product = multiply_add(dy, x_hat, sum_product);
      sum_x_hat += x_hat;
    }
    sums.dy += static_cast<double>(sum_dy);
    sums.product += static_cast<double>(sum_product);
    sums.x_hat += static_cast<double>(sum_x_hat);
  }

  // The counterparts of those of Forward. These sums need no pivot.
  __device__ static void to_slot(const Sums &sums, double, double, double *slot) {
    slot[0] = sums.dy;
    slot[1] = sums.product;
    slot[2] = sums.x_hat;
  }
  __device__ static double pivot_of(Real) {
    return 0.0;
  }
  __device__ static double pivot_of_slot(const double *) {
    return 0.0;
  }
  __device__ static void to_moments(double *, double) {}
  __device__ static void from_moments(double *, double) {}

  template <bool DEFERS = false>
  __device__ void finalize(int64_t channel, const double *slot, double,
                           Coefficients *coefficients) const {
    const Real center = center_of(channel), inverse = inverse_of(channel);
    const double mean = static_cast<double>(center);
    const double inv_std = static_cast<double>(saved_inv_std[channel - saved_first_channel]);
    const double rounding = sizeof(Real) == 4 ? 0x1p-23 : 0x1p-52;
    const double excess = slot[2] / count;  // (true mean - saved mean) * inv_std.
    const double estimate = fabs(excess) <= rounding * fabs(mean) * inv_std ? excess : 0.0;
    const double error = is_from_y ? 0.0 : mean_low ? error_of(channel, inv_std) : estimate;
    const double sum_dy = slot[0], sum_product = slot[1] - error * sum_dy;
    const double slope = slope_of(sum_product, inv_std);
    *coefficients = {center, inverse, static_cast<Real>(slope),
                     static_cast<Real>(sum_dy / m - error * slope), gain_of(channel, inv_std)};
    const bool is_negative = is_from_y && parameter(scale, channel, 1.0) < 0.0;
    write_sums<DEFERS>(channel, is_negative ? -sum_product : sum_product, sum_dy);
  }
  // What x_hat is computed with; from y up to the sign of scale, which cancels in dx.
  __device__ Real center_of(int64_t channel) const {
    return is_from_y ? static_cast<Real>(parameter(center_of_y, channel, 0.0))
                     : saved_mean[channel - saved_first_channel];
  }
  __device__ Real inverse_of(int64_t channel) const {
    if (!is_from_y) return saved_inv_std[channel - saved_first_channel];
    const double inverse =
        cubn_inverse_scale(sizeof(Real) == sizeof(float), parameter(scale, channel, 1.0));
    return static_cast<Real>(inverse);
  }
  // By how much x_hat is too large for want of the low part of the mean, if that is known.
  __device__ double error_of(int64_t channel, double inv_std) const {
    if (!mean_low) return 0.0;
    return static_cast<double>(mean_low[channel - saved_first_channel]) * inv_std;
  }
  // The coefficient of x_hat, from the sum of dy * x_hat.
  __device__ double slope_of(double sum_product, double inv_std) const {
    return sum_product / m * cubn_variance_slope(&normalizer, sizeof(Real) == 4, inv_std);
  }
  __device__ Real gain_of(int64_t channel, double inv_std) const {
    const Real *const no_bias = nullptr;
    const Real factor = scale_and_bias(scale, no_bias, channel, renormalization_of(channel)).scale;
    return round_coefficient<Real>(alpha * static_cast<double>(factor) * inv_std);
  }
  __device__ cubn_renormalization renormalization_of(int64_t channel) const {
    if (!saved_r) return {1.0, 0.0};
    return {static_cast<double>(saved_r[channel]), static_cast<double>(saved_d[channel])};
  }
  template <bool DEFERS>
  __device__ void write_sums(int64_t channel, double sum_product, double sum_dy) const {
    if (DEFERS && batches.defer(channel, sum_product, sum_dy)) return;
    const cubn_renormalization by = renormalization_of(channel);
    const double sum = saved_r ? cubn_product(by.r, sum_product) + by.d * sum_dy : sum_product;
    if (dscale) blend_into(dscale + channel, param_alpha, sum, param_beta);
    if (dbias) blend_into(dbias + channel, param_alpha, sum_dy, param_beta);
  }

  __device__ bool reads(int) const {
    return true;
  }
  __device__ static Real apply(const Coefficients &k, const Real (&in)[INPUTS]) {
    const Real x_hat = (in[0] - k.center) * k.inv_std;
    return multiply_add(-k.slope, x_hat, in[1] - k.shift) * k.gain;
  }
};

}  // namespace cubn
