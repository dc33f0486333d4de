// resident: x (and dy) is read once, because a block keeps a channel group in its shared memory
// between the passes.
//
// Idea. A channel group that fits in the shared memory of one block needs no other block.
//
// Kernel. Each block has one channel group. It copies the runs of the group asynchronously and all
// at once, in aligned vectors whatever the rows are (tile.cuh). It sums from shared memory, where
// channels need no alignment, with the arithmetic of the two-pass algorithm. Then it applies the
// coefficients to the tile. Backward with an epilogue first replaces dy in the tile by the gradient
// of the pre-activation, once.
//
// Synchronization. None between blocks, so there is no deadlock.
//
// Reproducibility. The results do not depend on the order in which blocks run: tiles and the order
// of all additions follow from the problem and the device.
//
// Virtual batches of one call are one launch: each has the channel groups of a call of its own.
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
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_block.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/launch.cuh"
#include "cuda/plan/prepare_tiled.cuh"
#include "cuda/plan/run_tiled.cuh"
#include "cuda/plan/tile_plan.cuh"

namespace cubn {
namespace {

template <int V, class Op>
__global__ void __launch_bounds__(RESIDENT_THREADS, TILE_BLOCKS_PER_SM<Op>)
    resident_kernel(const TileParams params, const Op op) {
  CUBN_DYNAMIC_SHARED(unsigned char, shared);
  process_channel_group<false, V>(params, op, shared);
}

template <int V, class Op>
constexpr auto KERNEL = static_cast<void (*)(const TileParams, const Op)>(resident_kernel<V, Op>);

// Channels per block: the longest runs with which two blocks fit on an SM and few SMs are without a
// group. The group is 0 if none fits.
TilePartition choose_partition(const cubn_device *device, const cubn_problem &problem) {
  const TileShape shape = tile_shape(problem);
  const int64_t most = smem_bytes_max(device), row_bytes = shape.s * shape.element_bytes;
  if (row_bytes > most || shape.n > most) return {};
  TilePartition partition = {widest_channel_group(shape), 1, 0};
  while (partition.group > 1 && partition.group / 2 * row_bytes >= RUN_BYTES_MIN &&
         (smem_bytes(shape, partition) > smem_bytes_half(device) ||
          ceil_div(shape.c, partition.group) * IDLE_SM_FRACTION <
              device->sm_count * (IDLE_SM_FRACTION - 1)))
    partition.group /= 2;
  if (smem_bytes(shape, partition) > most) return {};
  return partition;
}

// A cluster is better if a block would have an SM for itself, or if the groups leave SMs idle. It
// is not worth it for short tiles.
bool wants_cluster(const cubn_device *device, const TileShape &shape,
                   const TilePartition &partition) {
  const int64_t bytes = smem_bytes(shape, partition);
  return device->cluster_ranks_max > 0 && bytes >= 2 * CLUSTER_SLICE_BYTES_MIN &&
         (bytes > smem_bytes_half(device) || ceil_div(shape.c, partition.group) * IDLE_SM_FRACTION <
                                                 device->sm_count * (IDLE_SM_FRACTION - 1));
}

cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  if (device->resident_refusal) return cubn_refuse(device->resident_refusal);
  const cubn_refusal refusal = tile_reject(*problem);
  if (refusal.text) return refusal;
  const TilePartition partition = choose_partition(device, *problem);
  if (partition.group == 0)
    return cubn_refuse_number(
        "a channel of n * s = %lld values does not fit in the %lld bytes of shared memory of a "
        "block",
        cubn_count(problem), smem_bytes_max(device));
  const TileShape shape = tile_shape(*problem);
  if (wants_cluster(device, shape, partition))
    return cubn_refuse_number(
        "%lld channel groups use less of the %lld SMs of the device than clusters",
        ceil_div(shape.c, partition.group), device->sm_count);
  if (ceil_div(shape.c, partition.group) * RESIDENT_SMS_PER_GROUP_MAX < device->sm_count &&
      smem_bytes(shape, partition) > RESIDENT_FEW_GROUPS_BYTES_MAX)
    return cubn_refuse_number("%lld channel groups leave most of the %lld SMs of the device idle",
                              ceil_div(shape.c, partition.group), device->sm_count);
  return cubn_accept();
}

cubnStatus_t run_batches(cubn_device *device, const cubn_problem *problem, const cubn_args *args,
                         cubn_batches *batches) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const auto launch_kernel = [&](auto vector, const auto &op, const TileParams &params,
                                 int64_t shared_bytes) {
    return launch<KERNEL<decltype(vector)::VALUE, std::decay_t<decltype(op)>>>(
        device, tile_groups(params), RESIDENT_THREADS, static_cast<size_t>(shared_bytes), params,
        op);
  };
  return visit_type(problem->type, [&](auto tag) {
    return run_tiled<typename decltype(tag)::Type>(
        device, *problem, *args, choose_partition(device, *problem), batches, launch_kernel);
  });
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  return run_batches(device, problem, args, nullptr);
}

}  // namespace
}  // namespace cubn

void cubn_resident_prepare(cubn_device *device) {
  const cudaError_t error = cubn::prepare_tiled(device, [](auto vector, const auto &op) {
    return cubn::KERNEL<decltype(vector)::VALUE, std::decay_t<decltype(op)>>;
  });
  if (error != cudaSuccess)
    cubn_cuda_disable(device, "resident", &device->resident_refusal, cubn::NOT_PREPARED, error);
}

cubnStatus_t cubn_resident_run_batches(cubn_device *device, const cubn_problem *problem,
                                       const cubn_args *args, cubn_batches *batches) {
  return cubn::run_batches(device, problem, args, batches);
}

const cubn_algo cubn_cuda_train_resident = {"resident", cubn::reject, nullptr, cubn::run};
const cubn_algo cubn_cuda_backward_resident = {"resident", cubn::reject, nullptr, cubn::run};
