// Runtime API: the attributes of kernels, and the limits of a launch.
#include <algorithm>
#include <map>
#include <set>

#include "runtime.h"

namespace emu {

namespace {

constexpr unsigned kMaxThreadsPerBlock = 1024;
constexpr unsigned kMaxBlockZ = 64;
constexpr unsigned kMaxGridX = 0x7fffffff;
constexpr unsigned kMaxGridYZ = 65535;

std::map<const void *, FunctionAttributes> function_attributes;
std::set<std::pair<const void *, int>> loaded_functions;  // and the devices
unsigned late_loads;

// Blocks that can run at the same time.
size_t resident_blocks(const LaunchRequest &request) {
  const int threads = static_cast<int>(request.block.x * request.block.y * request.block.z);
  return static_cast<size_t>(free_sms()) *
         static_cast<size_t>(
             blocks_per_sm(request.kernel->function, threads, request.dynamic_shared_bytes));
}

cudaError_t check_cluster(const LaunchRequest &request, bool non_portable) {
  const dim3 cluster = request.cluster;
  const unsigned blocks = cluster.x * cluster.y * cluster.z;
  const DeviceModel &model = device_model();
  if (blocks == 1) return cudaSuccess;
  if (model.portable_cluster_blocks == 0) return cudaErrorNotSupported;
  const int limit = non_portable ? model.largest_cluster_blocks : model.portable_cluster_blocks;
  if (blocks == 0 || blocks > static_cast<unsigned>(limit)) return cudaErrorInvalidClusterSize;
  if (blocks > resident_blocks(request)) return cudaErrorInvalidClusterSize;
  const bool divides = request.grid.x % cluster.x == 0 && request.grid.y % cluster.y == 0 &&
                       request.grid.z % cluster.z == 0;
  return divides ? cudaSuccess : cudaErrorInvalidClusterSize;
}

}  // namespace

void load_function(const void *function, bool is_launch) {
  const bool is_new = loaded_functions.insert({function, current_device()}).second;
  if (is_new && is_launch) ++late_loads;
}

FunctionAttributes &attributes_of(const void *function) {
  return function_attributes[function];
}

size_t shared_optin_bytes() {
  return static_cast<size_t>(device_model().shared_optin_kib) << 10;
}

int blocks_per_sm(const void *function, int threads, size_t dynamic_bytes) {
  if (threads <= 0 || threads > static_cast<int>(kMaxThreadsPerBlock)) return 0;
  const DeviceModel &model = device_model();
  const int rounded_threads = (threads + 31) / 32 * 32;
  const size_t shared = static_cast<size_t>(model.shared_kib) << 10;
  const size_t used = dynamic_bytes + static_shared_bytes(function) + kReservedSharedBytes;
  const int by_shared = static_cast<int>(shared / used);
  return std::min({model.threads / rounded_threads, model.blocks, by_shared});
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
  const size_t blocks = static_cast<size_t>(grid.x) * grid.y * grid.z;
  return blocks <= resident_blocks(request) ? cudaSuccess : cudaErrorCooperativeLaunchTooLarge;
}

namespace {

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

void emu_unload_kernels(void) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  loaded_functions.clear();
  late_loads = 0;
}

unsigned emu_late_loads(void) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  return late_loads;
}

cudaError_t cudaFuncSetAttribute(const void *function, cudaFuncAttribute attribute, int value) {
  return api_call("cudaFuncSetAttribute", [&] {
    load_function(function, false);
    return set_function_attribute(function, attribute, value);
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *attributes, const void *function) {
  return api_call("cudaFuncGetAttributes", [&] {
    load_function(function, false);
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

}  // extern "C"
