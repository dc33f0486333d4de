// Fused operations from arguments, and when they are needed.
#pragma once
#include "cuda/device/op/fused_backward.cuh"
#include "cuda/device/op/fused_forward.cuh"
#include "cuda/plan/launch.cuh"

namespace cubn {

// Whether there is more than plain batch normalization: an activation, an addend, or, in backward,
// given statistics or sums.
inline bool needs_epilogue(const cubn_problem &problem) {
  return cubn_is_fused(&problem) || problem.is_frozen || problem.sums_are_given;
}

// Refusals of algorithms whose first pass forms sums, and whose second one writes output.
inline cubn_refusal refuse_given_sums() {
  return cubn_refuse("the sums of backward are given: nothing is left to reduce");
}
inline cubn_refusal refuse_statistics_only() {
  return cubn_refuse("only statistics or sums are wanted: there is no second pass");
}

// Whether backward needs sums over the channels: for the gradients of the parameters, or for dx.
inline bool needs_sums(const cubn_problem &problem, const cubn_args &args) {
  if (problem.sums_are_given) return false;
  return args.dscale || args.dbias || (problem.has_output && !problem.is_frozen);
}

// Whether it needs statistics of the batch.
inline bool needs_statistics(const cubn_problem &problem, const cubn_args &args) {
  return !problem.is_frozen && (problem.has_output || cubn_recomputes_preactivation(&problem) ||
                                needs_sums(problem, args));
}

// Also of inference: there `means` is left alone.
template <class T>
FusedForward<T> make_fused_forward(const cubn_problem &problem, const cubn_args &args) {
  using Real = Compute<T>;
  FusedForward<T> op = {};
  static_cast<Forward<T> &>(op) =
      make_forward<T>(args, problem.has_saved, problem.has_running, problem.running_is_biased);
  op.needs_epilogue = true;
  op.activation = make_activation<Real>(problem.activation);
  op.z = static_cast<const T *>(args.z);
  if (problem.reserve == CUBN_RESERVE_MEANS) op.means = static_cast<Real *>(args.reserve);
  if (problem.reserve == CUBN_RESERVE_INPUT) op.input = static_cast<T *>(args.reserve);
  op.mask = make_mask_rows(problem, args.reserve);
  op.factor_of_y = static_cast<Real>(args.alpha);
  return op;
}

template <class T>
FusedBackward<T> make_fused_backward(const cubn_problem &problem, const cubn_args &args) {
  using Real = Compute<T>;
  FusedBackward<T> op = {};
  static_cast<Backward<T> &>(op) = make_backward<T>(args, cubn_count(&problem));
  op.activation = make_activation<Real>(problem.activation);
  op.recomputes = cubn_recomputes_preactivation(&problem);
  op.is_frozen = problem.is_frozen;
  op.has_sums = problem.sums_are_given;
  if (problem.is_frozen) {
    op.saved_mean = static_cast<const Real *>(args.mean);
    op.saved_inv_std = static_cast<const Real *>(args.var);
    if (!problem.var_is_inv_std) op.var = op.saved_inv_std;
  }
  op.bias = static_cast<const Real *>(args.bias);
  if (problem.reserve == CUBN_RESERVE_MEANS) op.means = static_cast<const Real *>(args.reserve);
  if (problem.reserve == CUBN_RESERVE_INPUT) op.input = static_cast<const T *>(args.reserve);
  op.mask = make_mask_rows(problem, args.reserve);
  op.dz = static_cast<T *>(args.dz);
  return op;
}

}  // namespace cubn
