// Backward without saved statistics, for algorithms whose kernels need them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/backend.h"
#include "cuda/common/algos.h"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/needs.cuh"

namespace cubn {

// Bytes at the end of the workspace for the mean and 1 / std of all channels.
inline int64_t statistics_bytes(const cubn_problem &problem) {
  if (problem.pass != CUBN_PASS_BACKWARD || problem.has_saved || problem.is_frozen) return 0;
  return 2 * round_up(problem.c * static_cast<int64_t>(cubn_param_bytes(problem.type)), 256);
}

// Accepts a problem unless its statistics take more than a quarter of the workspace.
inline cubn_refusal check_statistics_first(const cubn_problem &problem) {
  constexpr int64_t MOST = static_cast<int64_t>(CUBN_WORKSPACE_BYTES / 4);
  const int64_t bytes = statistics_bytes(problem);
  return bytes > MOST ? cubn_refuse_number(
                            "there are no saved statistics, which would take %lld "
                            "bytes of workspace and exceed %lld",
                            bytes, MOST)
                      : cubn_accept();
}

// Calls run(problem, args) for a problem that has saved statistics. If they are needed and there
// are none, two_pass computes them first, with one more read of x.
template <class Run>
cubnStatus_t run_statistics_first(cubn_device *device, const cubn_problem &problem,
                                  const cubn_args &args, const Run &run) {
  const int64_t bytes = statistics_bytes(problem);
  if (bytes == 0 || !computes_statistics(problem, args)) return run(problem, args);
  cubn_args with_saved = args;
  with_saved.workspace_bytes -= static_cast<size_t>(bytes);
  unsigned char *const saved =
      static_cast<unsigned char *>(args.workspace) + with_saved.workspace_bytes;
  with_saved.saved_mean = saved;
  with_saved.saved_inv_std = saved + bytes / 2;
  cubn_problem statistics = problem;
  statistics.pass = CUBN_PASS_TRAIN;
  statistics.activation.mode = CUBN_ACTIVATION_IDENTITY;
  statistics.reserve = CUBN_RESERVE_NONE;
  statistics.has_output = statistics.has_dz = statistics.adds = statistics.blends = false;
  statistics.renormalizes = false;
  statistics.has_saved = true;
  cubn_args statistics_args = with_saved;
  statistics_args.output = nullptr;
  CUBN_TRY(cubn_cuda_train_two_pass.run(device, &statistics, &statistics_args));
  cubn_problem backward = problem;
  backward.has_saved = true;
  return run(backward, with_saved);
}

}  // namespace cubn
