#include "runtime_allocations.h"

#include <cstdlib>
#include <cstring>
#include <set>

#include "sanitizers.h"
#include "trace.h"

namespace emu {

namespace {

constexpr size_t kAllocationAlignment = 256;

std::map<char *, Allocation> allocations;
std::set<const void *> freed_pointers;  // not allocated again since
size_t live_bytes;
size_t live_device_bytes;

bool from_trace_heap(cudaMemoryType type) {
  return kTrace && type == cudaMemoryTypeDevice;
}

void *acquire_bytes(size_t size_bytes, cudaMemoryType type) {
  if (from_trace_heap(type)) {
    if constexpr (kTrace) return trace_heap_allocate(size_bytes);
  }
  void *pointer = nullptr;
  return posix_memalign(&pointer, kAllocationAlignment, size_bytes) == 0 ? pointer : nullptr;
}

}  // namespace

const std::map<char *, Allocation> &all_allocations() {
  return allocations;
}

MemoryInUse memory_in_use() {
  return {live_bytes, live_device_bytes};
}

Allocation *find_allocation(const void *pointer, char **start) {
  char *byte = static_cast<char *>(const_cast<void *>(pointer));
  auto next = allocations.upper_bound(byte);
  if (next == allocations.begin()) return nullptr;
  auto found = std::prev(next);
  if (byte >= found->first + found->second.size_bytes) return nullptr;
  *start = found->first;
  return &found->second;
}

bool on_device(const Allocation *allocation) {
  return allocation != nullptr && allocation->type == cudaMemoryTypeDevice;
}

bool range_is_inside(const void *start, size_t size_bytes) {
  char *base = nullptr;
  const Allocation *allocation = find_allocation(start, &base);
  if (allocation == nullptr) return true;
  const size_t offset = static_cast<size_t>(static_cast<const char *>(start) - base);
  return size_bytes <= allocation->size_bytes - offset;
}

void note_written(const void *start, size_t size_bytes) {
  char *base = nullptr;
  const Allocation *allocation = find_allocation(start, &base);
  if (allocation != nullptr && from_trace_heap(allocation->type)) {
    if constexpr (kTrace) trace_mark_initialised(start, size_bytes);
  }
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

cudaError_t check_free(void *pointer, bool device) {
  auto found = allocations.find(static_cast<char *>(pointer));
  const bool again =
      found != allocations.end() ? found->second.freed : freed_pointers.count(pointer) != 0;
  if (again) fail("double-free", "%p was freed before", pointer);
  if (found == allocations.end()) return cudaErrorInvalidValue;
  return on_device(&found->second) == device ? cudaSuccess : cudaErrorInvalidValue;
}

void release(void *pointer) {
  char *start = static_cast<char *>(pointer);
  const Allocation allocation = allocations.at(start);
  live_bytes -= allocation.size_bytes;
  if (allocation.type == cudaMemoryTypeDevice) live_device_bytes -= allocation.size_bytes;
  allocations.erase(start);
  freed_pointers.insert(start);
  if (from_trace_heap(allocation.type)) {
    if constexpr (kTrace) trace_heap_free(start);
    return;
  }
  asan_unpoison(start, allocation.size_bytes);
  free(start);
}

bool trace_is_mapped_host_memory(const void *address) {
  char *start = nullptr;
  const Allocation *allocation = find_allocation(address, &start);
  return allocation != nullptr && allocation->type != cudaMemoryTypeDevice;
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
