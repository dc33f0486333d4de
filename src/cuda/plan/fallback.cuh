// What to do when a launch is refused that needs several blocks at the same time.
#pragma once
#include <cuda_runtime.h>

#include "core/backend.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"

namespace cubn {

// Whether there is no room for the blocks of a launch that have to run at the same time. A stream
// may have fewer SMs than the device (green contexts), and so may a process (MPS); what the
// occupancy functions say is not guaranteed. Nothing was enqueued then.
inline bool is_refused_launch(cudaError_t error) {
  return error == cudaErrorCooperativeLaunchTooLarge || error == cudaErrorInvalidClusterSize ||
         error == cudaErrorLaunchOutOfResources;
}

// Computes the problem with two_pass, which accepts what `algo` does, and disables `algo` on the
// device, with the reason *refusal.
//
// In a capture the same happens if the runtime refuses the launch while it is captured. If it
// invalidates the capture besides, two_pass reports that; the next capture succeeds, as it begins
// with two_pass. If the runtime refuses the launch only when the graph is instantiated or launched,
// the library does not learn of it; a call on that stream before the capture would have.
inline cubnStatus_t run_without(cubn_device *device, const cubn_problem &problem,
                                const cubn_args &args, const char *algo, const char **refusal,
                                cudaError_t error) {
  cubn_cuda_disable(device, algo, refusal,
                    "a launch was refused, as there are fewer SMs for it than the device has",
                    error);
  const cubn_algo &two_pass =
      problem.pass == CUBN_PASS_TRAIN ? cubn_cuda_train_two_pass : cubn_cuda_backward_two_pass;
  return two_pass.run(device, &problem, &args);
}

}  // namespace cubn
