// cooperative: x (and dy) is read once, or nearly so, because block groups keep a channel group in
// their shared memory between the passes. For channel groups that exceed a cluster, and of which
// two exceed the part of the L2 cache that streamed uses.
//
// Idea. As cluster, with blocks all over the device in the place of a cluster.
//
// Kernel. The blocks form one block group, or two block groups of half the blocks each, which
// process the channel groups alternately (block_group.cuh). With two, each SM has one block of
// each, and one block group's copies overlap the other's stores and all-reduces.
//
// Synchronization. Counters in the workspace, on which the blocks of a block group wait twice in
// each all-reduce. The second block group begins when a block of the first has copied its tiles.
//
// No deadlock. The launch is cooperative, so all blocks are co-resident and can wait for each
// other.
//
// Reproducibility. The results do not depend on the order in which blocks run: tiles and the order
// of all additions follow from the problem and the device.
//
// Bytes. If a channel group fits in the block group's shared memory, each input is read once and
// each output is written once. Otherwise the tiles that do not fit are read again, partly from the
// L2 cache.
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
#include "cuda/device/group/block_group.cuh"
#include "cuda/device/group/block_group_state.cuh"
#include "cuda/device/tile/tile.cuh"
#include "cuda/device/tile/tile_block.cuh"
#include "cuda/plan/block_group_plan.cuh"
#include "cuda/plan/block_group_workspace.cuh"
#include "cuda/plan/fallback.cuh"
#include "cuda/plan/integers.cuh"
#include "cuda/plan/needs.cuh"
#include "cuda/plan/prepare_tiled.cuh"
#include "cuda/plan/run_tiled.cuh"
#include "cuda/plan/tile_plan.cuh"

namespace cubn {
namespace {

template <int V, class Op>
__global__ void __launch_bounds__(RESIDENT_THREADS, TILE_BLOCKS_PER_SM<Op>)
    cooperative_kernel(const TileParams params, const Op op, const BlockGroupParams group_params) {
  CUBN_DYNAMIC_SHARED(unsigned char, shared);
  CUBN_SHARED(BlockGroupState, state, );
  BlockGroupMember<V, Op> block(params, group_params, shared, &state);
  block.run(op);
}

template <int V, class Op>
constexpr auto KERNEL = static_cast<void (*)(const TileParams, const Op, const BlockGroupParams)>(
    cooperative_kernel<V, Op>);

int64_t channel_bytes(const BlockGroupProblem &problem) {
  return problem.shape.inputs * problem.shape.n * problem.shape.s * problem.shape.element_bytes;
}

cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  if (device->cooperative_refusal) return cubn_refuse(device->cooperative_refusal);
  const cubn_refusal refusal = tile_reject(*problem);
  if (refusal.text) return refusal;
  if (!problem->has_output && !problem->has_dz) return refuse_statistics_only();
  const BlockGroupProblem group_problem = block_group_problem(device, *problem);
  if (group_problem.shape.n > INT32_MAX / 2)
    return cubn_refuse_number("n = %lld exceeds %lld", group_problem.shape.n, INT32_MAX / 2);
  if (group_problem.shape.s > INT32_MAX / 2)
    return cubn_refuse_number("a row of %lld values exceeds %lld", group_problem.shape.s,
                              INT32_MAX / 2);
  const BlockGroupPartition partition = best_block_group_partition(group_problem);
  if (partition.group == 0)
    return cubn_refuse_number(
        "a channel of %lld bytes has no tiles that fit in the %lld bytes of shared memory of a "
        "block",
        channel_bytes(group_problem), group_problem.bytes_max);
  const cubn_refusal no_room = check_block_group_workspace(group_problem, partition);
  if (no_room.text) return no_room;
  if (partition.cost_bytes * COOPERATIVE_GAIN_FRACTION >
      two_pass_cost(group_problem) * (COOPERATIVE_GAIN_FRACTION - 1))
    return cubn_refuse_number(
        "with rereads and waits it costs as much as moving %lld bytes, and two passes cost %lld",
        partition.cost_bytes, two_pass_cost(group_problem));
  return cubn_accept();
}

struct CooperativeLaunch {
  cudaLaunchAttribute cooperative = {};
  cudaLaunchConfig_t config = {};

  CooperativeLaunch(const cubn_device *device, int64_t blocks, int64_t shared_bytes) {
    cooperative.id = cudaLaunchAttributeCooperative;
    cooperative.val.cooperative = 1;
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(RESIDENT_THREADS);
    config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
    config.stream = device->stream;
    config.attrs = &cooperative;
    config.numAttrs = 1;
  }
  CooperativeLaunch(const CooperativeLaunch &) = delete;
  CooperativeLaunch &operator=(const CooperativeLaunch &) = delete;
};

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const BlockGroupProblem group_problem = block_group_problem(device, *problem);
  const BlockGroupPartition partition = best_block_group_partition(group_problem);
  cudaError_t error = cudaSuccess;
  const auto launch_kernel = [&](auto vector, const auto &op, const TileParams &params,
                                 int64_t shared_bytes) {
    using Op = std::decay_t<decltype(op)>;
    const CooperativeLaunch launch(device, partition.block_groups * partition.ranks, shared_bytes);
    const BlockGroupParams group_params = make_block_group_params<Op>(partition, args->workspace);
    error = cudaLaunchKernelEx(&launch.config, KERNEL<decltype(vector)::VALUE, Op>, params, op,
                               group_params);
    return is_refused_launch(error) ? CUBN_STATUS_SUCCESS
                                    : cubn_cuda_check(error, "cudaLaunchKernelEx");
  };
  CUBN_TRY(visit_type(problem->type, [&](auto tag) {
    return run_tiled<typename decltype(tag)::Type>(device, *problem, *args, partition, nullptr,
                                                   launch_kernel);
  }));
  if (error == cudaSuccess) return CUBN_STATUS_SUCCESS;
  return run_without(device, *problem, *args, "cooperative", &device->cooperative_refusal, error);
}

// The whole workspace.
size_t workspace_bytes(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

// ---- When the device is opened ----

// The kernel that run_tiled launches for these.
constexpr auto kernel_of = [](auto vector, const auto &op) {
  return KERNEL<decltype(vector)::VALUE, std::decay_t<decltype(op)>>;
};

// Determines the dynamic shared memory of a block, if an SM has one block or two. It is a multiple
// of the allocation unit. Leaves 0 if the device has no cooperative launches.
cudaError_t find_cooperative_smem_bytes(cubn_device *device) {
  constexpr int64_t UNIT = 128;
  int cooperative = 0, all = 0, reserved = 0;
  size_t static_bytes = 0;
  cudaError_t error = static_smem_bytes(kernel_of, &static_bytes);
  const auto read = [&](cudaDeviceAttr attribute, int *value) {
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(value, attribute, device->ordinal);
  };
  read(cudaDevAttrCooperativeLaunch, &cooperative);
  read(cudaDevAttrMaxSharedMemoryPerMultiprocessor, &all);
  read(cudaDevAttrReservedSharedMemoryPerBlock, &reserved);
  if (error != cudaSuccess || cooperative == 0) return error;
  const int64_t besides = round_up(static_cast<int64_t>(static_bytes), UNIT);
  for (int blocks = 1; blocks <= RESIDENT_BLOCKS_PER_SM; ++blocks) {
    const int64_t per_block = (all / blocks - reserved) / UNIT * UNIT;
    const int64_t most = static_cast<int64_t>(device->shared_bytes_per_block);
    device->cooperative_smem_bytes[blocks - 1] =
        static_cast<size_t>(clamp(per_block, besides, most) - besides);
  }
  return cudaSuccess;
}

// Sets the attributes of the kernels. *fits says whether an SM can have as many co-resident blocks
// of each as it is made for.
cudaError_t set_attributes(const cubn_device *device, bool *fits) {
  *fits = true;
  return visit_tiled_kernels([&](auto vector, const auto &op) {
    constexpr int WANTED = TILE_BLOCKS_PER_SM<std::decay_t<decltype(op)>>;
    const auto kernel = kernel_of(vector, op);
    const size_t bytes = device->cooperative_smem_bytes[WANTED - 1];
    int blocks = 0;
    cudaError_t error = allow_smem(kernel, bytes);
    if (error == cudaSuccess)
      error =
          cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, RESIDENT_THREADS, bytes);
    *fits = *fits && blocks >= WANTED;
    return error;
  });
}

}  // namespace
}  // namespace cubn

cubn_block_group_plan cubn_cooperative_plan(const cubn_device *device,
                                            const cubn_problem *problem) {
  const cubn::BlockGroupProblem group_problem = cubn::block_group_problem(device, *problem);
  const cubn::BlockGroupPartition partition = cubn::best_block_group_partition(group_problem);
  cubn_block_group_plan plan = {};
  if (partition.group == 0) return plan;
  plan.groups = cubn::ceil_div(group_problem.shape.c, partition.group);
  plan.block_groups = partition.block_groups;
  plan.ranks = partition.ranks;
  plan.tiles_per_block = cubn::ceil_div(partition.tiles, partition.ranks);
  plan.buffers = partition.buffers;
  plan.moved_bytes = partition.moved_bytes;
  plan.all_reduces = static_cast<double>(partition.cost_bytes - partition.moved_bytes) /
                     static_cast<double>(group_problem.all_reduce_bytes);
  return plan;
}

void cubn_cooperative_prepare(cubn_device *device) {
  bool fits = false;
  cudaError_t error = cubn::find_cooperative_smem_bytes(device);
  if (error == cudaSuccess && device->cooperative_smem_bytes[0] > 0)
    error = cubn::set_attributes(device, &fits);
  if (error != cudaSuccess)
    cubn_cuda_disable(device, "cooperative", &device->cooperative_refusal, cubn::NOT_PREPARED,
                      error);
  else if (!fits)
    device->cooperative_refusal =
        "this device has no cooperative launch of two co-resident blocks per SM";
}

const cubn_algo cubn_cuda_train_cooperative = {"cooperative", cubn::reject, cubn::workspace_bytes,
                                               cubn::run};
const cubn_algo cubn_cuda_backward_cooperative = {"cooperative", cubn::reject,
                                                  cubn::workspace_bytes, cubn::run};
