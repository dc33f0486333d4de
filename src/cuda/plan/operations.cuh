// Operations of the kernels, made from the arguments of a call.
#pragma once
#include <cstdint>

#include "core/backend.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/op/activation.cuh"
#include "cuda/device/op/backward.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/fused_backward.cuh"
#include "cuda/device/op/fused_forward.cuh"
#include "cuda/device/op/mask.cuh"
#include "cuda/plan/needs.cuh"

namespace cubn {

template <class T>
Forward<T> make_forward(const cubn_args &args, bool has_saved, bool has_running,
                        bool running_is_biased, bool renormalizes) {
  using Real = Compute<T>;
  Forward<T> op = {};
  op.inputs[0] = static_cast<const T *>(args.x);
  op.output = static_cast<T *>(args.output);
  op.scale = static_cast<const Real *>(args.scale);
  op.bias = static_cast<const Real *>(args.bias);
  if (has_saved) {
    op.saved_mean = static_cast<Real *>(args.saved_mean);
    op.saved_inv_std = static_cast<Real *>(args.saved_inv_std);
    op.saved_mean_low = static_cast<Real *>(args.saved_mean_low);
  }
  if (has_running) {
    op.running_mean = static_cast<Real *>(args.running_mean);
    op.running_var = static_cast<Real *>(args.running_var);
    op.previous_mean = static_cast<const Real *>(args.previous_running_mean);
    op.previous_var = static_cast<const Real *>(args.previous_running_var);
    op.factor_pointer = static_cast<const Real *>(args.factor_pointer);
  }
  op.running_is_biased = running_is_biased;
  op.guards_running = args.guards_running;
  op.renormalizes = renormalizes;
  op.bounds = args.bounds;
  if (renormalizes) {
    op.saved_r = static_cast<Real *>(args.saved_r);
    op.saved_d = static_cast<Real *>(args.saved_d);
  }
  op.nonfinite = args.nonfinite;
  op.any_nonfinite = args.any_nonfinite;
  op.alpha = args.alpha;
  op.normalizer = args.normalizer;
  op.factor = args.factor;
  op.beta = static_cast<Real>(args.beta);
  return op;
}

template <class T>
Backward<T> make_backward(const cubn_args &args, int64_t count, bool is_from_y) {
  using Real = Compute<T>;
  Backward<T> op = {};
  op.inputs[0] = static_cast<const T *>(args.x);
  op.inputs[1] = static_cast<const T *>(args.dy);
  op.output = static_cast<T *>(args.output);
  op.scale = static_cast<const Real *>(args.scale);
  op.saved_mean = static_cast<const Real *>(args.saved_mean);
  op.saved_inv_std = static_cast<const Real *>(args.saved_inv_std);
  op.mean_low = static_cast<const Real *>(args.mean_low);
  op.is_from_y = is_from_y;
  op.center_of_y = static_cast<const Real *>(args.bias);
  op.saved_r = static_cast<const Real *>(args.saved_r);
  op.saved_d = static_cast<const Real *>(args.saved_d);
  op.dscale = static_cast<Real *>(args.dscale);
  op.dbias = static_cast<Real *>(args.dbias);
  op.count = static_cast<double>(count);
  op.m = args.count;
  op.alpha = args.alpha;
  op.param_alpha = args.param_alpha;
  op.param_beta = args.param_beta;
  op.normalizer = args.normalizer;
  op.beta = static_cast<Real>(args.beta);
  return op;
}

// Elements by which all tensors of an operation are past 16-byte alignment, or -1 if this differs
// between tensors.
template <class Op>
int common_phase(const Op &op) {
  int result = -1;
  bool differs = false;
  const auto check = [&](const void *tensor) {
    if (!tensor) return;
    const int phase =
        static_cast<int>(reinterpret_cast<uintptr_t>(tensor) % 16 / sizeof(typename Op::Element));
    differs = differs || (result >= 0 && phase != result);
    result = phase;
  };
  for (const auto *input : op.inputs) check(input);
  check(op.output);
  if constexpr (Op::FUSED) {
    check(op.preact);
    check(op.epilogue_tensor());
  }
  return differs ? -1 : result;
}

// For training and inference.
template <class T>
FusedForward<T> make_fused_forward(const cubn_problem &problem, const cubn_args &args) {
  using Real = Compute<T>;
  FusedForward<T> op = {};
  static_cast<Forward<T> &>(op) = make_forward<T>(args, problem.has_saved, problem.has_running,
                                                  problem.running_is_biased, problem.renormalizes);
  op.needs_epilogue = true;
  op.activation = make_activation<Real>(problem.activation);
  op.z = static_cast<const T *>(args.z);
  if (problem.reserve == CUBN_RESERVE_STATISTICS) op.reserved = static_cast<Real *>(args.reserve);
  op.reserved_channels = problem.c;
  if (problem.reserve == CUBN_RESERVE_INPUT) op.preact = static_cast<T *>(args.reserve);
  op.mask = make_mask_rows(problem, args.reserve);
  op.output_alpha = static_cast<Real>(args.alpha);
  return op;
}

template <class T>
FusedBackward<T> make_fused_backward(const cubn_problem &problem, const cubn_args &args) {
  using Real = Compute<T>;
  FusedBackward<T> op = {};
  static_cast<Backward<T> &>(op) = make_backward<T>(args, cubn_count(&problem), problem.is_from_y);
  op.activation = make_activation<Real>(problem.activation);
  op.recomputes = cubn_recomputes_preactivation(&problem);
  op.is_frozen = problem.is_frozen;
  op.has_sums = problem.sums_are_given;
  if (problem.is_frozen) {
    op.saved_mean = static_cast<const Real *>(args.mean);
    op.saved_inv_std = static_cast<const Real *>(args.var);
    // If it is a variance, the operation reads it as such and computes inv_std from it.
    if (!problem.var_is_inv_std) op.var = op.saved_inv_std;
  }
  op.bias = static_cast<const Real *>(args.bias);
  const bool is_reserved = problem.reserve == CUBN_RESERVE_STATISTICS;
  op.preact_mean_low = is_reserved ? static_cast<const Real *>(args.reserve) : op.mean_low;
  if (problem.reserve == CUBN_RESERVE_INPUT) op.preact = static_cast<const T *>(args.reserve);
  op.mask = make_mask_rows(problem, args.reserve);
  op.dz = static_cast<T *>(args.dz);
  return op;
}

// Calls visit(op) with the operation of training or backward whose kernels compute the problem.
template <class T, class Visit>
cubnStatus_t visit_operation(const cubn_problem &problem, const cubn_args &args,
                             const Visit &visit) {
  const bool trains = problem.pass == CUBN_PASS_TRAIN;
  if constexpr (HAS_PLAIN_KERNELS<T>) {
    if (!runs_fused(problem) && trains)
      return visit(make_forward<T>(args, problem.has_saved, problem.has_running,
                                   problem.running_is_biased, problem.renormalizes));
    if (!runs_fused(problem))
      return visit(make_backward<T>(args, cubn_count(&problem), problem.is_from_y));
  }
  return trains ? visit(make_fused_forward<T>(problem, args))
                : visit(make_fused_backward<T>(problem, args));
}

}  // namespace cubn
