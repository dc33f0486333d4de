/* cooperative: x (and dy) is read once, or nearly, because the blocks of the whole device hold a
 * group of channels in their shared memory between the passes. For groups that exceed a cluster, and
 * of which two exceed what streamed has of the L2 cache.
 *
 * Idea. The launch is cooperative, so that all its blocks run at a time and may wait for each other.
 * They are one crew, or two of half the blocks each, which take the groups by turns (crew.cuh): one
 * block of each is on every multiprocessor, and one crew's copies overlap the other's stores and
 * meetings. A group that fits moves as many bytes as it must: it is read and its output written. Of
 * one that does not, the rest is read again, and of that a part comes from the L2 cache.
 *
 * The results do not depend on the order in which blocks run: shares, tiles and the order of all
 * additions follow from the problem and the device. */
#include "cuda/device/group/block_group.cuh"
#include "cuda/plan/block_group_plan.cuh"

namespace cubn {
namespace {

template <int V, class Op>
__global__ void __launch_bounds__(RESIDENT_THREADS, TILE_BLOCKS_PER_SM<Op>)
    cooperative_kernel(const TileParams params, const Op op,
                       const BlockGroupParams groups_of_blocks) {
  CUBN_DYNAMIC_SHARED(unsigned char, shared);
  CUBN_SHARED(BlockGroupState, state, );
  BlockGroupMember<V, Op> block(params, groups_of_blocks, shared, &state);
  block.work(op);
}

template <int V, class Op>
constexpr auto KERNEL = static_cast<void (*)(const TileParams, const Op, const BlockGroupParams)>(
    cooperative_kernel<V, Op>);

/* Crews of the cut, with their memory in the workspace, where also statistics are kept that the
 * operation computes again. */
template <class Op>
BlockGroupParams make_block_group_params(const TileShape &shape,
                                         const BlockGroupPartition &partition, void *workspace,
                                         bool recomputes, Op *op) {
  using Real = typename Op::Real;
  unsigned char *memory = static_cast<unsigned char *>(workspace) + CUBN_COUNTER_BYTES;
  const auto take = [&memory](int64_t count, size_t bytes) {
    unsigned char *const taken = memory;
    memory += round_up(count * static_cast<int64_t>(bytes), 128);
    return taken;
  };
  const int64_t channels = partition.block_groups * partition.group;
  BlockGroupParams groups_of_blocks = {};
  groups_of_blocks.groups = ceil_div(shape.c, partition.group);
  groups_of_blocks.block_groups = static_cast<int>(partition.block_groups);
  groups_of_blocks.ranks = static_cast<int>(partition.ranks);
  groups_of_blocks.tiles = static_cast<int>(partition.tiles);
  groups_of_blocks.slots = static_cast<int>(partition.slots);
  groups_of_blocks.counters = static_cast<unsigned *>(workspace);
  groups_of_blocks.sums =
      reinterpret_cast<double *>(take(channels * partition.ranks, sizeof(double[SLOT])));
  groups_of_blocks.coefficients = take(channels, sizeof(typename Op::Coefficients));
  if (recomputes) {
    if constexpr (Op::INPUTS == 2) {
      op->saved_mean = reinterpret_cast<Real *>(take(shape.c, sizeof(Real)));
      op->saved_inv_std = reinterpret_cast<Real *>(take(shape.c, sizeof(Real)));
    }
  }
  return groups_of_blocks;
}

/* Counters and numbers of tiles must not overflow, nor the workspace. */
bool is_countable(const BlockGroupProblem &task, const BlockGroupPartition &partition) {
  const int64_t groups = ceil_div(task.shape.c, partition.group);
  const int64_t slots_bytes =
      task.blocks() * partition.group * static_cast<int64_t>(sizeof(double[SLOT]));
  const int64_t saved_bytes =
      task.recomputes ? task.shape.c * static_cast<int64_t>(sizeof(double[2])) : 0;
  const int64_t some_bytes = 64 << 10; /* coefficients, and what alignment takes */
  return groups * task.all_reduces() <= INT32_MAX / partition.ranks &&
         slots_bytes + saved_bytes + some_bytes <=
             static_cast<int64_t>(CUBN_WORKSPACE_BYTES - CUBN_COUNTER_BYTES);
}

int64_t channel_bytes(const BlockGroupProblem &task) {
  return task.shape.inputs * task.shape.n * task.shape.s * task.shape.element_bytes;
}

cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  if (device->cooperative_smem_bytes[0] == 0)
    return cubn_refuse("this device has no cooperative launch of as many blocks as are needed");
  const cubn_refusal refusal = tile_reject(*problem);
  if (refusal.text) return refusal;
  if (!problem->has_output && !problem->has_dz) return refuse_statistics_only();
  const BlockGroupProblem task = block_group_problem(device, *problem);
  for (const int64_t size : {task.shape.n, task.shape.s})
    if (size > INT32_MAX / 2)
      return cubn_refuse_number("n or s is %lld and exceeds %lld", size, INT32_MAX / 2);
  const BlockGroupPartition partition = best_block_group_partition(task);
  if (partition.group == 0)
    return cubn_refuse_number(
        task.recomputes ? "no saved statistics, and no channel of %lld bytes fits into the "
                          "shared memory of this device, %lld bytes per block"
                        : "no part of a channel of %lld bytes fits into shared memory, of "
                          "which a block has %lld bytes",
        channel_bytes(task), task.bytes_max);
  if (!is_countable(task, partition))
    return cubn_refuse_number("%lld groups of channels are too many for counters or workspace",
                              ceil_div(task.shape.c, partition.group), 0);
  if (partition.cost_bytes * COOPERATIVE_GAIN_SHARE >
      cost_of_two_passes(task) * (COOPERATIVE_GAIN_SHARE - 1))
    return cubn_refuse_number(
        "re-reading and waiting cost as much as moving %lld bytes, two passes cost %lld",
        partition.cost_bytes, cost_of_two_passes(task));
  return cubn_accept();
}

struct CooperativeLaunch {
  cudaLaunchAttribute together = {};
  cudaLaunchConfig_t config = {};

  CooperativeLaunch(const cubn_device *device, int64_t blocks, int64_t shared_bytes) {
    together.id = cudaLaunchAttributeCooperative;
    together.val.cooperative = 1;
    config.gridDim = dim3(static_cast<unsigned>(blocks));
    config.blockDim = dim3(RESIDENT_THREADS);
    config.dynamicSmemBytes = static_cast<size_t>(shared_bytes);
    config.stream = device->stream;
    config.attrs = &together;
    config.numAttrs = 1;
  }
  CooperativeLaunch(const CooperativeLaunch &) = delete;
  CooperativeLaunch &operator=(const CooperativeLaunch &) = delete;
};

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const BlockGroupProblem task = block_group_problem(device, *problem);
  const BlockGroupPartition partition = best_block_group_partition(task);
  const auto start = [&](auto vector, const auto &op, const TileParams &params,
                         int64_t shared_bytes) {
    using Op = std::decay_t<decltype(op)>;
    const CooperativeLaunch launch(device, partition.block_groups * partition.ranks, shared_bytes);
    Op complete = op;
    const BlockGroupParams groups_of_blocks = make_block_group_params(
        task.shape, partition, args->workspace, params.recomputes, &complete);
    return cubn_cuda_check(cudaLaunchKernelEx(&launch.config, KERNEL<decltype(vector)::VALUE, Op>,
                                              params, complete, groups_of_blocks),
                           "cudaLaunchKernelEx");
  };
  return visit_type(problem->type, [&](auto tag) {
    return run_tiled<typename decltype(tag)::Type>(device, *problem, *args, partition, start);
  });
}

size_t workspace_bytes(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

/* ---- When the device is opened ---- */

/* What each block may have, in the units in which shared memory is given out, less one for what is
 * not dynamic. */
cubnStatus_t find_cooperative_smem_bytes(cubn_device *device) {
  constexpr int64_t UNIT = 128;
  const auto read = [device](cudaDeviceAttr attribute, int *value) {
    return cubn_cuda_check(cudaDeviceGetAttribute(value, attribute, device->ordinal),
                           "cudaDeviceGetAttribute");
  };
  int cooperative = 0, all = 0, reserved = 0;
  CUBN_TRY(read(cudaDevAttrCooperativeLaunch, &cooperative));
  CUBN_TRY(read(cudaDevAttrMaxSharedMemoryPerMultiprocessor, &all));
  CUBN_TRY(read(cudaDevAttrReservedSharedMemoryPerBlock, &reserved));
  for (int blocks = 1; cooperative != 0 && blocks <= RESIDENT_BLOCKS_PER_SM; ++blocks) {
    const int64_t share = (all / blocks - reserved) / UNIT * UNIT;
    const int64_t most = static_cast<int64_t>(device->shared_bytes_per_block);
    device->cooperative_smem_bytes[blocks - 1] =
        static_cast<size_t>(clamp(share, UNIT, most) - UNIT);
  }
  return CUBN_STATUS_SUCCESS;
}

/* Gives a kernel the shared memory that it may ask for, and finds out whether as many blocks as it is
 * made for run at a time on each multiprocessor. */
template <class Op, class Kernel>
cubnStatus_t allow(const cubn_device *device, Kernel *kernel, bool *runs) {
  const int bytes = static_cast<int>(device->cooperative_smem_bytes[TILE_BLOCKS_PER_SM<Op> - 1]);
  CUBN_TRY(cubn_cuda_check(
      cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes),
      "cudaFuncSetAttribute"));
  CUBN_TRY(
      cubn_cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                                           cudaSharedmemCarveoutMaxShared),
                      "cudaFuncSetAttribute"));
  int blocks = 0;
  CUBN_TRY(cubn_cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                               &blocks, kernel, RESIDENT_THREADS, static_cast<size_t>(bytes)),
                           "cudaOccupancyMaxActiveBlocksPerMultiprocessor"));
  *runs = *runs && blocks >= TILE_BLOCKS_PER_SM<Op>;
  return CUBN_STATUS_SUCCESS;
}

}  // namespace
}  // namespace cubn

cubn_block_group_plan cubn_cooperative_plan(const cubn_device *device,
                                            const cubn_problem *problem) {
  const cubn::BlockGroupProblem task = cubn::block_group_problem(device, *problem);
  const cubn::BlockGroupPartition partition = cubn::best_block_group_partition(task);
  cubn_block_group_plan plan = {};
  if (partition.group == 0) return plan;
  plan.groups = cubn::ceil_div(task.shape.c, partition.group);
  plan.block_groups = partition.block_groups;
  plan.ranks = partition.ranks;
  plan.tiles_per_block = cubn::ceil_div(partition.tiles, partition.ranks);
  plan.slots = partition.slots;
  plan.moved_bytes = partition.moved_bytes;
  plan.all_reduces = static_cast<double>(partition.cost_bytes - partition.moved_bytes) /
                     static_cast<double>(task.all_reduce_bytes);
  return plan;
}

cubnStatus_t cubn_cooperative_prepare(cubn_device *device) {
  CUBN_TRY(cubn::find_cooperative_smem_bytes(device));
  if (device->cooperative_smem_bytes[0] == 0) return CUBN_STATUS_SUCCESS;
  bool runs = true;
  CUBN_TRY(cubn::visit_tiled_kernels([&](auto vector, const auto &op) {
    using Op = std::decay_t<decltype(op)>;
    return cubn::allow<Op>(device, cubn::KERNEL<decltype(vector)::VALUE, Op>, &runs);
  }));
  if (!runs) device->cooperative_smem_bytes[0] = device->cooperative_smem_bytes[1] = 0;
  return CUBN_STATUS_SUCCESS;
}

const cubn_algo cubn_cuda_train_cooperative = {"cooperative", cubn::reject, cubn::workspace_bytes,
                                               cubn::run};
const cubn_algo cubn_cuda_backward_cooperative = {"cooperative", cubn::reject,
                                                  cubn::workspace_bytes, cubn::run};
