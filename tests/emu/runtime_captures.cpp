// Runtime API: stream capture, and what it forbids.
#include <algorithm>

#include "runtime.h"

namespace emu {

namespace {

std::vector<std::shared_ptr<Capture>> captures;
thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;
unsigned long long next_capture_id;

// See cudaThreadExchangeStreamCaptureMode in NVIDIA's manual.
bool forbids_unsafe_calls(const Capture &capture) {
  if (capture.mode == cudaStreamCaptureModeRelaxed) return false;
  if (thread_mode == cudaStreamCaptureModeRelaxed) return false;
  if (capture.host_thread == std::this_thread::get_id()) return true;
  return thread_mode == cudaStreamCaptureModeGlobal && capture.mode == cudaStreamCaptureModeGlobal;
}

cudaError_t begin_capture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  Stream *stream = stream_of(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (is_default_stream(stream)) return cudaErrorStreamCaptureUnsupported;
  if (stream->capture) return cudaErrorIllegalState;
  auto capture = std::make_shared<Capture>();
  capture->origin = stream;
  capture->mode = mode;
  capture->host_thread = std::this_thread::get_id();
  capture->id = ++next_capture_id;
  stream->capture = capture;
  captures.push_back(capture);
  return cudaSuccess;
}

// All streams leave the capture. True if one had work that the origin does not wait for.
bool leave_capture(const std::shared_ptr<Capture> &capture) {
  bool unjoined = false;
  for (Stream *stream : all_streams()) {
    if (stream->capture != capture) continue;
    if (stream != capture->origin) unjoined = unjoined || stream->unjoined;
    stream->capture = nullptr;
    stream->unjoined = false;
  }
  captures.erase(std::find(captures.begin(), captures.end(), capture));
  return unjoined;
}

cudaError_t end_capture(cudaStream_t handle, cudaGraph_t *graph) {
  Stream *stream = stream_of(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  const std::shared_ptr<Capture> capture = stream->capture;
  if (!capture) return cudaErrorIllegalState;
  if (capture->origin != stream) return cudaErrorStreamCaptureUnmatched;
  const bool other_thread = capture->host_thread != std::this_thread::get_id();
  if (other_thread && capture->mode != cudaStreamCaptureModeRelaxed) {
    return cudaErrorStreamCaptureWrongThread;
  }
  *graph = nullptr;
  const bool unjoined = leave_capture(capture);
  if (capture->invalid) return cudaErrorStreamCaptureInvalidated;
  if (unjoined) return cudaErrorStreamCaptureUnjoined;
  *graph = reinterpret_cast<cudaGraph_t>(capture->graph.release());
  return cudaSuccess;
}

cudaStreamCaptureStatus status_of(const Stream *stream) {
  if (!stream->capture) return cudaStreamCaptureStatusNone;
  return stream->capture->invalid ? cudaStreamCaptureStatusInvalidated
                                  : cudaStreamCaptureStatusActive;
}

}  // namespace

cudaError_t refuse_unsafe_call() {
  bool refused = false;
  for (const std::shared_ptr<Capture> &capture : captures) {
    if (!forbids_unsafe_calls(*capture)) continue;
    capture->invalid = true;
    refused = true;
  }
  return refused ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

cudaError_t refuse_legacy_stream(const Stream *stream) {
  if (!is_default_stream(stream)) return cudaSuccess;
  bool refused = false;
  for (const std::shared_ptr<Capture> &capture : captures) {
    if (!capture->origin->blocking || capture->origin->device != stream->device) continue;
    capture->invalid = true;
    refused = true;
  }
  return refused ? cudaErrorStreamCaptureImplicit : cudaSuccess;
}

void end_captures_of(Stream *stream) {
  if (stream->capture) leave_capture(stream->capture);
}

cudaError_t refuse_captured(const Stream *stream) {
  if (!stream->capture) return refuse_unsafe_call();
  stream->capture->invalid = true;
  return cudaErrorStreamCaptureUnsupported;
}

}  // namespace emu

using namespace emu;

extern "C" {

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode *mode) {
  return api_call("cudaThreadExchangeStreamCaptureMode", [&] {
    if (mode == nullptr) return cudaErrorInvalidValue;
    std::swap(*mode, thread_mode);
    return cudaSuccess;
  });
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  return api_call("cudaStreamBeginCapture", [&] { return begin_capture(stream, mode); });
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
  return api_call("cudaStreamEndCapture", [&] { return end_capture(stream, graph); });
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus *status) {
  return api_call("cudaStreamIsCapturing", [&] {
    const Stream *stream = stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *status = status_of(stream);
    return cudaSuccess;
  });
}

static cudaError_t get_capture_info(cudaStream_t handle, cudaStreamCaptureStatus *status,
                                    unsigned long long *id, cudaGraph_t *graph) {
  return api_call("cudaStreamGetCaptureInfo", [&] {
    const Stream *stream = stream_of(handle);
    if (stream == nullptr) return cudaErrorInvalidResourceHandle;
    *status = status_of(stream);
    const Capture *capture = stream->capture.get();
    if (id != nullptr) *id = capture != nullptr ? capture->id : 0;
    if (graph != nullptr && capture != nullptr) {
      *graph = reinterpret_cast<cudaGraph_t>(capture->graph.get());
    }
    return cudaSuccess;
  });
}

#if CUDART_VERSION >= 13000
cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus *status,
                                     unsigned long long *id, cudaGraph_t *graph,
                                     const cudaGraphNode_t **dependencies,
                                     const cudaGraphEdgeData **edges, size_t *dependency_count) {
  if (dependencies != nullptr || edges != nullptr || dependency_count != nullptr) {
    fail("emulator", "cudaStreamGetCaptureInfo does not tell dependencies");
  }
  return get_capture_info(stream, status, id, graph);
}
#else
cudaError_t cudaStreamGetCaptureInfo_v2(cudaStream_t stream, cudaStreamCaptureStatus *status,
                                        unsigned long long *id, cudaGraph_t *graph,
                                        const cudaGraphNode_t **dependencies,
                                        size_t *dependency_count) {
  if (dependencies != nullptr || dependency_count != nullptr) {
    fail("emulator", "cudaStreamGetCaptureInfo does not tell dependencies");
  }
  return get_capture_info(stream, status, id, graph);
}
#endif

}  // extern "C"
