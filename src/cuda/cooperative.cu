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
#include "cuda/device/crew.cuh"
#include "cuda/device/crew_plan.cuh"

namespace cubn {
namespace {

template <int V, class Op>
__global__ void __launch_bounds__(RESIDENT_THREADS, HOLD_BLOCKS<Op>)
    cooperative_kernel(const Hold hold, Op op, const Crew crew) {
  CUBN_DYNAMIC_SHARED(unsigned char, shared);
  CUBN_SHARED(BulkBarrier, barrier, );
  CrewBlock<V, Op> block(hold, crew, shared, &barrier);
  block.work(op);
}

template <int V, class Op>
constexpr auto KERNEL =
    static_cast<void (*)(const Hold, Op, const Crew)>(cooperative_kernel<V, Op>);

/* Crews of the cut, with their memory in the workspace. */
template <class Op>
Crew make_crew(const HoldShape &shape, const CrewCut &cut, void *workspace) {
  using Real = typename Op::Real;
  unsigned char *memory = static_cast<unsigned char *>(workspace) + CUBN_COUNTER_BYTES;
  const auto take = [&memory](int64_t count, size_t bytes) {
    unsigned char *const taken = memory;
    memory += round_up(count * static_cast<int64_t>(bytes), 128);
    return taken;
  };
  const int64_t channels = cut.crews * cut.group;
  Crew crew = {};
  crew.groups = ceil_div(shape.c, cut.group);
  crew.crews = static_cast<int>(cut.crews);
  crew.ranks = static_cast<int>(cut.ranks);
  crew.tiles = static_cast<int>(cut.tiles);
  crew.slots = static_cast<int>(cut.slots);
  crew.counters = static_cast<unsigned *>(workspace);
  crew.sums = reinterpret_cast<double *>(take(channels * cut.ranks, sizeof(double[SLOT])));
  crew.coefficients = take(channels, sizeof(typename Op::Coefficients));
  crew.saved = take(channels, sizeof(Real[2]));
  return crew;
}

/* Counters and numbers of tiles must not overflow, nor the workspace. */
bool is_countable(const CrewTask &task, const CrewCut &cut) {
  const int64_t groups = ceil_div(task.shape.c, cut.group);
  const int64_t slots = task.blocks() * cut.group;
  const int64_t workspace = static_cast<int64_t>(CUBN_WORKSPACE_BYTES - CUBN_COUNTER_BYTES);
  return groups * task.meetings() <= INT32_MAX / cut.ranks &&
         slots * static_cast<int64_t>(sizeof(double[SLOT])) <= workspace / 2;
}

const char *reject(const cubn_device *device, const cubn_problem *problem) {
  if (!device->has_crews) return "blocks of this device cannot wait for each other";
  if (const char *const reason = hold_reject(*problem)) return reason;
  if (!problem->has_output && !problem->has_dz) return "has no second pass";
  const CrewTask task = crew_task(device, *problem);
  if (task.shape.n > INT32_MAX / 2 || task.shape.s > INT32_MAX / 2) return "images are too many";
  const CrewCut cut = best_crew_cut(task);
  if (cut.group == 0)
    return task.recomputes ? "without saved statistics, no group of channels fits on the device"
                           : "no part of a group of channels fits into shared memory";
  if (!is_countable(task, cut)) return "too many groups of channels";
  if (cut.cost_bytes * CREW_GAIN_SHARE > crew_cost_of_two_passes(task) * (CREW_GAIN_SHARE - 1))
    return "what exceeds shared memory, and waiting, cost about as much as a second pass";
  return nullptr;
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
  const CrewTask task = crew_task(device, *problem);
  const CrewCut cut = best_crew_cut(task);
  const auto start = [&](auto vector, const auto &op, const Hold &hold, int64_t shared_bytes) {
    using Op = std::decay_t<decltype(op)>;
    const CooperativeLaunch launch(device, cut.crews * cut.ranks, shared_bytes);
    const Crew crew = make_crew<Op>(task.shape, cut, args->workspace);
    return cubn_cuda_check(
        cudaLaunchKernelEx(&launch.config, KERNEL<decltype(vector)::VALUE, Op>, hold, op, crew),
        "cudaLaunchKernelEx");
  };
  return visit_type(problem->type, [&](auto tag) {
    return run_held<typename decltype(tag)::Type>(device, *problem, *args, cut, start);
  });
}

size_t workspace_bytes(const cubn_device *, const cubn_problem *) {
  return CUBN_WORKSPACE_BYTES;
}

/* ---- When the device is opened ---- */

/* Gives a kernel all shared memory, and finds out whether as many blocks as it is made for run at a
 * time on each multiprocessor. */
template <class Op, class Kernel>
cubnStatus_t allow(cubn_device *device, Kernel *kernel) {
  const int64_t bytes =
      (HOLD_BLOCKS<Op> > 1 ? hold_bytes_half(device) : hold_bytes_max(device)) - CREW_STATIC_BYTES;
  CUBN_TRY(cubn_cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                static_cast<int>(bytes)),
                           "cudaFuncSetAttribute"));
  CUBN_TRY(
      cubn_cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                                           cudaSharedmemCarveoutMaxShared),
                      "cudaFuncSetAttribute"));
  int blocks = 0;
  CUBN_TRY(cubn_cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                               &blocks, kernel, RESIDENT_THREADS, static_cast<size_t>(bytes)),
                           "cudaOccupancyMaxActiveBlocksPerMultiprocessor"));
  device->has_crews = device->has_crews && blocks >= HOLD_BLOCKS<Op>;
  return CUBN_STATUS_SUCCESS;
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_cooperative_prepare(cubn_device *device) {
  int cooperative = 0;
  CUBN_TRY(cubn_cuda_check(
      cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, device->ordinal),
      "cudaDeviceGetAttribute"));
  device->has_crews = cooperative != 0;
  if (!device->has_crews) return CUBN_STATUS_SUCCESS;
  return cubn::visit_held_kernels([&](auto vector, const auto &op) {
    using Op = std::decay_t<decltype(op)>;
    return cubn::allow<Op>(device, cubn::KERNEL<decltype(vector)::VALUE, Op>);
  });
}

const cubn_algo cubn_cuda_train_cooperative = {"cooperative", cubn::reject, cubn::workspace_bytes,
                                               cubn::run};
const cubn_algo cubn_cuda_backward_cooperative = {"cooperative", cubn::reject,
                                                  cubn::workspace_bytes, cubn::run};
