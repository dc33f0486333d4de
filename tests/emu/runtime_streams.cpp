// Runtime API: streams and synchronization.
#include "runtime.h"

namespace emu {

namespace {

cudaError_t create_stream(cudaStream_t *handle, unsigned flags, int priority) {
  if (handle == nullptr || (flags & ~static_cast<unsigned>(cudaStreamNonBlocking)) != 0) {
    return cudaErrorInvalidValue;
  }
  Stream *stream = new Stream;
  stream->device = current_device();
  stream->flags = flags;
  stream->blocking = (flags & cudaStreamNonBlocking) == 0;
  stream->priority = priority;
  add_stream(stream);
  *handle = reinterpret_cast<cudaStream_t>(stream);
  return cudaSuccess;
}

cudaError_t destroy_stream(cudaStream_t handle) {
  Stream *stream = stream_of(handle);
  if (stream == nullptr || is_default_stream(stream) || handle == cudaStreamPerThread) {
    return cudaErrorInvalidResourceHandle;
  }
  drain_stream(stream);
  end_captures_of(stream);
  remove_stream(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t synchronize_stream(cudaStream_t handle) {
  Stream *stream = stream_of(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  const cudaError_t error = refuse_captured(stream);
  if (error == cudaSuccess) drain_stream(stream);
  return error;
}

}  // namespace

}  // namespace emu

using namespace emu;

extern "C" {

cudaError_t cudaStreamCreate(cudaStream_t *stream) {
  return api_call("cudaStreamCreate", [&] { return create_stream(stream, 0, 0); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) {
  return api_call("cudaStreamCreateWithFlags", [&] { return create_stream(stream, flags, 0); });
}

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) {
  return api_call("cudaStreamCreateWithPriority",
                  [&] { return create_stream(stream, flags, priority); });
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return destroying_api_call("cudaStreamDestroy", [&] { return destroy_stream(stream); });
}

cudaError_t cudaStreamGetFlags(cudaStream_t handle, unsigned *flags) {
  return api_call("cudaStreamGetFlags", [&] {
    const Stream *stream = stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *flags = stream->flags;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return api_call("cudaStreamSynchronize", [&] { return synchronize_stream(stream); });
}

cudaError_t cudaStreamQuery(cudaStream_t handle) {
  return api_call("cudaStreamQuery", [&] {
    const Stream *stream = stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    const cudaError_t error = refuse_captured(stream);
    if (error != cudaSuccess) return error;
    if (stream->queue.empty()) return cudaSuccess;
    advance_polled();
    return cudaErrorNotReady;
  });
}

cudaError_t cudaDeviceSynchronize(void) {
  return api_call("cudaDeviceSynchronize", [&] {
    const cudaError_t error = refuse_unsafe_call();
    if (error == cudaSuccess) drain_all();
    return error;
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void *data) {
  return api_call("cudaLaunchHostFunc", [&] {
    return enqueue(stream, [=] {
      close_device_memory();
      function(data);
    });
  });
}

}  // extern "C"
