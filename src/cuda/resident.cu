/* resident: x (and dy) is read once, because a block holds a group of channels in its shared memory
 * between the passes.
 *
 * Idea. See hold.cuh: runs of consecutive elements are copied asynchronously, all at once, by
 * aligned vectors whatever the rows are. Sums are taken from shared memory with the arithmetic of
 * the two-pass algorithm; there, channels need no alignment. Fused backward turns dy into the
 * gradient of the pre-activation in the tile, once. */
#include "cuda/plan/tile_plan.cuh"

namespace cubn {
namespace {

template <int V, class Op>
__global__ void __launch_bounds__(RESIDENT_THREADS, HOLD_BLOCKS<Op>)
    resident_kernel(const Hold hold, Op op) {
  CUBN_DYNAMIC_SHARED(unsigned char, shared);
  hold_group<false, V>(hold, op, shared);
}

/* Channels per block, or none if no group fits: the longest runs that leave two blocks on a
 * multiprocessor and few multiprocessors without a group. */
HoldCut cut_of(const cubn_device *device, const cubn_problem &problem) {
  const HoldShape shape = hold_shape(problem);
  const int64_t most = hold_bytes_max(device), row_bytes = shape.s * shape.element_bytes;
  if (row_bytes > most || shape.n > most) return {};
  HoldCut cut = {hold_widest_group(shape), 1, 0};
  while (cut.group > 1 && cut.group / 2 * row_bytes >= RUN_BYTES_MIN &&
         (hold_bytes(shape, cut) > hold_bytes_half(device) ||
          ceil_div(shape.c, cut.group) * RUN_SM_SHARE <
              device->multiprocessor_count * (RUN_SM_SHARE - 1)))
    cut.group /= 2;
  if (hold_bytes(shape, cut) > most) return {};
  return cut;
}

/* A cluster is better where a block would have a multiprocessor for itself, or groups leave
 * multiprocessors idle; short tiles are not worth it. */
bool wants_cluster(const cubn_device *device, const HoldShape &shape, const HoldCut &cut) {
  const int64_t bytes = hold_bytes(shape, cut);
  return device->cluster_ranks_max > 0 && bytes >= 2 * CLUSTER_SHARE_BYTES_MIN &&
         (bytes > hold_bytes_half(device) || ceil_div(shape.c, cut.group) * RUN_SM_SHARE <
                                                 device->multiprocessor_count * (RUN_SM_SHARE - 1));
}

const char *reject(const cubn_device *device, const cubn_problem *problem) {
  if (const char *const reason = hold_reject(*problem)) return reason;
  const HoldCut cut = cut_of(device, *problem);
  if (cut.group == 0) return "no group of channels fits into shared memory";
  const HoldShape shape = hold_shape(*problem);
  if (wants_cluster(device, shape, cut)) return "clusters use more of the device";
  if (ceil_div(shape.c, cut.group) * RESIDENT_SM_SHARE < device->multiprocessor_count &&
      hold_bytes(shape, cut) > RESIDENT_ALONE_BYTES)
    return "too few channels to fill the device";
  return nullptr;
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const auto start = [&](auto vector, const auto &op, const Hold &hold, int64_t shared_bytes) {
    return launch(device, resident_kernel<decltype(vector)::VALUE, std::decay_t<decltype(op)>>,
                  ceil_div(hold.c, hold.group), RESIDENT_THREADS, static_cast<size_t>(shared_bytes),
                  hold, op);
  };
  return visit_type(problem->type, [&](auto tag) {
    return run_held<typename decltype(tag)::Type>(device, *problem, *args, cut_of(device, *problem),
                                                  start);
  });
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_resident_prepare(cubn_device *device) {
  return cubn::visit_held_kernels([&](auto vector, const auto &op) {
    void (*const kernel)(const cubn::Hold, std::decay_t<decltype(op)>) =
        cubn::resident_kernel<decltype(vector)::VALUE, std::decay_t<decltype(op)>>;
    return cubn_cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                static_cast<int>(cubn::hold_bytes_max(device))),
                           "cudaFuncSetAttribute");
  });
}

const cubn_algo cubn_cuda_train_resident = {"resident", cubn::reject, nullptr, cubn::run};
const cubn_algo cubn_cuda_backward_resident = {"resident", cubn::reject, nullptr, cubn::run};
