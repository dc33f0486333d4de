// Private to the emulator: what the files of the runtime API share.
#pragma once

#include <cuda_runtime_api.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine.h"

namespace emu {

// ---- runtime_core.cpp: every function of the API runs inside api_call

std::recursive_mutex &runtime_mutex();
extern bool null_device;  // see emu_set_null_device
cudaError_t begin_api_call(
    const char *name);  // counts the call; returns an injected error, or success
cudaError_t note_error(cudaError_t error);  // records it for cudaGetLastError of this host thread

template <class Body>
cudaError_t api_call(const char *name, Body body) {
  if (null_device) return body();
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  cudaError_t error = begin_api_call(name);
  if (error == cudaSuccess) error = body();
  return note_error(error);
}

// The same for what destroys: it destroys even if it returns the error of earlier work.
template <class Body>
cudaError_t destroying_api_call(const char *name, Body body) {
  if (null_device) return body();
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  const cudaError_t error = begin_api_call(name), own = body();
  return note_error(error != cudaSuccess ? error : own);
}

// ---- device_model.cpp

struct DeviceModel {
  const char *name;
  int compute_capability;  // 90 for 9.0
  int shared_optin_kib;    // per block
  int shared_kib;          // per SM
  int threads;             // per SM
  int blocks;              // per SM
  int l2_mib;
  int portable_cluster_blocks;  // 0: no clusters
  int largest_cluster_blocks;   // with the non-portable attribute
};

const DeviceModel &device_model();
int sm_count();
int free_sms();  // of the stream or process; what the device says of itself is sm_count
int device_count();
size_t emulated_memory_bytes();
// The caller holds the lock of the runtime.
void set_device_model(const char *name, int sm_count);
void set_l2_bytes(size_t bytes);  // 0: those of the model
void set_free_sms(int count);
void set_device_count(int count);

// ---- runtime_contexts.cpp

int current_device();
void set_current_device(int device);  // as cudaSetDevice: creates its primary context
void use_current_device();            // creates its primary context if the thread has no context
void leave_missing_devices();

// ---- runtime_allocations.cpp; the rest of it is in runtime_allocations.h

// AddressSanitizer lets the host touch device memory only while the device works.
void open_device_memory();
void close_device_memory();

// ---- runtime_stream_list.cpp

struct Stream;

struct GraphOperation {
  std::function<void()> run;
  std::function<bool()> is_ready;  // empty: always
};

struct Graph {
  std::vector<GraphOperation> operations;
};

struct Capture {
  std::unique_ptr<Graph> graph = std::make_unique<Graph>();
  Stream *origin = nullptr;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id host_thread;
  unsigned long long id = 0;
  bool invalid = false;
};

struct Operation {
  std::function<void()> run;
  std::function<bool()> is_ready;  // empty: always
  unsigned long long sequence;
};

struct Stream {
  int device = 0;
  bool blocking = true;  // waits for the legacy default stream, and it for this one
  unsigned flags = 0;
  int priority = 0;
  std::deque<Operation> queue;
  std::shared_ptr<Capture> capture;
  bool unjoined = false;  // has captured work that no other stream waits for yet
};

struct EventState {
  bool done = true;
  double time_ms = 0;
};

struct Event {
  std::shared_ptr<EventState> state = std::make_shared<EventState>();
  std::shared_ptr<Capture> capture;  // recorded in this capture
  Stream *captured_in = nullptr;
  bool timing = true;
};

Stream *stream_of(cudaStream_t handle);  // null: not a stream
std::vector<Stream *> all_streams();
bool is_default_stream(const Stream *stream);
size_t created_stream_count();
void add_stream(Stream *stream);
void remove_stream(Stream *stream);
// The legacy default stream and the blocking streams of its device wait for each other's earlier
// work.
bool has_implicit_wait(const Stream *stream, unsigned long long sequence);

// ---- runtime_queues.cpp

void advance_until(const std::function<bool()> &finished);
void drain_stream(Stream *stream);
void advance_polled();  // for a program that asks until work is done
void drain_all();
// Adds an operation to the stream, or to its capture. It begins when is_ready, if given, returns
// true.
cudaError_t push(Stream *stream, std::function<void()> run, std::function<bool()> is_ready);
// The same by the stream's handle, without a condition.
cudaError_t enqueue(cudaStream_t handle, std::function<void()> run);
double stream_clock_ms();  // counts operations, not seconds: each takes a microsecond

// ---- runtime_captures.cpp: what a capture forbids

// For a call that could break a capture in progress: fails, and invalidates that capture.
cudaError_t refuse_unsafe_call();
cudaError_t refuse_legacy_stream(const Stream *stream);
cudaError_t refuse_captured(const Stream *stream);
void end_captures_of(Stream *stream);

// ---- runtime_functions.cpp

constexpr size_t kDefaultSharedBytes = 48 << 10;
constexpr size_t kReservedSharedBytes = 1024;  // per block, by the system

struct FunctionAttributes {
  int dynamic_shared_bytes = kDefaultSharedBytes;
  bool non_portable_cluster = false;
  int carveout = -1;
};

FunctionAttributes &attributes_of(const void *function);
// Loads a kernel on the current device. The driver does so at the latest when it is launched.
void load_function(const void *function, bool is_launch);
size_t shared_optin_bytes();
int blocks_per_sm(const void *function, int threads, size_t dynamic_bytes);
cudaError_t check_limits(const LaunchRequest &request);

// ---- runtime_launch.cpp

struct LaunchOptions {
  dim3 cluster = dim3(1);
  bool cooperative = false;
  bool overlaps = false;  // may begin before the previous launch has ended
};

LaunchOptions read_launch_attributes(const cudaLaunchConfig_t &config);

}  // namespace emu
