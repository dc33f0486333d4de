// Runtime API: events.
#include "runtime.h"

namespace emu {

namespace {

unsigned live_events;

Event *event_of(cudaEvent_t handle) {
  return reinterpret_cast<Event *>(handle);
}

cudaError_t record_event(cudaEvent_t handle, cudaStream_t stream_handle) {
  Stream *stream = stream_of(stream_handle);
  if (handle == nullptr || stream == nullptr) return cudaErrorInvalidResourceHandle;
  Event *event = event_of(handle);
  event->capture = stream->capture;
  event->captured_in = stream->capture ? stream : nullptr;
  if (stream->capture) return cudaSuccess;
  event->state = std::make_shared<EventState>();
  event->state->done = false;
  std::shared_ptr<EventState> state = event->state;
  return push(
      stream,
      [state] {
        state->done = true;
        state->time_ms = stream_clock_ms();
      },
      nullptr);
}

cudaError_t wait_event(cudaStream_t stream_handle, cudaEvent_t handle) {
  Stream *stream = stream_of(stream_handle);
  if (handle == nullptr || stream == nullptr) return cudaErrorInvalidResourceHandle;
  Event *event = event_of(handle);
  if (event->capture) {
    if (is_default_stream(stream)) return cudaErrorStreamCaptureImplicit;
    if (stream->capture && stream->capture != event->capture) return cudaErrorStreamCaptureMerge;
    if (!stream->capture) stream->unjoined = true;
    stream->capture = event->capture;
    if (event->captured_in != stream) event->captured_in->unjoined = false;
    return cudaSuccess;
  }
  if (stream->capture) return cudaErrorStreamCaptureIsolation;
  std::shared_ptr<EventState> state = event->state;
  return push(
      stream, [] {}, [state] { return state->done; });
}

cudaError_t refuse_captured_event(const Event *event) {
  if (event == nullptr) return cudaErrorInvalidResourceHandle;
  if (event->capture && event->captured_in->capture == event->capture) {
    return cudaErrorCapturedEvent;
  }
  return refuse_unsafe_call();
}

}  // namespace

}  // namespace emu

using namespace emu;

extern "C" {

unsigned emu_live_objects(void) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  return static_cast<unsigned>(created_stream_count()) + live_events;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
  return api_call("cudaEventCreateWithFlags", [&] {
    Event *created = new Event;
    ++live_events;
    created->timing = (flags & cudaEventDisableTiming) == 0;
    *event = reinterpret_cast<cudaEvent_t>(created);
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
  return api_call("cudaEventCreate", [&] {
    *event = reinterpret_cast<cudaEvent_t>(new Event);
    ++live_events;
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return destroying_api_call("cudaEventDestroy", [&] {
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    delete event_of(event);
    --live_events;
    return cudaSuccess;
  });
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return api_call("cudaEventRecord", [&] { return record_event(event, stream); });
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  return api_call("cudaStreamWaitEvent", [&] { return wait_event(stream, event); });
}

cudaError_t cudaEventSynchronize(cudaEvent_t handle) {
  return api_call("cudaEventSynchronize", [&] {
    const cudaError_t error = refuse_captured_event(event_of(handle));
    if (error != cudaSuccess) return error;
    std::shared_ptr<EventState> state = event_of(handle)->state;
    advance_until([state] { return state->done; });
    return cudaSuccess;
  });
}

cudaError_t cudaEventQuery(cudaEvent_t handle) {
  return api_call("cudaEventQuery", [&] {
    const cudaError_t error = refuse_captured_event(event_of(handle));
    if (error != cudaSuccess) return error;
    return event_of(handle)->state->done ? cudaSuccess : cudaErrorNotReady;
  });
}

// The clock counts operations, not seconds: a launch takes a microsecond.
cudaError_t cudaEventElapsedTime(float *elapsed_ms, cudaEvent_t start, cudaEvent_t end) {
  return api_call("cudaEventElapsedTime", [&] {
    if (start == nullptr || end == nullptr) return cudaErrorInvalidResourceHandle;
    const Event &first = *event_of(start);
    const Event &second = *event_of(end);
    if (!first.timing || !second.timing) return cudaErrorInvalidResourceHandle;
    if (!first.state->done || !second.state->done) return cudaErrorNotReady;
    *elapsed_ms = static_cast<float>(second.state->time_ms - first.state->time_ms);
    return cudaSuccess;
  });
}

}  // extern "C"
