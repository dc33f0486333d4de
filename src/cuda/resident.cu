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
__global__ void __launch_bounds__(RESIDENT_THREADS, TILE_BLOCKS_PER_SM<Op>)
    resident_kernel(const TileParams params, Op op) {
  CUBN_DYNAMIC_SHARED(unsigned char, shared);
  reduce_and_apply_tile<false, V>(params, op, shared);
}

/* Channels per block, or none if no group fits: the longest runs that leave two blocks on a
 * multiprocessor and few multiprocessors without a group. */
TilePartition partition_of(const cubn_device *device, const cubn_problem &problem) {
  const TileShape shape = tile_shape(problem);
  const int64_t most = smem_bytes_max(device), row_bytes = shape.s * shape.element_bytes;
  if (row_bytes > most || shape.n > most) return {};
  TilePartition partition = {widest_channel_group(shape), 1, 0};
  while (
      partition.group > 1 && partition.group / 2 * row_bytes >= RUN_BYTES_MIN &&
      (smem_bytes(shape, partition) > smem_bytes_half(device) ||
       ceil_div(shape.c, partition.group) * RUN_SM_SHARE < device->sm_count * (RUN_SM_SHARE - 1)))
    partition.group /= 2;
  if (smem_bytes(shape, partition) > most) return {};
  return partition;
}

/* A cluster is better where a block would have a multiprocessor for itself, or groups leave
 * multiprocessors idle; short tiles are not worth it. */
bool wants_cluster(const cubn_device *device, const TileShape &shape,
                   const TilePartition &partition) {
  const int64_t bytes = smem_bytes(shape, partition);
  return device->cluster_ranks_max > 0 && bytes >= 2 * CLUSTER_SHARE_BYTES_MIN &&
         (bytes > smem_bytes_half(device) || ceil_div(shape.c, partition.group) * RUN_SM_SHARE <
                                                 device->sm_count * (RUN_SM_SHARE - 1));
}

cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  const cubn_refusal refusal = tile_reject(*problem);
  if (refusal.text) return refusal;
  const TilePartition partition = partition_of(device, *problem);
  if (partition.group == 0)
    return cubn_refuse_number(
        "no channel of n * s = %lld values fits into shared memory, of which a block has %lld "
        "bytes",
        cubn_count(problem), smem_bytes_max(device));
  const TileShape shape = tile_shape(*problem);
  if (wants_cluster(device, shape, partition))
    return cubn_refuse_number("%lld groups of channels use less of the device than clusters do",
                              ceil_div(shape.c, partition.group), 0);
  if (ceil_div(shape.c, partition.group) * RESIDENT_SM_SHARE < device->sm_count &&
      smem_bytes(shape, partition) > RESIDENT_ALONE_BYTES)
    return cubn_refuse_number("%lld groups of channels do not fill the %lld SMs of the device",
                              ceil_div(shape.c, partition.group), device->sm_count);
  return cubn_accept();
}

cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  const cubn_device_scope scope(device);
  CUBN_TRY(scope.status());
  const auto start = [&](auto vector, const auto &op, const TileParams &params,
                         int64_t shared_bytes) {
    return launch(device, resident_kernel<decltype(vector)::VALUE, std::decay_t<decltype(op)>>,
                  ceil_div(params.c, params.group), RESIDENT_THREADS,
                  static_cast<size_t>(shared_bytes), params, op);
  };
  return visit_type(problem->type, [&](auto tag) {
    return run_tiled<typename decltype(tag)::Type>(device, *problem, *args,
                                                   partition_of(device, *problem), start);
  });
}

}  // namespace
}  // namespace cubn

cubnStatus_t cubn_resident_prepare(cubn_device *device) {
  return cubn::visit_tiled_kernels([&](auto vector, const auto &op) {
    void (*const kernel)(const cubn::TileParams, std::decay_t<decltype(op)>) =
        cubn::resident_kernel<decltype(vector)::VALUE, std::decay_t<decltype(op)>>;
    return cubn_cuda_check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                                static_cast<int>(cubn::smem_bytes_max(device))),
                           "cudaFuncSetAttribute");
  });
}

const cubn_algo cubn_cuda_train_resident = {"resident", cubn::reject, nullptr, cubn::run};
const cubn_algo cubn_cuda_backward_resident = {"resident", cubn::reject, nullptr, cubn::run};
