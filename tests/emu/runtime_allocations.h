// Private to the emulator: the device's and the host's allocations.
#pragma once

#include <map>

#include "runtime.h"

namespace emu {

struct Allocation {
  size_t size_bytes;
  cudaMemoryType type;
  int device;
  bool freed;  // freed asynchronously: the work that frees it is queued
};

struct MemoryInUse {
  size_t bytes;
  size_t device_bytes;
};

const std::map<char *, Allocation> &all_allocations();
MemoryInUse memory_in_use();

// The allocation that holds the byte, or null. Sets *start to its first byte.
Allocation *find_allocation(const void *pointer, char **start);
// Whether the allocation, which may be null, is memory of the device.
bool on_device(const Allocation *allocation);
// Returns true also for memory that is no allocation of the device: that of the host.
bool range_is_inside(const void *start, size_t size_bytes);
// Device memory that a copy or a fill has written counts as initialised.
void note_written(const void *start, size_t size_bytes);

cudaError_t allocate(void **pointer, size_t size_bytes, cudaMemoryType type);
// Checks a free. Also the first half of an asynchronous free, the half that can detect an error.
cudaError_t check_free(void *pointer, bool device);
void release(void *pointer);

}  // namespace emu
