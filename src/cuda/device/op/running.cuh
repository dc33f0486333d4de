// What a batch leaves in the running statistics, and where its statistics are not finite.
#pragma once
#include <cuda_runtime.h>

#include <cstdint>

#include "core/statistics.h"

namespace cubn {

// Mean, variance and their weights in the running statistics. Those of a batch that is not finite,
// if the running statistics are guarded against it, have none.
struct RunningStep {
  double mean, var, weight, prior_weight;
};

// Writes the flags of the channel whose parameters are at `place`, unless they are NULL, and
// returns what its running statistics receive.
template <class Real>
__device__ inline RunningStep running_step(double mean, double var, double factor, bool is_guarded,
                                           int64_t place, int32_t *nonfinite,
                                           int32_t *any_nonfinite) {
  constexpr bool IS_FLOAT = sizeof(Real) == sizeof(float);
  const bool is_finite = cubn_is_kept_finite(IS_FLOAT, mean) && cubn_is_kept_finite(IS_FLOAT, var);
  if (nonfinite) nonfinite[place] = is_finite ? 0 : 1;
  if (any_nonfinite && !is_finite) atomicOr(any_nonfinite, 1);
  if (is_guarded && !is_finite) return {0.0, 0.0, 0.0, 1.0};
  return {mean, var, factor, 1.0 - factor};
}

}  // namespace cubn
