// The parameters of the strided kernels, and the factors by which they compute the elements of a
// channel.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "core/inverse.h"
#include "cuda/device/base/divisor.cuh"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/params.cuh"
#include "cuda/strided/axes.cuh"

namespace cubn {

// The mask in the reserve space. Bits are set by whole words. The words at its two edges may be
// partly outside of the reserve space; `edges` stands for these two until all bits are set.
struct MaskTarget {
  cubn_mask layout;
  Divisor by_row;
  unsigned char *begin, *end;
  unsigned *edges;
};

// Which elements take part, see cubn_validity.
struct Validity {
  cubn_validity_kind kind;
  bool keeps;
  int64_t extent;
  Divisor by_extent;
};

// The parameters of all strided kernels.
struct StridedParams {
  Axes channels, samples;
  Tiling tiling;
  cubn_pass pass;
  bool has_saved, has_running;
  bool needs_epilogue;                   // As in plan/needs.cuh.
  bool needs_sums, computes_statistics;  // Backward, as in plan/needs.cuh.
  bool recomputes;                       // Backward recomputes the pre-activation.
  bool is_frozen, var_is_inv_std, running_is_biased, sums_are_given;
  bool renormalizes, is_from_y;
  bool saved_is_reserved;
  cubn_reserve reserve;
  int64_t reserved_channels;  // Values of each array of CUBN_RESERVE_STATISTICS.
  MaskTarget mask;
  Validity validity;
  Activation<float> activation;
  Activation<double> activation_in_double;
  cubn_args args;
  double *factors;       // The factors of a slice's channels, see factor().
  double *partials;      // Partial sums of a slice's channels, [channel][split].
  int64_t *firsts;       // The first valid sample of a slice's channels; null if all are valid.
  cubn_inverse inverse;  // Backward from y of an activation.
};

template <class P>
__device__ inline const Activation<P> &activation_of(const StridedParams &params) {
  if constexpr (sizeof(P) == sizeof(double))
    return params.activation_in_double;
  else
    return params.activation;
}

// ---- Types --------------------------------------------------------------------------------------

template <class T>
__device__ inline double load(const void *array, int64_t offset) {
  return static_cast<double>(to_compute(static_cast<const T *>(array)[offset]));
}

template <class P>
__device__ inline double load_or(const void *array, int64_t offset, double otherwise) {
  return array ? load<P>(array, offset) : otherwise;
}

// Computes to = alpha * result + beta * prior. The prior value is not read if beta is 0.
template <class T>
__device__ inline void blend_from(const void *prior, void *to, int64_t offset, double alpha,
                                  double result, double beta) {
  double value = alpha * result;
  if (beta != 0.0) value += beta * load<T>(prior, offset);
  static_cast<T *>(to)[offset] = from_double<T>(value);
}
template <class T>
__device__ inline void blend(void *array, int64_t offset, double alpha, double result,
                             double beta) {
  blend_from<T>(array, array, offset, alpha, result, beta);
}

// ---- Factors of a channel, kept in the workspace ------------------------------------------------

__device__ inline double *factor(const StridedParams &params, int which, int64_t channel) {
  const int64_t slice = params.tiling.end_channel - params.tiling.first_channel;
  return params.factors + which * slice + (channel - params.tiling.first_channel);
}

// The factors of y = gain * (x - pivot) + shift.
struct ForwardFactors {
  double pivot, gain, shift;
};

// The factors of dx = gain * (dy - shift - (x - mean) * inv_std * slope). Products of normalized
// quantities neither overflow nor vanish unless dx does.
struct BackwardFactors {
  double mean, inv_std, gain, shift, slope;
};

template <class P>
__device__ inline ScaleBias<P> scale_and_bias(const StridedParams &params, int64_t offset,
                                              cubn_renormalization by) {
  return scale_and_bias(static_cast<const P *>(params.args.scale),
                        static_cast<const P *>(params.args.bias), offset, by);
}

// r and d that forward saved.
template <class P>
__device__ inline cubn_renormalization saved_renormalization(const StridedParams &params,
                                                             int64_t offset) {
  if (params.pass != CUBN_PASS_BACKWARD || !params.renormalizes) return {1.0, 0.0};
  return {load<P>(params.args.saved_r, offset), load<P>(params.args.saved_d, offset)};
}

// The mean is relative to the pivot.
template <class P>
__device__ inline ForwardFactors forward_factors(const StridedParams &params, int64_t offset,
                                                 double pivot, double mean, double inv_std,
                                                 cubn_renormalization by) {
  const ScaleBias<P> affine = scale_and_bias<P>(params, offset, by);
  const double gain = params.args.alpha * static_cast<double>(affine.scale) * inv_std;
  return {pivot, gain, params.args.alpha * static_cast<double>(affine.bias) - mean * gain};
}

// The map from x to the pre-activation of a channel.
template <class P>
__device__ inline Affine<P> preact_affine(const StridedParams &params, int64_t offset, P center,
                                          P mean_low, P inv_std, cubn_renormalization by) {
  const ScaleBias<P> affine = scale_and_bias<P>(params, offset, by);
  return make_affine(center, mean_low, inv_std, affine.scale, affine.bias);
}

// The index of a channel in the arrays of saved statistics.
__device__ inline int64_t saved_index(const StridedParams &params, int64_t channel,
                                      int64_t param_offset) {
  return params.saved_is_reserved ? channel : param_offset;
}

// By how much x_hat is too large for want of the low part of a given mean, if that is known.
template <class P>
__device__ inline double error_of(const StridedParams &params, int64_t channel,
                                  int64_t param_offset, double inv_std) {
  const int64_t index = saved_index(params, channel, param_offset);
  return load_or<P>(params.args.mean_low, index, 0.0) * inv_std;
}

// The inv_std of the given statistics.
template <class P>
__device__ inline double given_inv_std(const StridedParams &params, int64_t offset) {
  const double value = load<P>(params.args.var, offset);
  return params.var_is_inv_std ? value : cubn_inverse_deviation(&params.args.normalizer, value);
}

// ---- Padding ------------------------------------------------------------------------------------

__device__ inline bool is_valid(const StridedParams &params, const Offsets &channel,
                                const Offsets &sample) {
  const Validity &validity = params.validity;
  if (validity.kind == CUBN_VALID_ALL) return true;
  const int64_t place = channel.array[CUBN_ARRAY_VALID] + sample.array[CUBN_ARRAY_VALID];
  if (validity.kind == CUBN_VALID_MASK)
    return static_cast<const unsigned char *>(params.args.validity)[place] != 0;
  const int64_t n = divide(place, validity.by_extent);
  return place - n * validity.extent < static_cast<const int32_t *>(params.args.validity)[n];
}

template <class T>
__device__ inline void store_padding(const StridedParams &params, const Offsets &channel,
                                     const Offsets &sample) {
  if (params.validity.keeps) return;
  void *const outputs[] = {params.args.output, params.args.dz};
  const int arrays[] = {CUBN_ARRAY_OUTPUT, CUBN_ARRAY_Z};
  for (int i = 0; i < 2; ++i)
    if (outputs[i])
      static_cast<T *>(outputs[i])[channel.array[arrays[i]] + sample.array[arrays[i]]] =
          from_double<T>(0.0);
}

// The pivot of a channel: its first value. If the values are close to each other the differences
// from it are small, and those of a constant channel are 0.
template <class T>
__device__ inline double pivot_of(const StridedParams &params, const Offsets &channel,
                                  int64_t index) {
  int64_t offset = channel.array[CUBN_ARRAY_X];
  if (params.firsts) {
    const int64_t first = params.firsts[index - params.tiling.first_channel];
    if (first == params.tiling.samples) return 0.0;
    offset += locate(params.samples, first).array[CUBN_ARRAY_X];
  }
  return load<T>(params.args.x, offset);
}

}  // namespace cubn
