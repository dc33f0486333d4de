// Virtual batches in one launch of the algorithms of tiles.
#pragma once
#include <cstdint>

#include "core/backend.h"
#include "cuda/common/algos.h"
#include "cuda/device/op/batches.cuh"

namespace cubn {

// Whether all virtual batches together have something that each adds to.
inline bool batches_add(const cubn_problem &problem, const cubn_args &args) {
  if (problem.pass == CUBN_PASS_BACKWARD) return args.dscale || args.dbias;
  return problem.has_running || args.nonfinite || args.any_nonfinite;
}

// Where their numbers are in the workspace.
inline double *deferred_numbers(const cubn_args &args) {
  return reinterpret_cast<double *>(static_cast<unsigned char *>(args.workspace) +
                                    CUBN_COUNTER_BYTES);
}

// Whether one launch can compute them. Each must begin as the first does: at a vector and, in the
// reserve space, without a gap. What a batch needs of the ones before it makes them calls in order.
inline bool can_run_batches(const cubn_problem &problem, const cubn_args &args,
                            const cubn_batches &batches) {
  const int64_t elements = cubn_count(&problem) * problem.c;
  const int64_t bytes = elements * static_cast<int64_t>(cubn_element_bytes(problem.type));
  const bool needs_others =
      problem.renormalizes || (problem.pass == CUBN_PASS_BACKWARD && !problem.has_saved);
  if (bytes % 16 != 0 || needs_others) return false;
  if (problem.reserve == CUBN_RESERVE_MASK &&
      elements / problem.mask.row * problem.mask.row_bytes != batches.reserve_bytes)
    return false;
  const int64_t numbers_bytes = batches.count * problem.c * static_cast<int64_t>(sizeof(double[2]));
  return numbers_bytes <= static_cast<int64_t>(args.workspace_bytes - CUBN_COUNTER_BYTES);
}

inline BatchSteps batch_steps(const cubn_problem &problem, const cubn_args &args,
                              const cubn_batches &batches) {
  const int64_t param_bytes = static_cast<int64_t>(cubn_param_bytes(problem.type));
  const int64_t reserved = batches.reserve_bytes / param_bytes;
  const bool has_reserved = problem.saved_is_reserved || problem.reserve == CUBN_RESERVE_STATISTICS;
  return {problem.saved_is_reserved ? reserved : problem.c, has_reserved ? reserved : problem.c,
          problem.c, batches_add(problem, args) ? deferred_numbers(args) : nullptr};
}

}  // namespace cubn
