// What a problem needs, and the refusals that several algorithms share.
#pragma once
#include "core/backend.h"
#include "core/refusal.h"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/op/mask.cuh"

namespace cubn {

// Whether there is more than plain batch normalization: an activation, an addition or, in backward,
// given statistics or sums.
inline bool needs_epilogue(const cubn_problem &problem) {
  return cubn_is_fused(&problem) || problem.is_frozen || problem.sums_are_given;
}

// Double has only the kernels for an epilogue: its values have the bytes for their instructions.
template <class T>
constexpr bool HAS_PLAIN_KERNELS = sizeof(T) < sizeof(double);

// Whether the kernels for an epilogue compute a packed problem.
inline bool runs_fused(const cubn_problem &problem) {
  return needs_epilogue(problem) || problem.type == CUBN_DATA_DOUBLE;
}

// The refusals of algorithms whose first pass sums and whose second pass writes an output.
inline cubn_refusal refuse_given_sums() {
  return cubn_refuse("the sums of backward are given, so there is nothing to reduce");
}
inline cubn_refusal refuse_statistics_only() {
  return cubn_refuse("only statistics or sums are wanted, so there is no second pass");
}

// Whether backward needs sums over the channels: for the gradients of the parameters, or for dx.
inline bool needs_sums(const cubn_problem &problem, const cubn_args &args) {
  if (problem.sums_are_given) return false;
  return args.dscale || args.dbias || (problem.has_output && !problem.is_frozen);
}

// Whether either backward computes the statistics of the batch. It never does for a pre-activation
// that is computed again, which has those of forward.
inline bool computes_statistics(const cubn_problem &problem, const cubn_args &args) {
  return !problem.is_frozen && !problem.has_saved &&
         (problem.has_output || needs_sums(problem, args) ||
          problem.pass == CUBN_PASS_DOUBLE_BACKWARD);
}

// The refusal of algorithms that store masks by whole bytes; see mask_has_granules().
inline cubn_refusal refuse_mask(const cubn_problem &problem) {
  return cubn_refuse_number(
      "mask rows have %lld bits, which is not a multiple of %lld: they would share bytes",
      problem.mask.row, GRANULE);
}

// The refusals of all algorithms of packed tensors.
inline cubn_refusal packed_reject(const cubn_problem &problem) {
  if (problem.layout == CUBN_LAYOUT_STRIDED) return cubn_refuse_strided();
  if (cubn_count(&problem) == 0) return cubn_refuse_empty();
  if (problem.validity.kind != CUBN_VALID_ALL) return cubn_refuse_padding();
  if (cubn_inverts(&problem)) return cubn_refuse_inverse();
  if (needs_epilogue(problem) && !mask_has_granules(problem)) return refuse_mask(problem);
  return cubn_accept();
}

}  // namespace cubn
