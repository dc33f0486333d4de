// Runs an operation on tiles, for any partition into tiles.
//
// Partition is TilePartition, or another type that has the functions smem_bytes, smem_bytes_limit,
// begins_at_vectors and make_tile_params. launch(VectorTag<V>{}, op, params, bytes) launches the
// kernel, with so many bytes of dynamic shared memory. `batches` are virtual batches, all of which
// it is to compute, if it can; NULL: there is one.
#pragma once
#include <cstdint>
#include <type_traits>

#include "core/backend.h"
#include "core/check.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/layout/access.cuh"
#include "cuda/device/op/backward.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/op/fused_backward.cuh"
#include "cuda/device/op/fused_forward.cuh"
#include "cuda/plan/batches.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/plan/operations.cuh"
#include "cuda/plan/partition.cuh"
#include "cuda/plan/statistics_first.cuh"
#include "cuda/plan/tile_plan.cuh"

namespace cubn {

template <int V>
struct VectorTag {
  static constexpr int VALUE = V;
};

// two_pass does the work if the phases of the tensors do not fit, or the tile does not: that of
// tensors that do not begin at a vector is padded. Backward without sums has no first pass, so it
// does the work there, too.
template <class T, class Partition, class Launch>
cubnStatus_t run_tiled_saved(cubn_device *device, const cubn_problem &problem,
                             const cubn_args &args, const Partition &partition,
                             cubn_batches *batches, const Launch &launch) {
  const bool trains = problem.pass == CUBN_PASS_TRAIN;
  const cubn_algo &two_pass = trains ? cubn_cuda_train_two_pass : cubn_cuda_backward_two_pass;
  const auto otherwise = [&] {
    return batches ? CUBN_STATUS_SUCCESS : two_pass.run(device, &problem, &args);
  };
  if (!trains && !needs_sums(problem, args)) return otherwise();
  return visit_operation<T>(problem, args, [&](const auto &op) {
    constexpr int V = VECTOR_WIDTH<T>, ALIGN = VECTOR_ALIGN<std::decay_t<decltype(op)>>;
    const TileShape shape = tile_shape(problem);
    const int phase = common_phase(op);
    const int64_t bytes =
        smem_bytes(shape, partition, phase != 0 || !begins_at_vectors(shape, partition));
    if (!phase_fits(problem, phase) || bytes > smem_bytes_limit(device, partition))
      return otherwise();
    auto all = op;
    TileParams params = make_tile_params<V, ALIGN>(device, problem, partition, phase);
    if (batches) {
      all.batches = batch_steps(problem, args, *batches);
      params.batches = static_cast<unsigned>(batches->count);
      batches->are_done = true;
    }
    return launch(VectorTag<V>{}, all, params, bytes);
  });
}

template <class T, class Partition, class Launch>
cubnStatus_t run_tiled(cubn_device *device, const cubn_problem &problem, const cubn_args &args,
                       const Partition &partition, cubn_batches *batches, const Launch &launch) {
  if (batches && !can_run_batches(problem, args, *batches)) return CUBN_STATUS_SUCCESS;
  return run_statistics_first(
      device, problem, args, [&](const cubn_problem &with_saved, const cubn_args &its_args) {
        return run_tiled_saved<T>(device, with_saved, its_args, partition, batches, launch);
      });
}

// Calls visit(VectorTag<V>{}, Op{}) for every kernel of the type T that run_tiled may launch, until
// one returns an error.
template <class T, class Visit>
cudaError_t visit_tiled_operations(const Visit &visit) {
  constexpr int V = VECTOR_WIDTH<T>;
  cudaError_t error = visit(VectorTag<V>{}, FusedForward<T>{});
  if (error == cudaSuccess) error = visit(VectorTag<V>{}, FusedBackward<T>{});
  if constexpr (HAS_PLAIN_KERNELS<T>) {
    if (error == cudaSuccess) error = visit(VectorTag<V>{}, Forward<T>{});
    if (error == cudaSuccess) error = visit(VectorTag<V>{}, Backward<T>{});
  }
  return error;
}

// The same for all types.
template <class Visit>
cudaError_t visit_tiled_kernels(const Visit &visit) {
  cudaError_t error = visit_tiled_operations<float>(visit);
  if (error == cudaSuccess) error = visit_tiled_operations<double>(visit);
  if (error == cudaSuccess) error = visit_tiled_operations<__half>(visit);
  if (error == cudaSuccess) error = visit_tiled_operations<__nv_bfloat16>(visit);
  return error;
}

}  // namespace cubn
