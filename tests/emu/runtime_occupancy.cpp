// Runtime API: how many blocks and clusters are resident on a device.
#include <algorithm>

#include "runtime.h"

namespace emu {

namespace {

// Clusters stay within a graphics processing cluster of the chip.
int active_clusters(const void *function, const cudaLaunchConfig_t &config, unsigned blocks) {
  constexpr int kSmsTogether = 16;
  const int threads = static_cast<int>(config.blockDim.x * config.blockDim.y * config.blockDim.z);
  const int per_sm = blocks_per_sm(function, threads, config.dynamicSmemBytes);
  int clusters = 0;
  for (int left = sm_count(); left > 0; left -= kSmsTogether) {
    const int together = std::min(left, kSmsTogether);
    clusters += together * per_sm / static_cast<int>(blocks);
  }
  return clusters;
}

}  // namespace

}  // namespace emu

using namespace emu;

extern "C" {

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function,
                                                          int threads, size_t dynamic_bytes) {
  return api_call("cudaOccupancyMaxActiveBlocksPerMultiprocessor", [&] {
    *blocks = blocks_per_sm(function, threads, dynamic_bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks,
                                                                   const void *function,
                                                                   int threads,
                                                                   size_t dynamic_bytes, unsigned) {
  return api_call("cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags", [&] {
    *blocks = blocks_per_sm(function, threads, dynamic_bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t *bytes, const void *function,
                                                      int blocks, int) {
  return api_call("cudaOccupancyAvailableDynamicSMemPerBlock", [&] {
    if (blocks <= 0) return cudaErrorInvalidValue;
    const size_t shared = static_cast<size_t>(device_model().shared_kib) << 10;
    const size_t reserved = kReservedSharedBytes + static_shared_bytes(function);
    const size_t per_block = shared / static_cast<size_t>(blocks);
    *bytes = std::min(per_block > reserved ? per_block - reserved : 0, shared_optin_bytes());
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveClusters(int *clusters, const void *function,
                                           const cudaLaunchConfig_t *config) {
  return api_call("cudaOccupancyMaxActiveClusters", [&] {
    const dim3 cluster = read_launch_attributes(*config).cluster;
    const unsigned blocks = cluster.x * cluster.y * cluster.z;
    if (device_model().portable_cluster_blocks == 0) return cudaErrorNotSupported;
    const int limit = device_model().largest_cluster_blocks;
    if (blocks == 0 || blocks > static_cast<unsigned>(limit)) return cudaErrorInvalidClusterSize;
    *clusters = active_clusters(function, *config, blocks);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxPotentialClusterSize(int *blocks, const void *function,
                                                 const cudaLaunchConfig_t *config) {
  return api_call("cudaOccupancyMaxPotentialClusterSize", [&] {
    const DeviceModel &model = device_model();
    if (model.portable_cluster_blocks == 0) return cudaErrorNotSupported;
    int size = attributes_of(function).non_portable_cluster ? model.largest_cluster_blocks
                                                            : model.portable_cluster_blocks;
    while (size > 1 && active_clusters(function, *config, static_cast<unsigned>(size)) == 0) {
      size /= 2;
    }
    *blocks = size;
    return cudaSuccess;
  });
}

}  // extern "C"
