// What all virtual batches of one launch add to: running statistics, dscale and dbias.
//
// A thread has one channel. It takes the numbers that the launch before has left of each batch, in
// the order of the batches, and rounds after each as calls in order do. It keeps the result in
// registers and loads the numbers of several batches at a time, so that it waits for memory once.
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/sync.cuh"
#include "cuda/device/op/params.cuh"
#include "cuda/device/op/running.cuh"
#include "cuda/hooks.h"
#include "cuda/plan/batches.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"

namespace cubn {
namespace {

constexpr int MERGE_THREADS = 64, MERGE_BATCHES = 4;

// Two results per channel, of which either may be NULL, and what they are blended with first.
template <class Real>
struct Totals {
  Real *results[2];
  const Real *previous[2];
};

// Adds mean and variance to the running statistics.
template <class Real>
struct AddStatistics {
  using Type = Real;
  Totals<Real> totals;
  const Real *factor_pointer;
  double factor;
  bool is_guarded;
  int32_t *nonfinite, *any_nonfinite;

  __device__ double weight() const {
    return factor_pointer ? static_cast<double>(*factor_pointer) : factor;
  }
  __device__ RunningStep step(int64_t place, bool, const double (&numbers)[2],
                              double weight) const {
    return running_step<Real>(numbers[0], numbers[1], weight, is_guarded, place, nonfinite,
                              any_nonfinite);
  }
};

// Adds the sums of backward to dscale and dbias.
template <class Real>
struct AddSums {
  using Type = Real;
  Totals<Real> totals;
  double alpha, beta;

  __device__ double weight() const { return alpha; }
  __device__ RunningStep step(int64_t, bool is_first, const double (&numbers)[2],
                              double weight) const {
    return {numbers[0], numbers[1], weight, is_first ? beta : 1.0};
  }
};

template <class Add>
__global__ void __launch_bounds__(MERGE_THREADS)
    merge_batches_kernel(const Add add, const double *numbers, int64_t channels, int64_t count) {
  using Real = typename Add::Type;
  wait_on_prior_grid();
  const int64_t channel = static_cast<int64_t>(blockIdx.x) * MERGE_THREADS + threadIdx.x;
  if (channel >= channels) return;
  const Totals<Real> &totals = add.totals;
  const double weight = add.weight();
  Real results[2] = {};
  for (int64_t first = 0; first < count; first += MERGE_BATCHES) {
    double loaded[MERGE_BATCHES][2] = {};
#pragma unroll
    for (int i = 0; i < MERGE_BATCHES; ++i)
#pragma unroll
      for (int k = 0; k < 2; ++k)
        if (first + i < count) loaded[i][k] = numbers[2 * ((first + i) * channels + channel) + k];
#pragma unroll
    for (int i = 0; i < MERGE_BATCHES; ++i) {
      if (first + i >= count) break;
      const bool is_first = first + i == 0;
      const RunningStep step =
          add.step((first + i) * channels + channel, is_first, loaded[i], weight);
      const double values[2] = {step.mean, step.var};
#pragma unroll
      for (int k = 0; k < 2; ++k) {
        if (is_first && totals.results[k])
          blend_from(totals.previous[k] + channel, results + k, step.weight, values[k],
                     step.prior_weight);
        else
          blend_from(results + k, results + k, step.weight, values[k], step.prior_weight);
      }
    }
  }
#pragma unroll
  for (int k = 0; k < 2; ++k)
    if (totals.results[k]) totals.results[k][channel] = results[k];
}

template <class Add>
cubnStatus_t launch_merge(const cubn_device *device, const Add &add, const cubn_problem &problem,
                          const cubn_args &args, int64_t count) {
  return launch_overlapped<merge_batches_kernel<Add>>(device, ceil_div(problem.c, MERGE_THREADS),
                                                      MERGE_THREADS, 0, add, deferred_numbers(args),
                                                      problem.c, count);
}

template <class Real>
cubnStatus_t merge_batches(const cubn_device *device, const cubn_problem &problem,
                           const cubn_args &args, int64_t count) {
  if (problem.pass == CUBN_PASS_BACKWARD) {
    Real *const dscale = static_cast<Real *>(args.dscale), *const dbias =
                                                               static_cast<Real *>(args.dbias);
    const AddSums<Real> add = {
        {{dscale, dbias}, {dscale, dbias}}, args.param_alpha, args.param_beta};
    return launch_merge(device, add, problem, args, count);
  }
  AddStatistics<Real> add = {};
  if (problem.has_running)
    add.totals = {{static_cast<Real *>(args.running_mean), static_cast<Real *>(args.running_var)},
                  {static_cast<const Real *>(args.previous_running_mean),
                   static_cast<const Real *>(args.previous_running_var)}};
  add.factor_pointer = static_cast<const Real *>(args.factor_pointer);
  add.factor = args.factor;
  add.is_guarded = args.guards_running;
  add.nonfinite = args.nonfinite;
  add.any_nonfinite = args.any_nonfinite;
  return launch_merge(device, add, problem, args, count);
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_cuda_run_batches(cubn_device *device, const cubn_algo *algo,
                                   const cubn_problem *problem, const cubn_args *args,
                                   cubn_batches *batches) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  batches->are_done = false;
  if (algo->run == cubn_cuda_train_resident.run)
    CUBN_TRY(cubn_resident_run_batches(device, problem, args, batches));
  if (algo->run == cubn_cuda_train_cluster.run)
    CUBN_TRY(cubn_cluster_run_batches(device, problem, args, batches));
  if (!batches->are_done || !cubn::batches_add(*problem, *args)) return CUBN_STATUS_SUCCESS;
  return problem->type == CUBN_DATA_DOUBLE
             ? cubn::merge_batches<double>(device, *problem, *args, batches->count)
             : cubn::merge_batches<float>(device, *problem, *args, batches->count);
}
