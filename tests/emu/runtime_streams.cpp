// Runtime API: streams and events. A stream is a queue of operations. Eager streams run each one at
// once; lazy streams run them as late as the program allows, in a random order among streams, which
// shows what a missing event or synchronization lets happen.
#include <algorithm>

#include "runtime.h"

namespace emu {

namespace {

constexpr double kOperationMs = 0.001;

std::vector<Stream *> created_streams;
unsigned long long next_sequence;
double clock_ms;

bool &lazy_streams() {
  static bool lazy = environment_number("CUBN_EMU_LAZY_STREAMS", 0) != 0;
  return lazy;
}

std::deque<Stream> &default_streams() {
  static std::deque<Stream> streams;
  while (streams.size() < static_cast<size_t>(std::max(device_count(), current_device() + 1))) {
    streams.emplace_back();
    streams.back().device = static_cast<int>(streams.size()) - 1;
  }
  return streams;
}

// The legacy default stream and the blocking streams of its device wait for each other's earlier
// work.
bool has_implicit_wait(const Stream *stream, unsigned long long sequence) {
  const auto has_earlier_work = [&](const Stream *other) {
    return !other->queue.empty() && other->queue.front().sequence < sequence;
  };
  const Stream *legacy = &default_streams()[static_cast<size_t>(stream->device)];
  if (stream != legacy) return stream->blocking && has_earlier_work(legacy);
  for (const Stream *other : created_streams) {
    if (other->device == stream->device && other->blocking && has_earlier_work(other)) return true;
  }
  return false;
}

bool can_advance(const Stream *stream) {
  if (stream->queue.empty()) return false;
  const Operation &operation = stream->queue.front();
  if (operation.is_ready && !operation.is_ready()) return false;
  return !has_implicit_wait(stream, operation.sequence);
}

// Runs one operation of any stream; false if none can run.
bool advance() {
  std::vector<Stream *> candidates;
  for (Stream *stream : all_streams()) {
    if (can_advance(stream)) candidates.push_back(stream);
  }
  if (candidates.empty()) return false;
  Stream *stream = candidates[random_number() % candidates.size()];
  const Operation operation = std::move(stream->queue.front());
  stream->queue.pop_front();
  open_device_memory();
  operation.run();
  close_device_memory();
  clock_ms += kOperationMs;
  return true;
}

void advance_until(const std::function<bool()> &finished) {
  while (!finished()) {
    if (!advance()) fail("stream-deadlock", "streams wait for an event that is never recorded");
  }
}

cudaError_t push(Stream *stream, std::function<void()> run, std::function<bool()> is_ready) {
  if (stream->capture) {
    if (stream->capture->invalid) return cudaErrorStreamCaptureInvalidated;
    stream->unjoined = true;
    stream->capture->graph->operations.push_back(std::move(run));
    return cudaSuccess;
  }
  const cudaError_t error = refuse_legacy_stream(stream);
  if (error != cudaSuccess) return error;
  stream->queue.push_back({std::move(run), std::move(is_ready), ++next_sequence});
  if (!lazy_streams()) {
    drain_stream(stream);
  } else {
    while (random_number() % 4 == 0 && advance()) {
    }
  }
  return cudaSuccess;
}

cudaError_t create_stream(cudaStream_t *handle, unsigned flags, int priority) {
  if (handle == nullptr || (flags & ~static_cast<unsigned>(cudaStreamNonBlocking)) != 0) {
    return cudaErrorInvalidValue;
  }
  Stream *stream = new Stream;
  stream->device = current_device();
  stream->flags = flags;
  stream->blocking = (flags & cudaStreamNonBlocking) == 0;
  stream->priority = priority;
  created_streams.push_back(stream);
  *handle = reinterpret_cast<cudaStream_t>(stream);
  return cudaSuccess;
}

cudaError_t destroy_stream(cudaStream_t handle) {
  Stream *stream = stream_of(handle);
  if (stream == nullptr || is_default_stream(stream)) return cudaErrorInvalidResourceHandle;
  drain_stream(stream);
  end_captures_of(stream);
  created_streams.erase(std::find(created_streams.begin(), created_streams.end(), stream));
  delete stream;
  return cudaSuccess;
}

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
        state->time_ms = clock_ms;
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

cudaError_t synchronize_stream(cudaStream_t handle) {
  Stream *stream = stream_of(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  const cudaError_t error = refuse_captured(stream);
  if (error == cudaSuccess) drain_stream(stream);
  return error;
}

}  // namespace

std::vector<Stream *> all_streams() {
  std::vector<Stream *> streams = created_streams;
  for (Stream &stream : default_streams()) streams.push_back(&stream);
  return streams;
}

Stream *stream_of(cudaStream_t handle) {
  const bool is_default =
      handle == nullptr || handle == cudaStreamLegacy || handle == cudaStreamPerThread;
  if (is_default) return &default_streams()[static_cast<size_t>(current_device())];
  Stream *stream = reinterpret_cast<Stream *>(handle);
  const bool known =
      std::find(created_streams.begin(), created_streams.end(), stream) != created_streams.end();
  return known ? stream : nullptr;
}

bool is_default_stream(const Stream *stream) {
  for (const Stream &other : default_streams()) {
    if (&other == stream) return true;
  }
  return false;
}

void drain_stream(Stream *stream) {
  advance_until([stream] { return stream->queue.empty(); });
}

void drain_all() {
  for (Stream *stream : all_streams()) drain_stream(stream);
}

cudaError_t enqueue(cudaStream_t handle, std::function<void()> run) {
  Stream *stream = stream_of(handle);
  if (stream == nullptr) return cudaErrorInvalidResourceHandle;
  if (stream->device != current_device()) return cudaErrorInvalidResourceHandle;
  return push(stream, std::move(run), nullptr);
}

}  // namespace emu

using namespace emu;

extern "C" {

void emu_set_lazy_streams(int lazy) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  drain_all();
  lazy_streams() = lazy != 0;
}

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
  return api_call("cudaStreamDestroy", [&] { return destroy_stream(stream); });
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
    return stream->queue.empty() ? cudaSuccess : cudaErrorNotReady;
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

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) {
  return api_call("cudaEventCreateWithFlags", [&] {
    Event *created = new Event;
    created->timing = (flags & cudaEventDisableTiming) == 0;
    *event = reinterpret_cast<cudaEvent_t>(created);
    return cudaSuccess;
  });
}

cudaError_t cudaEventCreate(cudaEvent_t *event) {
  return api_call("cudaEventCreate", [&] {
    *event = reinterpret_cast<cudaEvent_t>(new Event);
    return cudaSuccess;
  });
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return api_call("cudaEventDestroy", [&] {
    if (event == nullptr) return cudaErrorInvalidResourceHandle;
    delete event_of(event);
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

// The clock counts operations, not seconds: a launch "takes" a microsecond.
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
