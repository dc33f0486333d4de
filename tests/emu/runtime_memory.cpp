// Runtime API: memory.
#include <cstdio>
#include <cstring>

#include "runtime_allocations.h"

namespace emu {

namespace {

cudaError_t free_now(void *pointer, bool device) {
  if (pointer == nullptr) return cudaSuccess;
  const cudaError_t error = check_free(pointer, device);
  if (error != cudaSuccess) return error;
  drain_all();
  release(pointer);
  return cudaSuccess;
}

cudaError_t free_in_stream_order(void *pointer, cudaStream_t stream) {
  if (pointer == nullptr) return cudaSuccess;
  const cudaError_t error = check_free(pointer, true);
  if (error != cudaSuccess) return error;
  char *start = nullptr;
  find_allocation(pointer, &start)->freed = true;
  return enqueue(stream, [pointer] { release(pointer); });
}

bool kind_matches(cudaMemcpyKind kind, bool to_device, bool from_device) {
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !to_device && !from_device;
    case cudaMemcpyHostToDevice:
      return to_device && !from_device;
    case cudaMemcpyDeviceToHost:
      return !to_device && from_device;
    case cudaMemcpyDeviceToDevice:
      return to_device && from_device;
    default:
      return true;
  }
}

cudaError_t copy(void *to, const void *from, size_t size_bytes, cudaMemcpyKind kind,
                 cudaStream_t stream) {
  if (size_bytes == 0) return cudaSuccess;
  if (to == nullptr || from == nullptr) return cudaErrorInvalidValue;
  if (!range_is_inside(to, size_bytes) || !range_is_inside(from, size_bytes)) {
    return cudaErrorInvalidValue;
  }
  char *base = nullptr;
  const bool to_device = on_device(find_allocation(to, &base));
  const bool from_device = on_device(find_allocation(from, &base));
  if (!kind_matches(kind, to_device, from_device)) return cudaErrorInvalidMemcpyDirection;
  return enqueue(stream, [=] {
    memmove(to, from, size_bytes);
    note_written(to, size_bytes);
  });
}

cudaError_t fill(void *start, int value, size_t size_bytes, cudaStream_t stream) {
  if (size_bytes == 0) return cudaSuccess;
  char *base = nullptr;
  if (find_allocation(start, &base) == nullptr || !range_is_inside(start, size_bytes)) {
    return cudaErrorInvalidValue;
  }
  return enqueue(stream, [=] {
    memset(start, value, size_bytes);
    note_written(start, size_bytes);
  });
}

cudaError_t finish_legacy_stream(cudaError_t error) {
  if (error == cudaSuccess) drain_stream(stream_of(cudaStreamLegacy));
  return error;
}

cudaError_t allocate_unless_capturing(void **pointer, size_t size_bytes, cudaMemoryType type) {
  const cudaError_t error = refuse_unsafe_call();
  return error != cudaSuccess ? error : allocate(pointer, size_bytes, type);
}

cudaError_t free_unless_capturing(void *pointer, bool device) {
  const cudaError_t error = refuse_unsafe_call();
  return error != cudaSuccess ? error : free_now(pointer, device);
}

}  // namespace

}  // namespace emu

using namespace emu;

extern "C" {

unsigned long long emu_live_bytes(void) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  return memory_in_use().bytes;
}

unsigned long long emu_report_leaks(void) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  drain_all();
  for (const auto &entry : all_allocations()) {
    fprintf(stderr, "EMU-LEAK %zu bytes of %s memory at %p\n", entry.second.size_bytes,
            on_device(&entry.second) ? "device" : "host", static_cast<void *>(entry.first));
  }
  return memory_in_use().bytes;
}

cudaError_t cudaMalloc(void **pointer, size_t size_bytes) {
  return api_call("cudaMalloc", [&] {
    return allocate_unless_capturing(pointer, size_bytes, cudaMemoryTypeDevice);
  });
}

cudaError_t cudaFree(void *pointer) {
  return api_call("cudaFree", [&] { return free_unless_capturing(pointer, true); });
}

cudaError_t cudaMallocAsync(void **pointer, size_t size_bytes, cudaStream_t stream) {
  return api_call("cudaMallocAsync", [&] {
    const Stream *order = stream_of(stream);
    if (order == nullptr) return cudaErrorInvalidResourceHandle;
    if (order->capture) fail("emulator", "cudaMallocAsync in a capture is not emulated");
    return allocate(pointer, size_bytes, cudaMemoryTypeDevice);
  });
}

cudaError_t cudaFreeAsync(void *pointer, cudaStream_t stream) {
  return api_call("cudaFreeAsync", [&] {
    const Stream *order = stream_of(stream);
    if (order == nullptr) return cudaErrorInvalidResourceHandle;
    if (order->capture) fail("emulator", "cudaFreeAsync in a capture is not emulated");
    return free_in_stream_order(pointer, stream);
  });
}

cudaError_t cudaMallocHost(void **pointer, size_t size_bytes) {
  return api_call("cudaMallocHost", [&] {
    return allocate_unless_capturing(pointer, size_bytes, cudaMemoryTypeHost);
  });
}

cudaError_t cudaHostAlloc(void **pointer, size_t size_bytes, unsigned) {
  return api_call("cudaHostAlloc", [&] {
    return allocate_unless_capturing(pointer, size_bytes, cudaMemoryTypeHost);
  });
}

cudaError_t cudaFreeHost(void *pointer) {
  return api_call("cudaFreeHost", [&] { return free_unless_capturing(pointer, false); });
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t size_bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return api_call("cudaMemcpyAsync", [&] { return copy(to, from, size_bytes, kind, stream); });
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t size_bytes, cudaMemcpyKind kind) {
  return api_call("cudaMemcpy", [&] {
    const cudaError_t error = refuse_unsafe_call();
    if (error != cudaSuccess) return error;
    return finish_legacy_stream(copy(to, from, size_bytes, kind, cudaStreamLegacy));
  });
}

cudaError_t cudaMemsetAsync(void *start, int value, size_t size_bytes, cudaStream_t stream) {
  return api_call("cudaMemsetAsync", [&] { return fill(start, value, size_bytes, stream); });
}

cudaError_t cudaMemset(void *start, int value, size_t size_bytes) {
  return api_call("cudaMemset", [&] {
    const cudaError_t error = refuse_unsafe_call();
    if (error != cudaSuccess) return error;
    return fill(start, value, size_bytes, cudaStreamLegacy);
  });
}

cudaError_t cudaMemGetInfo(size_t *free_bytes, size_t *total_bytes) {
  return api_call("cudaMemGetInfo", [&] {
    *total_bytes = emulated_memory_bytes();
    *free_bytes = *total_bytes - memory_in_use().device_bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *attributes, const void *pointer) {
  return api_call("cudaPointerGetAttributes", [&] {
    char *start = nullptr;
    const Allocation *allocation = find_allocation(pointer, &start);
    *attributes = cudaPointerAttributes{};
    attributes->type = allocation != nullptr ? allocation->type : cudaMemoryTypeUnregistered;
    attributes->device = allocation != nullptr ? allocation->device : cudaInvalidDeviceId;
    if (allocation != nullptr) attributes->devicePointer = const_cast<void *>(pointer);
    if (!on_device(allocation)) attributes->hostPointer = const_cast<void *>(pointer);
    return cudaSuccess;
  });
}

}  // extern "C"
