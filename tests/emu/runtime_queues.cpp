// Runtime API: a stream is a queue of operations. Eager streams run each one at once; lazy streams
// run them as late as the program allows, in a random order among streams, which shows what a
// missing event or synchronization lets happen.
#include "runtime.h"

namespace emu {

namespace {

constexpr double kOperationMs = 0.001;

unsigned long long next_sequence;
double clock_ms;

bool &lazy_streams() {
  static bool lazy = environment_number("CUBN_EMU_LAZY_STREAMS", 0) != 0;
  return lazy;
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

}  // namespace

double stream_clock_ms() {
  return clock_ms;
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
    stream->capture->graph->operations.push_back({std::move(run), std::move(is_ready)});
    return cudaSuccess;
  }
  const cudaError_t error = refuse_legacy_stream(stream);
  if (error != cudaSuccess) return error;
  stream->queue.push_back({std::move(run), std::move(is_ready), ++next_sequence});
  if (!lazy_streams()) {
    while (!stream->queue.empty() && advance()) {  // The rest waits for what other streams bring.
    }
  } else {
    while (random_number() % 4 == 0 && advance()) {
    }
  }
  return cudaSuccess;
}

void advance_polled() {
  while (advance() && !lazy_streams()) {
  }
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

int emu_enqueue(void *stream, void (*run)(void *data), int (*is_ready)(void *data), void *data) {
  return api_call("emu_enqueue", [&] {
    Stream *target = stream_of(static_cast<cudaStream_t>(stream));
    if (target == nullptr) return cudaErrorInvalidResourceHandle;
    return push(
        target, [=] { run(data); }, [=] { return is_ready(data) != 0; });
  });
}

void emu_set_lazy_streams(int lazy) {
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  drain_all();
  lazy_streams() = lazy != 0;
}

}  // extern "C"
