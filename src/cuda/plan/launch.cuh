// What launchers share.
#pragma once
#include "core/refusal.h"
#include "cuda/algos.h"
#include "cuda/device.h"
#include "cuda/device/op/backward.cuh"

namespace cubn {

constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}
constexpr int64_t round_up(int64_t a, int64_t b) {
  return ceil_div(a, b) * b;
}
constexpr int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value > high ? high : value < low ? low : value;
}

inline cudaLaunchConfig_t launch_config(const cubn_device *device, int64_t blocks, int threads,
                                        size_t shared_bytes) {
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = device->stream;
  return config;
}

// Enqueues a kernel on the device's stream. blocks < 2^31.
template <class... Parameters, class... Arguments>
cubnStatus_t launch(const cubn_device *device, void (*kernel)(Parameters...), int64_t blocks,
                    int threads, size_t shared_bytes, const Arguments &...arguments) {
  const cudaLaunchConfig_t config = launch_config(device, blocks, threads, shared_bytes);
  return cubn_cuda_check(cudaLaunchKernelEx(&config, kernel, arguments...), "cudaLaunchKernelEx");
}

// The same for a kernel that may begin before that of the launch before it, of this call, has ended:
// its threads wait for that one before they read or write memory. Hides the time that a launch takes.
template <class... Parameters, class... Arguments>
cubnStatus_t launch_behind(const cubn_device *device, void (*kernel)(Parameters...), int64_t blocks,
                           int threads, size_t shared_bytes, const Arguments &...arguments) {
  cudaLaunchAttribute overlap = {};
  overlap.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  overlap.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = launch_config(device, blocks, threads, shared_bytes);
  config.attrs = &overlap;
  config.numAttrs = device->launches_overlap ? 1 : 0;
  return cubn_cuda_check(cudaLaunchKernelEx(&config, kernel, arguments...), "cudaLaunchKernelEx");
}

template <class T>
Forward<T> make_forward(const cubn_args &args, bool has_saved, bool has_running,
                        bool running_is_biased) {
  using Real = Compute<T>;
  Forward<T> op = {};
  op.inputs[0] = static_cast<const T *>(args.x);
  op.output = static_cast<T *>(args.output);
  op.scale = static_cast<const Real *>(args.scale);
  op.bias = static_cast<const Real *>(args.bias);
  if (has_saved) {
    op.saved_mean = static_cast<Real *>(args.saved_mean);
    op.saved_inv_std = static_cast<Real *>(args.saved_inv_std);
  }
  if (has_running) {
    op.running_mean = static_cast<Real *>(args.running_mean);
    op.running_var = static_cast<Real *>(args.running_var);
    op.previous_mean = static_cast<const Real *>(args.previous_running_mean);
    op.previous_var = static_cast<const Real *>(args.previous_running_var);
    op.factor_pointer = static_cast<const Real *>(args.factor_pointer);
  }
  op.running_is_biased = running_is_biased;
  op.alpha = args.alpha;
  op.epsilon = args.epsilon;
  op.factor = args.factor;
  op.beta = static_cast<Real>(args.beta);
  return op;
}

template <class T>
Backward<T> make_backward(const cubn_args &args, int64_t count) {
  using Real = Compute<T>;
  Backward<T> op = {};
  op.inputs[0] = static_cast<const T *>(args.x);
  op.inputs[1] = static_cast<const T *>(args.dy);
  op.output = static_cast<T *>(args.output);
  op.scale = static_cast<const Real *>(args.scale);
  op.saved_mean = static_cast<const Real *>(args.saved_mean);
  op.saved_inv_std = static_cast<const Real *>(args.saved_inv_std);
  op.dscale = static_cast<Real *>(args.dscale);
  op.dbias = static_cast<Real *>(args.dbias);
  op.count = static_cast<double>(count);
  op.m = args.count;
  op.alpha = args.alpha;
  op.param_alpha = args.param_alpha;
  op.param_beta = args.param_beta;
  op.epsilon = args.epsilon;
  op.beta = static_cast<Real>(args.beta);
  return op;
}

// Elements by which all tensors of an operation are past 16-byte alignment, or -1 if they differ.
template <class Op>
int common_phase(const Op &op) {
  int result = -1;
  bool differs = false;
  const auto take = [&](const void *tensor) {
    if (!tensor) return;
    const int phase =
        static_cast<int>(reinterpret_cast<uintptr_t>(tensor) % 16 / sizeof(typename Op::Element));
    differs = differs || (result >= 0 && phase != result);
    result = phase;
  };
  for (const auto *input : op.inputs) take(input);
  take(op.output);
  if constexpr (Op::FUSED) {
    take(op.input);
    take(op.addend());
  }
  return differs ? -1 : result;
}

}  // namespace cubn
