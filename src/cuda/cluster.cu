// cluster: x (and dy) is read once, because the blocks of a cluster keep a channel group in their
// shared memory between the passes. For devices from sm_90 on.
//
// Idea. As resident, for channel groups that exceed one block, or that are too few to fill the
// device.
//
// Kernel. Each cluster has one channel group, and each of its blocks a block slice of it. A block
// sums its slice; a cluster reduction (tile_block.cuh) adds the sums of all blocks and gives each
// block the coefficients, which it applies to its slice.
//
// Synchronization. Only within a cluster: by the cluster's barrier once all blocks have begun; then
// each block waits for as many bytes of sums, and then of coefficients, as the cluster sends it.
//
// No deadlock. The blocks of a cluster are co-resident, and all pass the cluster's barrier. Each
// sends its sums before it waits for anything, so all sums arrive, and then all coefficients.
//
// Reproducibility. The results do not depend on the order in which blocks run: slices and the order
// of all additions follow from the problem and the device.
//
// Bytes. Each input is read once, and each output is written once.
#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "core/backend.h"
#include "core/check.h"
#include "core/refusal.h"
#include "cuda/common/algos.h"
#include "cuda/common/device.h"
#include "cuda/common/tuning.h"
#include "cuda/device/base/dtype.cuh"
#include "cuda/device/base/shared_memory.cuh"
#include "cuda/device/op/forward.cuh"
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_block.cuh"
#include "cuda/plan/fallback.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/prepare_tiled.cuh"
#include "cuda/plan/run_tiled.cuh"
#include "cuda/plan/tile_plan.cuh"

namespace cubn {
namespace {

template <int V, class Op>
__global__ void __launch_bounds__(RESIDENT_THREADS, TILE_BLOCKS_PER_SM<Op>)
    cluster_kernel(const TileParams params, const Op op) {
#if !defined __CUDA_ARCH__ || __CUDA_ARCH__ >= 900  // Never launched below; see reject.
  CUBN_DYNAMIC_SHARED(unsigned char, shared);
  process_channel_group<true, V>(params, op, shared);
#endif
}

template <int V, class Op>
constexpr auto KERNEL = static_cast<void (*)(const TileParams, const Op)>(cluster_kernel<V, Op>);

// How good a partition is. In this order it should have portable clusters, two blocks per SM,
// enough blocks and, with enough of them, good runs. Otherwise the shortest tiles are best, because
// they leave the fewest SMs idle.
struct Grade {
  int points;  // -1 if the partition is impossible.
  int64_t tile_bytes;

  bool is_better_than(const Grade &other) const {
    return points > other.points || (points == other.points && tile_bytes < other.tile_bytes);
  }
};

Grade grade_of(const cubn_device *device, const TileShape &shape, const TilePartition &partition) {
  const int64_t bytes = smem_bytes(shape, partition);
  if (partition.positions < 0 || bytes > smem_bytes_max(device)) return {-1, 0};
  const int64_t blocks = ceil_div(shape.c, partition.group) * partition.ranks;
  const bool fills = blocks * IDLE_SM_FRACTION >=
                     RESIDENT_BLOCKS_PER_SM * device->sm_count * (IDLE_SM_FRACTION - 1);
  const bool enough = fills || bytes < CLUSTER_SLICE_BYTES_MIN;
  const bool good_runs = tile_run(shape, partition) * shape.element_bytes >= RUN_BYTES_GOOD;
  const int points = 8 * (partition.ranks <= CLUSTER_RANKS_PORTABLE) +
                     4 * (bytes <= smem_bytes_half(device)) + 2 * enough + (enough && good_runs);
  return {points, enough ? 0 : bytes};
}

// The best partition. Of equally good ones it is that with the fewest blocks per cluster and the
// longest runs.
TilePartition best_partition(const cubn_device *device, const cubn_problem &problem) {
  const TileShape shape = tile_shape(problem);
  const int64_t row_bytes = shape.s * shape.element_bytes, widest = widest_channel_group(shape);
  TilePartition best = {};
  if (shape.n * row_bytes > device->cluster_ranks_max * smem_bytes_max(device)) return best;
  Grade best_grade = {-1, 0};
  for (int64_t ranks = 2; ranks <= device->cluster_ranks_max; ranks *= 2)
    for (int64_t group = widest; group > 0; group /= 2) {
      if (group < widest && group * row_bytes < RUN_BYTES_MIN) break;
      const TilePartition partition = tile_partition(shape, group, ranks);
      const Grade grade = grade_of(device, shape, partition);
      if (!grade.is_better_than(best_grade)) continue;
      best = partition;
      best_grade = grade;
    }
  return best;
}

cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  if (device->cluster_refusal) return cubn_refuse(device->cluster_refusal);
  const cubn_refusal refusal = tile_reject(*problem);
  if (refusal.text) return refusal;
  if (best_partition(device, *problem).group == 0)
    return cubn_refuse_number(
        "a channel of n * s = %lld values does not fit in the shared memory of a cluster of %lld "
        "blocks",
        cubn_count(problem), device->cluster_ranks_max);
  return cubn_accept();
}

struct ClusterLaunch {
  cudaLaunchAttribute ranks = {};
  cudaLaunchConfig_t config = {};

  ClusterLaunch(const cubn_device *device, int64_t blocks, int ranks_per_cluster,
                int64_t shared_bytes) {
    ranks.id = cudaLaunchAttributeClusterDimension;
    ranks.val.clusterDim.x = static_cast<unsigned>(ranks_per_cluster);
    ranks.val.clusterDim.y = ranks.val.clusterDim.z = 1;
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(RESIDENT_THREADS);
    config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
    config.stream = device->stream;
    config.attrs = &ranks;
    config.numAttrs = 1;
  }
  ClusterLaunch(const ClusterLaunch &) = delete;
  ClusterLaunch &operator=(const ClusterLaunch &) = delete;
};

// Where the launch for all virtual batches is refused, each becomes a call and finds out by itself.
cubnStatus_t run_batches(cubn_device *device, const cubn_problem *problem, const cubn_args *args,
                         cubn_batches *batches) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  cudaError_t error = cudaSuccess;
  const auto launch_kernel = [&](auto vector, const auto &op, const TileParams &params,
                                 int64_t shared_bytes) {
    const int64_t blocks = tile_groups(params) * params.ranks;
    const ClusterLaunch launch(device, blocks, params.ranks, shared_bytes);
    error = cudaLaunchKernelEx(
        &launch.config, KERNEL<decltype(vector)::VALUE, std::decay_t<decltype(op)>>, params, op);
    return is_refused_launch(error) ? CUBN_STATUS_SUCCESS
                                    : cubn_cuda_check(error, "cudaLaunchKernelEx");
  };
  CUBN_TRY(visit_type(problem->type, [&](auto tag) {
    return run_tiled<typename decltype(tag)::Type>(
        device, *problem, *args, best_partition(device, *problem), batches, launch_kernel);
  }));
  if (batches && error != cudaSuccess) batches->are_done = false;
  if (batches || error == cudaSuccess) return CUBN_STATUS_SUCCESS;
  device->cluster_ranks_max = 0;
  return run_without(device, *problem, *args, "cluster", &device->cluster_refusal, error);
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  return run_batches(device, problem, args, nullptr);
}

// ---- When the device is opened ----

cudaError_t set_attributes(cubn_device *device) {
  const auto kernel_of = [](auto vector, const auto &op) {
    return KERNEL<decltype(vector)::VALUE, std::decay_t<decltype(op)>>;
  };
  const cudaError_t error = prepare_tiled(device, kernel_of);
  if (error != cudaSuccess) return error;
  return visit_tiled_kernels([&](auto vector, const auto &op) {
    return cudaFuncSetAttribute(kernel_of(vector, op),
                                cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
  });
}

// Determines the largest cluster of blocks, each with all its shared memory, for which the device
// has room. A partition of a GPU (MIG) may have no room for the largest clusters of its
// architecture, or any.
cudaError_t find_ranks_max(cubn_device *device) {
  cudaError_t error = cudaSuccess;
  for (int ranks = CLUSTER_RANKS_MAX; ranks > 1; ranks /= 2) {
    const ClusterLaunch launch(device, ranks, ranks, smem_bytes_max(device));
    int clusters = 0;
    error = cudaOccupancyMaxActiveClusters(&clusters, KERNEL<VECTOR_WIDTH<float>, Forward<float>>,
                                           &launch.config);
    if (error == cudaSuccess && clusters > 0) {
      device->cluster_ranks_max = ranks;
      return cudaSuccess;
    }
    cudaGetLastError();
  }
  return error;
}

}  // namespace
}  // namespace cubn

void cubn_cluster_prepare(cubn_device *device) {
  if (device->kernel_capability < 90) {
    device->cluster_refusal = "this device has no thread block clusters, which exist from sm_90 on";
    return;
  }
  cudaError_t error = cubn::set_attributes(device);
  if (error == cudaSuccess) error = cubn::find_ranks_max(device);
  if (error != cudaSuccess)
    cubn_cuda_disable(device, "cluster", &device->cluster_refusal, cubn::NOT_PREPARED, error);
  else if (device->cluster_ranks_max == 0)
    device->cluster_refusal = "this device has no room for a cluster of two blocks";
}

cubnStatus_t cubn_cluster_run_batches(cubn_device *device, const cubn_problem *problem,
                                      const cubn_args *args, cubn_batches *batches) {
  return cubn::run_batches(device, problem, args, batches);
}

const cubn_algo cubn_cuda_train_cluster = {"cluster", cubn::reject, nullptr, cubn::run};
const cubn_algo cubn_cuda_backward_cluster = {"cluster", cubn::reject, nullptr, cubn::run};
