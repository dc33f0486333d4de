/* Arithmetic on channels for the fast algorithms: from sums in double to coefficients in the
 * kernels' precision. Backward: fast_backward.c. */
#include "cpu/fast/call.h"

#include "core/refusal.h"

#include <math.h>
#include <string.h>

#include "cpu/common/preactivation.h"
#include "cpu/fast/epilogue.h"
#include "cpu/fast/exact.h"

cubn_call cubn_call_begin(const cubn_device *device, const cubn_problem *problem,
                          const cubn_args *args) {
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const int64_t values = cubn_count(problem) * problem->c;
  cubn_call call = {.device = device, .problem = problem, .args = args};
  call.kernels = cubn_machine_kernels(&device->machine, problem->type);
  call.type = cubn_conversion_of(problem->type);
  call.param_type = cubn_conversion_of_param(problem->type);
  call.element_bytes = (int64_t)cubn_element_bytes(problem->type);
  call.needs = cubn_needs_of(problem, args);
  call.sums = problem->pass == CUBN_PASS_TRAIN ? 2 : call.needs.sums ? 3 : 0;
  call.writes = problem->has_output || problem->has_dz;
  call.threads = cubn_threads_for(device, values);
  if (call.threads > device->machine.threads) call.threads = device->machine.threads;
  const int tensors = (backward ? 3 : 2) + (problem->adds && (!backward || problem->has_dz));
  const int64_t bytes = values * call.element_bytes * tensors;
  call.fits_l2 = bytes <= device->machine.l2_bytes;
  call.prefetches = bytes > device->machine.llc_bytes / 8;
  call.nontemporal = problem->has_output && bytes > device->machine.llc_bytes / 8 * 3;
  call.has_epilogue = cubn_needs_epilogue(problem);
  if (call.has_epilogue) cubn_fused_begin(&call);
  return call;
}

cubn_call cubn_call_of_moments(const cubn_call *call) {
  cubn_call it = *call;
  it.sums = 2;
  return it;
}

cubn_refusal cubn_fast_reject(const cubn_device *device, const cubn_problem *problem) {
  if (!cubn_machine_kernels(&device->machine, problem->type))
    return cubn_refuse("this build has no vector kernels for the type (CPU_TYPES)");
  if (cubn_count(problem) == 0) return cubn_refuse_empty();
  /* Backward will compute the statistics again, and all algorithms must come to the same. */
  if (problem->reserve == CUBN_RESERVE_MEANS && !problem->has_saved)
    return cubn_refuse(
        "the activation must be recomputed in backward, and statistics are not saved for it");
  return cubn_accept();
}
