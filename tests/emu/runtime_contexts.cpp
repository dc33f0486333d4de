// Contexts: the primary one of each device, and the current one of each host thread. Driver API, as
// far as cudaGetDriverEntryPoint hands it out.
#include <cuda.h>

#include <cstring>

#include "runtime.h"

namespace emu {

namespace {

struct Context {
  int device;
  bool exists;
};

thread_local int chosen_device;                // by cudaSetDevice
thread_local std::vector<Context *> currents;  // the last one is current

Context *primary_context(int device) {
  static std::deque<Context> contexts;
  while (contexts.size() <= static_cast<size_t>(device)) {
    contexts.push_back({static_cast<int>(contexts.size()), false});
  }
  return &contexts[static_cast<size_t>(device)];
}

Context *create_primary_context(int device) {
  Context *context = primary_context(device);
  context->exists = true;
  return context;
}

void set_current(Context *context) {
  if (!currents.empty()) currents.pop_back();
  currents.push_back(context);
}

CUresult result_of(cudaError_t error) {
  return static_cast<CUresult>(error);
}

CUresult get_current(CUcontext *context) {
  return result_of(api_call("cuCtxGetCurrent", [&] {
    *context = reinterpret_cast<CUcontext>(currents.empty() ? nullptr : currents.back());
    return cudaSuccess;
  }));
}

CUresult push_current(CUcontext context) {
  return result_of(api_call("cuCtxPushCurrent", [&] {
    currents.push_back(reinterpret_cast<Context *>(context));
    return cudaSuccess;
  }));
}

CUresult pop_current(CUcontext *context) {
  return result_of(api_call("cuCtxPopCurrent", [&] {
    if (currents.empty()) return static_cast<cudaError_t>(CUDA_ERROR_INVALID_CONTEXT);
    *context = reinterpret_cast<CUcontext>(currents.back());
    currents.pop_back();
    return cudaSuccess;
  }));
}

CUresult retain_primary(CUcontext *context, CUdevice device) {
  return result_of(api_call("cuDevicePrimaryCtxRetain", [&] {
    if (device < 0 || device >= device_count()) return cudaErrorInvalidDevice;
    *context = reinterpret_cast<CUcontext>(create_primary_context(device));
    return cudaSuccess;
  }));
}

cudaError_t find_entry_point(const char *symbol, void **function,
                             cudaDriverEntryPointQueryResult *result) {
  const struct {
    const char *name;
    void *function;
  } known[] = {{"cuCtxGetCurrent", reinterpret_cast<void *>(get_current)},
               {"cuCtxPushCurrent", reinterpret_cast<void *>(push_current)},
               {"cuCtxPopCurrent", reinterpret_cast<void *>(pop_current)},
               {"cuDevicePrimaryCtxRetain", reinterpret_cast<void *>(retain_primary)}};
  for (const auto &entry : known) {
    if (strcmp(entry.name, symbol) != 0) continue;
    *function = entry.function;
    if (result != nullptr) *result = cudaDriverEntryPointSuccess;
    return cudaSuccess;
  }
  fail("emulator", "%s of the driver is not emulated", symbol);
}

}  // namespace

int current_device() {
  const bool has_context = !currents.empty() && currents.back() != nullptr;
  return has_context ? currents.back()->device : chosen_device;
}

void set_current_device(int device) {
  chosen_device = device;
  set_current(create_primary_context(device));
}

void use_current_device() {
  if (currents.empty() || currents.back() == nullptr) {
    set_current(create_primary_context(chosen_device));
  }
}

void leave_missing_devices() {
  if (current_device() < device_count()) return;
  currents.clear();
  chosen_device = 0;
}

}  // namespace emu

using namespace emu;

extern "C" {

void emu_forget_contexts(void) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  for (int device = 0; device < device_count(); ++device) primary_context(device)->exists = false;
  currents.clear();
  chosen_device = 0;
}

int emu_has_primary_context(int device) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  return primary_context(device)->exists;
}

cudaError_t cudaGetDriverEntryPoint(const char *symbol, void **function, unsigned long long,
                                    cudaDriverEntryPointQueryResult *result) {
  return api_call("cudaGetDriverEntryPoint",
                  [&] { return find_entry_point(symbol, function, result); });
}

cudaError_t cudaGetDriverEntryPointByVersion(const char *symbol, void **function, unsigned,
                                             unsigned long long,
                                             cudaDriverEntryPointQueryResult *result) {
  return api_call("cudaGetDriverEntryPoint",
                  [&] { return find_entry_point(symbol, function, result); });
}

}  // extern "C"
