// What the kernels of the strided algorithm know, and the factors with which they compute the
// elements of a channel.
#pragma once
#include "cuda/device/op/activation.cuh"
#include "cuda/strided/axes.cuh"

namespace cubn {

// Where mask bits go. Words of the reserve space that lie partly outside of it are gathered in
// `edges`: the one before its first whole word, and the one behind its last.
struct MaskTarget {
  cubn_mask layout;
  Divisor by_row;
  unsigned char *begin, *end;
  unsigned *edges;
};

// What kernels get to know.
struct Job {
  Axes channels, samples;
  Tiling tiling;
  cubn_pass pass;
  bool has_saved, has_running;
  bool needs_epilogue;                // see device/fused.cuh
  bool needs_sums, needs_statistics;  // backward, likewise
  bool recomputes;                    // backward: the pre-activation
  bool is_frozen, var_is_inv_std, running_is_biased, sums_are_given;
  cubn_reserve reserve;
  MaskTarget mask;
  Activation<float> activation;
  Activation<double> activation_in_double;
  cubn_args args;
  double *factors;   // of a slice's channels, see factor()
  double *partials;  // sums of a slice's channels, [channel][split]
};

template <class P>
__device__ inline const Activation<P> &activation_of(const Job &job) {
  if constexpr (sizeof(P) == sizeof(double))
    return job.activation_in_double;
  else
    return job.activation;
}

// ---- Types --------------------------------------------------------------------------------------

template <class T>
__device__ inline T from_double(double value) {
  return static_cast<T>(value);
}
template <>
__device__ inline __half from_double<__half>(double value) {
  return __double2half(value);
}
template <>
__device__ inline __nv_bfloat16 from_double<__nv_bfloat16>(double value) {
  return __double2bfloat16(value);
}

template <class T>
__device__ inline double load(const void *array, int64_t offset) {
  return static_cast<double>(to_compute(static_cast<const T *>(array)[offset]));
}

template <class P>
__device__ inline double load_or(const void *array, int64_t offset, double otherwise) {
  return array ? load<P>(array, offset) : otherwise;
}

// to = alpha * result + beta * prior, which is not read for beta = 0.
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

// ---- Factors: what a channel's elements are computed with, kept in the workspace ----------------

__device__ inline double *factor(const Job &job, int which, int64_t channel) {
  const int64_t slice = job.tiling.end_channel - job.tiling.first_channel;
  return job.factors + which * slice + (channel - job.tiling.first_channel);
}

// y = gain * (x - pivot) + shift
struct ForwardFactors {
  double pivot, gain, shift;
};

// dx = gain * (dy - shift - (x - mean) * inv_std * slope): products of normalized quantities, which
// neither overflow nor vanish where dx does not.
struct BackwardFactors {
  double mean, inv_std, gain, shift, slope;
};

// 1 / sqrt(var + epsilon), 0 where there is nothing to divide by.
__device__ inline double inverse_deviation(double var, double epsilon) {
  const double v = var + epsilon;
  return v == 0.0 ? 0.0 : 1.0 / sqrt(v);
}

// The mean is given relative to the pivot.
template <class P>
__device__ inline ForwardFactors forward_factors(const Job &job, int64_t offset, double pivot,
                                                 double mean, double inv_std) {
  const double scale = load_or<P>(job.args.scale, offset, 1.0);
  const double bias = load_or<P>(job.args.bias, offset, 0.0);
  const double gain = job.args.alpha * scale * inv_std;
  return {pivot, gain, job.args.alpha * bias - mean * gain};
}

// The line of a channel's pre-activation.
template <class P>
__device__ inline Affine<P> preactivation_affine(const Job &job, int64_t offset, P center,
                                                 P mean_low, P inv_std) {
  return make_affine(center, mean_low, inv_std,
                     static_cast<P>(load_or<P>(job.args.scale, offset, 1.0)),
                     static_cast<P>(load_or<P>(job.args.bias, offset, 0.0)));
}

// inv_std of the given statistics.
template <class P>
__device__ inline double given_inv_std(const Job &job, int64_t offset) {
  const double value = load<P>(job.args.var, offset);
  return job.var_is_inv_std ? value : inverse_deviation(value, job.args.epsilon);
}

// What the values of a channel are taken relative to: its first value. Where they are close
// together the differences are small, and a constant has none.
template <class T>
__device__ inline double pivot_of(const Job &job, const Offsets &channel) {
  return load<T>(job.args.x, channel.of[CUBN_ARRAY_X]);
}

}  // namespace cubn
