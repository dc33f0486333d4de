// Runtime API: devices, their attributes and properties.
#include <cstdio>
#include <cstring>

#include "runtime.h"

namespace emu {

namespace {

bool is_device(int device) {
  return device >= 0 && device < device_count();
}

struct FixedAttribute {
  cudaDeviceAttr attribute;
  int value;
};

// The same for every device.
const FixedAttribute kFixedAttributes[] = {
    {cudaDevAttrReservedSharedMemoryPerBlock, 1 << 10},
    {cudaDevAttrMaxSharedMemoryPerBlock, 48 << 10},
    {cudaDevAttrMaxThreadsPerBlock, 1024},
    {cudaDevAttrMaxBlockDimX, 1024},
    {cudaDevAttrMaxBlockDimY, 1024},
    {cudaDevAttrMaxBlockDimZ, 64},
    {cudaDevAttrMaxGridDimX, 0x7fffffff},
    {cudaDevAttrMaxGridDimY, 65535},
    {cudaDevAttrMaxGridDimZ, 65535},
    {cudaDevAttrMaxRegistersPerBlock, 65536},
    {cudaDevAttrMaxRegistersPerMultiprocessor, 65536},
    {cudaDevAttrWarpSize, 32},
    {cudaDevAttrCooperativeLaunch, 1},
    {cudaDevAttrMemoryPoolsSupported, 1},
    {cudaDevAttrUnifiedAddressing, 1},
    {cudaDevAttrConcurrentKernels, 1},
    {cudaDevAttrEccEnabled, 0},
    {cudaDevAttrIntegrated, 0},
    {cudaDevAttrComputeMode, cudaComputeModeDefault},
};

bool get_model_attribute(cudaDeviceAttr attribute, int *value) {
  const DeviceModel &model = device_model();
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = sm_count();
      return true;
    case cudaDevAttrComputeCapabilityMajor:
      *value = model.compute_capability / 10;
      return true;
    case cudaDevAttrComputeCapabilityMinor:
      *value = model.compute_capability % 10;
      return true;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = model.shared_optin_kib << 10;
      return true;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = model.shared_kib << 10;
      return true;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = model.threads;
      return true;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      *value = model.blocks;
      return true;
    case cudaDevAttrL2CacheSize:
      *value = static_cast<int>(device_l2_bytes());
      return true;
    case cudaDevAttrMaxPersistingL2CacheSize:
      *value = model.l2_mib << 19;
      return true;
    case cudaDevAttrClusterLaunch:
      *value = model.portable_cluster_blocks != 0;
      return true;
    default:
      return false;
  }
}

bool get_attribute(cudaDeviceAttr attribute, int *value) {
  for (const FixedAttribute &fixed : kFixedAttributes) {
    if (fixed.attribute != attribute) continue;
    *value = fixed.value;
    return true;
  }
  return get_model_attribute(attribute, value);
}

void fill_properties(cudaDeviceProp *properties) {
  const DeviceModel &model = device_model();
  *properties = cudaDeviceProp{};
  snprintf(properties->name, sizeof properties->name, "emulated %s", model.name);
  properties->major = model.compute_capability / 10;
  properties->minor = model.compute_capability % 10;
  properties->multiProcessorCount = sm_count();
  properties->totalGlobalMem = emulated_memory_bytes();
  properties->sharedMemPerBlock = 48 << 10;
  properties->sharedMemPerBlockOptin = static_cast<size_t>(model.shared_optin_kib) << 10;
  properties->sharedMemPerMultiprocessor = static_cast<size_t>(model.shared_kib) << 10;
  properties->reservedSharedMemPerBlock = 1 << 10;
  properties->regsPerBlock = 65536;
  properties->regsPerMultiprocessor = 65536;
  properties->warpSize = 32;
  properties->maxThreadsPerBlock = 1024;
  properties->maxThreadsPerMultiProcessor = model.threads;
  properties->maxBlocksPerMultiProcessor = model.blocks;
  properties->l2CacheSize = static_cast<int>(device_l2_bytes());
  properties->persistingL2CacheMaxSize = model.l2_mib << 19;
  properties->cooperativeLaunch = 1;
  properties->clusterLaunch = model.portable_cluster_blocks != 0;
  properties->unifiedAddressing = 1;
  properties->concurrentKernels = 1;
  const int block_limits[] = {1024, 1024, 64};
  const int grid_limits[] = {0x7fffffff, 65535, 65535};
  memcpy(properties->maxThreadsDim, block_limits, sizeof block_limits);
  memcpy(properties->maxGridSize, grid_limits, sizeof grid_limits);
}

}  // namespace

}  // namespace emu

using namespace emu;

extern "C" {

void emu_set_device(const char *name, int sm_count) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  set_device_model(name, sm_count);
}

void emu_set_l2_bytes(unsigned long long bytes) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  set_l2_bytes(bytes);
}

void emu_set_free_sms(int count) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  set_free_sms(count);
}

void emu_set_device_count(int count) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  set_device_count(count);
}

cudaError_t cudaGetDeviceCount(int *count) {
  *count = device_count();
  return api_call("cudaGetDeviceCount", [] { return cudaSuccess; });
}

cudaError_t cudaGetDevice(int *device) {
  return api_call("cudaGetDevice", [&] {
    *device = current_device();
    return cudaSuccess;
  });
}

cudaError_t cudaSetDevice(int device) {
  return api_call("cudaSetDevice", [&] {
    if (!is_device(device)) return cudaErrorInvalidDevice;
    set_current_device(device);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int device) {
  return api_call("cudaDeviceGetAttribute", [&] {
    if (!is_device(device)) return cudaErrorInvalidDevice;
    if (!get_attribute(attribute, value)) {
      fail("emulator", "cudaDeviceGetAttribute %d is not emulated", static_cast<int>(attribute));
    }
    return cudaSuccess;
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *properties, int device) {
  return api_call("cudaGetDeviceProperties", [&] {
    if (!is_device(device)) return cudaErrorInvalidDevice;
    fill_properties(properties);
    return cudaSuccess;
  });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  return api_call("cudaDeviceGetStreamPriorityRange", [&] {
    *least = 0;
    *greatest = -5;
    return cudaSuccess;
  });
}

}  // extern "C"
