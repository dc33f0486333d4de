// Runtime API: memory.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "runtime.h"
#include "sanitizers.h"
#include "trace.h"

namespace emu {

namespace {

constexpr size_t kAllocationAlignment = 256;

std::map<char *, Allocation> allocations;
std::set<const void *> freed_pointers;  // and not handed out again
size_t live_bytes;
size_t live_device_bytes;

bool on_device(const Allocation *allocation) {
  return allocation != nullptr && allocation->type == cudaMemoryTypeDevice;
}

bool from_trace_heap(cudaMemoryType type) {
  return kTrace && type == cudaMemoryTypeDevice;
}

// Device memory that a copy or a fill has written counts as initialised.
void note_written(const void *start, size_t size_bytes) {
  char *base = nullptr;
  const Allocation *allocation = find_allocation(start, &base);
  if (allocation != nullptr && from_trace_heap(allocation->type)) {
    if constexpr (kTrace) trace_mark_initialised(start, size_bytes);
  }
}

// True as well for memory that is no allocation of the device: the host's own.
bool range_is_inside(const void *start, size_t size_bytes) {
  char *base = nullptr;
  const Allocation *allocation = find_allocation(start, &base);
  if (allocation == nullptr) return true;
  const size_t offset = static_cast<size_t>(static_cast<const char *>(start) - base);
  return size_bytes <= allocation->size_bytes - offset;
}

void *acquire_bytes(size_t size_bytes, cudaMemoryType type) {
  if (from_trace_heap(type)) {
    if constexpr (kTrace) return trace_heap_allocate(size_bytes);
  }
  void *pointer = nullptr;
  return posix_memalign(&pointer, kAllocationAlignment, size_bytes) == 0 ? pointer : nullptr;
}

void release_bytes(char *pointer, const Allocation &allocation) {
  live_bytes -= allocation.size_bytes;
  if (allocation.type == cudaMemoryTypeDevice) live_device_bytes -= allocation.size_bytes;
  allocations.erase(pointer);
  freed_pointers.insert(pointer);
  if (from_trace_heap(allocation.type)) {
    if constexpr (kTrace) trace_heap_free(pointer);
    return;
  }
  asan_unpoison(pointer, allocation.size_bytes);
  free(pointer);
}

// Also the first half of an asynchronous free, which is the one that can find a mistake.
cudaError_t check_free(void *pointer, bool device) {
  auto found = allocations.find(static_cast<char *>(pointer));
  const bool again =
      found != allocations.end() ? found->second.freed : freed_pointers.count(pointer) != 0;
  if (again) fail("double-free", "%p was freed before", pointer);
  if (found == allocations.end()) return cudaErrorInvalidValue;
  return on_device(&found->second) == device ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t free_now(void *pointer, bool device) {
  if (pointer == nullptr) return cudaSuccess;
  const cudaError_t error = check_free(pointer, device);
  if (error != cudaSuccess) return error;
  drain_all();
  const Allocation allocation = allocations.at(static_cast<char *>(pointer));
  release_bytes(static_cast<char *>(pointer), allocation);
  return cudaSuccess;
}

cudaError_t free_in_stream_order(void *pointer, cudaStream_t stream) {
  if (pointer == nullptr) return cudaSuccess;
  const cudaError_t error = check_free(pointer, true);
  if (error != cudaSuccess) return error;
  allocations.at(static_cast<char *>(pointer)).freed = true;
  return enqueue(stream, [pointer] {
    const Allocation allocation = allocations.at(static_cast<char *>(pointer));
    release_bytes(static_cast<char *>(pointer), allocation);
  });
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

Allocation *find_allocation(const void *pointer, char **start) {
  char *byte = static_cast<char *>(const_cast<void *>(pointer));
  auto next = allocations.upper_bound(byte);
  if (next == allocations.begin()) return nullptr;
  auto found = std::prev(next);
  if (byte >= found->first + found->second.size_bytes) return nullptr;
  *start = found->first;
  return &found->second;
}

bool trace_is_mapped_host_memory(const void *address) {
  char *start = nullptr;
  const Allocation *allocation = find_allocation(address, &start);
  return allocation != nullptr && allocation->type != cudaMemoryTypeDevice;
}

cudaError_t allocate(void **pointer, size_t size_bytes, cudaMemoryType type) {
  if (pointer == nullptr) return cudaErrorInvalidValue;
  *pointer = nullptr;
  if (size_bytes == 0) return cudaSuccess;
  const bool device = type == cudaMemoryTypeDevice;
  if (device && size_bytes > emulated_memory_bytes() - live_device_bytes) {
    return cudaErrorMemoryAllocation;
  }
  char *start = static_cast<char *>(acquire_bytes(size_bytes, type));
  if (start == nullptr) return cudaErrorMemoryAllocation;
  memset(start, 0xff, size_bytes);  // NaN in every floating-point type
  allocations[start] = {size_bytes, type, current_device(), false};
  freed_pointers.erase(start);
  live_bytes += size_bytes;
  if (device) live_device_bytes += size_bytes;
  if (device) asan_poison(start, size_bytes);
  *pointer = start;
  return cudaSuccess;
}

void open_device_memory() {
  for (const auto &entry : allocations) asan_unpoison(entry.first, entry.second.size_bytes);
}

void close_device_memory() {
  for (const auto &entry : allocations) {
    if (on_device(&entry.second)) asan_poison(entry.first, entry.second.size_bytes);
  }
}

}  // namespace emu

using namespace emu;

extern "C" {

unsigned long long emu_live_bytes(void) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  return live_bytes;
}

unsigned long long emu_report_leaks(void) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  drain_all();
  for (const auto &entry : allocations) {
    fprintf(stderr, "EMU-LEAK %zu bytes of %s memory at %p\n", entry.second.size_bytes,
            on_device(&entry.second) ? "device" : "host", static_cast<void *>(entry.first));
  }
  return live_bytes;
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
    *free_bytes = *total_bytes - live_device_bytes;
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
