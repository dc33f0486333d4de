// inference: y = scale * (x - mean) / sqrt(var + epsilon) + bias with given statistics.
//
// Idea. It is the second pass of a training step alone.
//
// Kernel. A block computes the coefficients of its channels, in double, and applies them to a
// chunk, together with the epilogue. Short rows are processed in runs of several channels, which
// are consecutive in memory.
//
// Synchronization. None between blocks, so there is no deadlock.
//
// Reproducibility. An output depends on its own inputs and on its channel's parameters alone.
//
// Bytes. x is read once, and y is written once.
#include <cuda_runtime.h>

#include <cstdint>

#include "core/backend.h"
#include "core/check.h"
#include "core/refusal.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/vector_access.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/mask.cuh"
#include "cuda/device/pass/apply.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/plan/partition.cuh"

namespace cubn {
namespace {

// An operation of training with given statistics.
template <class Op>
struct Inference : Op {
  using Real = typename Op::Real;
  const Real *mean, *mean_low, *var;
  bool var_is_inv_std;

  __device__ typename Op::Coefficients coefficients(int64_t channel) const {
    const double value = static_cast<double>(var[channel]);
    return this->coefficients_of(
        channel, mean[channel], parameter(mean_low, channel, 0.0),
        var_is_inv_std ? value : cubn_inverse_deviation(&this->normalizer, value), {1.0, 0.0});
  }
};

template <class Op>
Inference<Op> make_inference(const cubn_problem &problem, const cubn_args &args, const Op &op) {
  Inference<Op> inference = {};
  static_cast<Op &>(inference) = op;
  inference.mean = static_cast<const typename Op::Real *>(args.mean);
  inference.mean_low = static_cast<const typename Op::Real *>(args.mean_low);
  inference.var = static_cast<const typename Op::Real *>(args.var);
  inference.var_is_inv_std = problem.var_is_inv_std;
  return inference;
}

template <class Iterator, class Op>
__global__ void __launch_bounds__(PASS_THREADS, PASS_BLOCKS<1>)
    inference_kernel(const Iterator iterator, const Op op, int64_t first_unit, unsigned units) {
  apply_chunk<Cache::KEEP, PASS_BLOCKS<1>>(iterator, op, first_unit + blockIdx.x % units,
                                           blockIdx.x / units, [] {});
}

// A grid has fewer than 2^31 blocks. If there are more units than in a slice, each has one chunk.
template <class Iterator, class Op>
cubnStatus_t run_iterator(const cubn_device *device, const Iterator &iterator, const Op &op,
                          const Partition &partition) {
  constexpr int64_t SLICE_UNITS = 1 << 30;
  constexpr auto *KERNEL = inference_kernel<Iterator, Op>;
  for (int64_t first_unit = 0; first_unit < partition.units; first_unit += SLICE_UNITS) {
    const int64_t units = clamp(partition.units - first_unit, 1, SLICE_UNITS);
    CUBN_TRY(launch<KERNEL>(device, units * partition.chunks, PASS_THREADS, 0, iterator, op,
                            first_unit, static_cast<unsigned>(units)));
  }
  return CUBN_STATUS_SUCCESS;
}

template <class Op>
cubnStatus_t run_op(cubn_device *device, const cubn_problem &problem, const cubn_args &args,
                    const Op &op) {
  constexpr int V = VECTOR_WIDTH<typename Op::Element>, ALIGN = VECTOR_ALIGN<Op>;
  const auto inference = make_inference(problem, args, op);
  const int phase = common_phase(inference);
  if (!phase_fits(problem, phase)) return cubn_cuda_infer_strided.run(device, &problem, &args);
  if (problem.layout == CUBN_LAYOUT_ROWS && prefers_runs<V, ALIGN>(problem)) {
    Partition partition;
    const auto runs =
        make_runs<V, ALIGN>(granularity_of(device, problem), problem, phase, &partition);
    return run_iterator(device, runs, inference, partition);
  }
  return visit_iterator(device, problem, inference,
                        [&](const auto &iterator, const Partition &partition) {
                          return run_iterator(device, iterator, inference, partition);
                        });
}

template <class T>
cubnStatus_t run_type(cubn_device *device, const cubn_problem &problem, const cubn_args &args) {
  if constexpr (HAS_PLAIN_KERNELS<T>) {
    if (!runs_fused(problem))
      return run_op(device, problem, args, make_forward<T>(args, false, false, false, false));
  }
  return run_op(device, problem, args, make_fused_forward<T>(problem, args));
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  return visit_type(problem->type, [&](auto tag) {
    return run_type<typename decltype(tag)::Type>(device, *problem, *args);
  });
}

cubn_refusal reject(const cubn_device *, const cubn_problem *problem) {
  return packed_reject(*problem);
}

}  // namespace
}  // namespace cubn

const cubn_algo cubn_cuda_infer_inference = {"inference", cubn::reject, nullptr, cubn::run};
