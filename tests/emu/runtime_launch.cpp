// Runtime API: launches, with the limits of the device, and the attributes of kernels.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <map>

#include "runtime.h"

namespace emu {

namespace {

constexpr unsigned kMaxThreadsPerBlock = 1024;
constexpr unsigned kMaxBlockZ = 64;
constexpr unsigned kMaxGridX = 0x7fffffff;
constexpr unsigned kMaxGridYZ = 65535;
constexpr size_t kDefaultSharedBytes = 48 << 10;
constexpr size_t kMaxArgumentBytes = 4096;
constexpr size_t kArgumentAlignment = 64;
constexpr size_t kReservedSharedBytes = 1024;  // per block, by the system

struct FunctionAttributes {
  int dynamic_shared_bytes = kDefaultSharedBytes;
  bool non_portable_cluster = false;
  int carveout = -1;
};

std::map<const void *, FunctionAttributes> function_attributes;

size_t shared_optin_bytes() {
  return static_cast<size_t>(device_model().shared_optin_kib) << 10;
}

int blocks_per_multiprocessor(const void *function, int threads, size_t dynamic_bytes) {
  if (threads <= 0 || threads > static_cast<int>(kMaxThreadsPerBlock)) return 0;
  const DeviceModel &model = device_model();
  const int rounded_threads = (threads + 31) / 32 * 32;
  const size_t shared = static_cast<size_t>(model.shared_kib) << 10;
  const size_t used = dynamic_bytes + static_shared_bytes(function) + kReservedSharedBytes;
  const int by_shared = static_cast<int>(shared / used);
  return std::min({model.threads / rounded_threads, model.blocks, by_shared});
}

// Clusters stay within a graphics processing cluster of the chip.
int active_clusters(const void *function, const cudaLaunchConfig_t &config, unsigned blocks) {
  constexpr int kMultiprocessorsTogether = 16;
  const int threads = static_cast<int>(config.blockDim.x * config.blockDim.y * config.blockDim.z);
  const int per_multiprocessor =
      blocks_per_multiprocessor(function, threads, config.dynamicSmemBytes);
  int clusters = 0;
  for (int left = multiprocessor_count(); left > 0; left -= kMultiprocessorsTogether) {
    const int together = std::min(left, kMultiprocessorsTogether);
    clusters += together * per_multiprocessor / static_cast<int>(blocks);
  }
  return clusters;
}

struct LaunchOptions {
  dim3 cluster = dim3(1);
  bool cooperative = false;
  bool overlaps = false;  // may begin before the launch before it has ended
};

LaunchOptions read_launch_attributes(const cudaLaunchConfig_t &config) {
  LaunchOptions options;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const cudaLaunchAttribute &attribute = config.attrs[i];
    switch (attribute.id) {
      case cudaLaunchAttributeCooperative:
        options.cooperative = attribute.val.cooperative != 0;
        break;
      case cudaLaunchAttributeClusterDimension:
        options.cluster = dim3(attribute.val.clusterDim.x, attribute.val.clusterDim.y,
                               attribute.val.clusterDim.z);
        break;
      case cudaLaunchAttributeProgrammaticStreamSerialization:
        options.overlaps = attribute.val.programmaticStreamSerializationAllowed != 0;
        break;
      // These affect speed only.
      case cudaLaunchAttributeIgnore:
      case cudaLaunchAttributeAccessPolicyWindow:
      case cudaLaunchAttributeSynchronizationPolicy:
      case cudaLaunchAttributeClusterSchedulingPolicyPreference:
      case cudaLaunchAttributePriority:
        break;
      default:
        fail("emulator", "launch attribute %d is not emulated", static_cast<int>(attribute.id));
    }
  }
  return options;
}

cudaError_t check_cluster(const LaunchRequest &request, bool non_portable) {
  const dim3 cluster = request.cluster;
  const unsigned blocks = cluster.x * cluster.y * cluster.z;
  const DeviceModel &model = device_model();
  if (blocks == 1) return cudaSuccess;
  if (model.portable_cluster_blocks == 0) return cudaErrorNotSupported;
  const int limit = non_portable ? model.largest_cluster_blocks : model.portable_cluster_blocks;
  if (blocks == 0 || blocks > static_cast<unsigned>(limit)) return cudaErrorInvalidClusterSize;
  const bool divides = request.grid.x % cluster.x == 0 && request.grid.y % cluster.y == 0 &&
                       request.grid.z % cluster.z == 0;
  return divides ? cudaSuccess : cudaErrorInvalidClusterSize;
}

cudaError_t check_limits(const LaunchRequest &request) {
  const dim3 grid = request.grid;
  const dim3 block = request.block;
  const size_t threads = static_cast<size_t>(block.x) * block.y * block.z;
  if (threads == 0 || threads > kMaxThreadsPerBlock || block.z > kMaxBlockZ) {
    return cudaErrorInvalidConfiguration;
  }
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return cudaErrorInvalidConfiguration;
  if (grid.x > kMaxGridX || grid.y > kMaxGridYZ || grid.z > kMaxGridYZ) {
    return cudaErrorInvalidConfiguration;
  }
  const void *function = request.kernel->function;
  const FunctionAttributes &attributes = function_attributes[function];
  if (request.dynamic_shared_bytes > static_cast<size_t>(attributes.dynamic_shared_bytes) ||
      request.dynamic_shared_bytes > request.shared_limit_bytes) {
    return cudaErrorInvalidValue;
  }
  const cudaError_t error = check_cluster(request, attributes.non_portable_cluster);
  if (error != cudaSuccess || !request.cooperative) return error;
  const size_t resident = static_cast<size_t>(multiprocessor_count()) *
                          static_cast<size_t>(blocks_per_multiprocessor(
                              function, static_cast<int>(threads), request.dynamic_shared_bytes));
  const size_t blocks = static_cast<size_t>(grid.x) * grid.y * grid.z;
  return blocks <= resident ? cudaSuccess : cudaErrorCooperativeLaunchTooLarge;
}

// The values of the arguments, kept until the launch runs.
class PackedArguments {
 public:
  PackedArguments(const KernelRecord &kernel, void **arguments) {
    for (unsigned i = 0; i < kernel.argument_count; ++i) {
      offsets_.push_back(round_up(size_bytes_, kArgumentAlignment));
      size_bytes_ = offsets_.back() + kernel.argument_sizes[i];
    }
    bytes_.resize(size_bytes_ + kArgumentAlignment);
    for (unsigned i = 0; i < kernel.argument_count; ++i) {
      memcpy(aligned() + offsets_[i], arguments[i], kernel.argument_sizes[i]);
    }
  }

  std::vector<void *> pointers() {
    std::vector<void *> list;
    for (size_t offset : offsets_) list.push_back(aligned() + offset);
    list.push_back(nullptr);
    return list;
  }

 private:
  char *aligned() {
    const uintptr_t start = reinterpret_cast<uintptr_t>(bytes_.data());
    return bytes_.data() + (round_up(start, kArgumentAlignment) - start);
  }

  std::vector<char> bytes_;
  std::vector<size_t> offsets_;
  size_t size_bytes_ = 0;
};

cudaError_t launch(const void *function, dim3 grid, dim3 block, void **arguments,
                   size_t shared_bytes, cudaStream_t stream, const LaunchOptions &options) {
  if (null_device) return cudaSuccess;
  const KernelRecord *kernel = find_kernel(function);
  if (kernel == nullptr) {
    fail("emulator", "a kernel was launched by an untyped pointer; pass the function itself");
  }
  size_t argument_bytes = 0;
  for (unsigned i = 0; i < kernel->argument_count; ++i) argument_bytes += kernel->argument_sizes[i];
  if (argument_bytes > kMaxArgumentBytes) return cudaErrorInvalidValue;
  const LaunchRequest request = {kernel,
                                 grid,
                                 block,
                                 options.cluster,
                                 shared_bytes,
                                 shared_optin_bytes(),
                                 options.cooperative,
                                 options.overlaps};
  const cudaError_t error = check_limits(request);
  if (error != cudaSuccess) return error;
  auto packed = std::make_shared<PackedArguments>(*kernel, arguments);
  return enqueue(stream, [request, packed] { execute(request, packed->pointers().data()); });
}

cudaError_t set_function_attribute(const void *function, cudaFuncAttribute attribute, int value) {
  FunctionAttributes &attributes = function_attributes[function];
  switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize: {
      const size_t static_bytes = static_shared_bytes(function);
      if (value < 0 || static_cast<size_t>(value) + static_bytes > shared_optin_bytes()) {
        return cudaErrorInvalidValue;
      }
      attributes.dynamic_shared_bytes = value;
      return cudaSuccess;
    }
    case cudaFuncAttributePreferredSharedMemoryCarveout:
      attributes.carveout = value;
      return cudaSuccess;
    case cudaFuncAttributeNonPortableClusterSizeAllowed:
      attributes.non_portable_cluster = value != 0;
      return cudaSuccess;
    default:
      fail("emulator", "cudaFuncSetAttribute %d is not emulated", static_cast<int>(attribute));
  }
}

}  // namespace

}  // namespace emu

using namespace emu;

extern "C" {

cudaError_t cudaLaunchKernel(const void *function, dim3 grid, dim3 block, void **arguments,
                             size_t shared_bytes, cudaStream_t stream) {
  return api_call("cudaLaunchKernel", [&] {
    return launch(function, grid, block, arguments, shared_bytes, stream, LaunchOptions());
  });
}

cudaError_t cudaLaunchCooperativeKernel(const void *function, dim3 grid, dim3 block,
                                        void **arguments, size_t shared_bytes,
                                        cudaStream_t stream) {
  return api_call("cudaLaunchCooperativeKernel", [&] {
    LaunchOptions options;
    options.cooperative = true;
    return launch(function, grid, block, arguments, shared_bytes, stream, options);
  });
}

// cudaLaunchKernelEx of C++ arrives here.
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *function,
                                void **arguments) {
  return api_call("cudaLaunchKernelExC", [&] {
    return launch(function, config->gridDim, config->blockDim, arguments, config->dynamicSmemBytes,
                  config->stream, read_launch_attributes(*config));
  });
}

cudaError_t cudaFuncSetAttribute(const void *function, cudaFuncAttribute attribute, int value) {
  return api_call("cudaFuncSetAttribute",
                  [&] { return set_function_attribute(function, attribute, value); });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *function) {
  return api_call("cudaFuncGetAttributes", [&] {
    *attributes = cudaFuncAttributes{};
    attributes->sharedSizeBytes = static_shared_bytes(function);
    attributes->maxThreadsPerBlock = kMaxThreadsPerBlock;
    attributes->numRegs = 32;
    attributes->ptxVersion = device_model().compute_capability;
    attributes->binaryVersion = device_model().compute_capability;
    attributes->maxDynamicSharedSizeBytes = function_attributes[function].dynamic_shared_bytes;
    attributes->preferredShmemCarveout = function_attributes[function].carveout;
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *function,
                                                          int threads, size_t dynamic_bytes) {
  return api_call("cudaOccupancyMaxActiveBlocksPerMultiprocessor", [&] {
    *blocks = blocks_per_multiprocessor(function, threads, dynamic_bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks,
                                                                   const void *function,
                                                                   int threads,
                                                                   size_t dynamic_bytes, unsigned) {
  return api_call("cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags", [&] {
    *blocks = blocks_per_multiprocessor(function, threads, dynamic_bytes);
    return cudaSuccess;
  });
}

cudaError_t cudaOccupancyAvailableDynamicSMemPerBlock(size_t *bytes, const void *function,
                                                      int blocks, int) {
  return api_call("cudaOccupancyAvailableDynamicSMemPerBlock", [&] {
    if (blocks <= 0) return cudaErrorInvalidValue;
    const size_t shared = static_cast<size_t>(device_model().shared_kib) << 10;
    const size_t reserved = kReservedSharedBytes + static_shared_bytes(function);
    const size_t share = shared / static_cast<size_t>(blocks);
    *bytes = std::min(share > reserved ? share - reserved : 0, shared_optin_bytes());
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
    int size = function_attributes[function].non_portable_cluster ? model.largest_cluster_blocks
                                                                  : model.portable_cluster_blocks;
    while (size > 1 && active_clusters(function, *config, static_cast<unsigned>(size)) == 0) {
      size /= 2;
    }
    *blocks = size;
    return cudaSuccess;
  });
}

}  // extern "C"
