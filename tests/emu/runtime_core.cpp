// Runtime API: errors, versions, and the tests' control over calls.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>

#include "runtime.h"

namespace emu {

namespace {

struct Injection {
  std::string api;
  int remaining_calls;
  cudaError_t error;
};

std::vector<Injection> injections;
std::map<std::string, unsigned long long> call_counts;
unsigned long long all_calls;
thread_local cudaError_t last_error = cudaSuccess;

struct ErrorText {
  cudaError_t error;
  const char *name;
  const char *text;
};

const ErrorText kErrorTexts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration",
     "invalid configuration argument"},
    {cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction", "invalid device function"},
    {cudaErrorInsufficientDriver, "cudaErrorInsufficientDriver",
     "CUDA driver version is insufficient for CUDA runtime version"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState",
     "the operation cannot be performed in the "
     "present state"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
     "too many resources requested for launch"},
    {cudaErrorCooperativeLaunchTooLarge, "cudaErrorCooperativeLaunchTooLarge",
     "too many blocks in cooperative launch"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    {cudaErrorInvalidClusterSize, "cudaErrorInvalidClusterSize", "invalid cluster size"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "capture was not initiated in this stream"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
     "capturing stream has unjoined work"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
     "operation not permitted on an event last recorded in a capturing stream"},
    {cudaErrorStreamCaptureWrongThread, "cudaErrorStreamCaptureWrongThread",
     "attempt to terminate a thread-local capture sequence from another thread"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const ErrorText &text_of(cudaError_t error) {
  for (const ErrorText &entry : kErrorTexts) {
    if (entry.error == error) return entry;
  }
  static thread_local char name[32];
  static thread_local ErrorText other;
  snprintf(name, sizeof name, "cudaError%d", static_cast<int>(error));
  other = {error, name, "emulated CUDA error"};
  return other;
}

}  // namespace

std::recursive_mutex &runtime_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

bool null_device = false;

namespace {

int driver_version = CUDART_VERSION;

// The others need a context, and create one.
const char *const kCallsWithoutContext[] = {
    "cudaGetDeviceCount",      "cudaGetDevice",
    "cudaSetDevice",           "cudaDeviceGetAttribute",
    "cudaGetDeviceProperties", "cudaDriverGetVersion",
    "cudaGetDriverEntryPoint", "cudaThreadExchangeStreamCaptureMode",
    "cuCtxGetCurrent",         "cuCtxPushCurrent",
    "cuCtxPopCurrent",         "cuDevicePrimaryCtxRetain"};

bool needs_context(const char *name) {
  return std::none_of(std::begin(kCallsWithoutContext), std::end(kCallsWithoutContext),
                      [name](const char *other) { return strcmp(name, other) == 0; });
}

}  // namespace

cudaError_t begin_api_call(const char *name) {
  ++call_counts[name];
  ++all_calls;
  for (auto injection = injections.begin(); injection != injections.end(); ++injection) {
    if (injection->api != name || --injection->remaining_calls != 0) continue;
    const cudaError_t error = injection->error;
    injections.erase(injection);
    return error;
  }
  if (device_count() == 0) return cudaErrorNoDevice;
  if (driver_version < CUDART_VERSION / 1000 * 1000) return cudaErrorInsufficientDriver;
  if (needs_context(name)) use_current_device();
  return cudaSuccess;
}

cudaError_t note_error(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

}  // namespace emu

using namespace emu;

extern "C" {

void emu_set_null_device(int null) {
  null_device = null != 0;
}

void emu_fail_next(const char *api, int nth, int error) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  injections.push_back({api, nth, static_cast<cudaError_t>(error)});
}

unsigned long long emu_api_calls(const char *api) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  if (api == nullptr) return all_calls;
  auto found = call_counts.find(api);
  return found != call_counts.end() ? found->second : 0;
}

cudaError_t cudaGetLastError(void) {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError(void) {
  return last_error;
}

const char *cudaGetErrorName(cudaError_t error) {
  return text_of(error).name;
}

const char *cudaGetErrorString(cudaError_t error) {
  return text_of(error).text;
}

cudaError_t cudaRuntimeGetVersion(int *version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}

void emu_set_driver_version(int version) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  driver_version = version;
}

cudaError_t cudaDriverGetVersion(int *version) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  const cudaError_t error = begin_api_call("cudaDriverGetVersion");
  if (error != cudaSuccess && error != cudaErrorNoDevice && error != cudaErrorInsufficientDriver) {
    return note_error(error);
  }
  *version = device_count() != 0 ? driver_version : 0;
  return cudaSuccess;
}

}  // extern "C"
