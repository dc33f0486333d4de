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
extern bool null_device;                       // see emu_set_null_device
cudaError_t begin_api_call(const char *name);  // counts it; an injected error, or success
cudaError_t note_error(cudaError_t error);     // for cudaGetLastError of this host thread

template <class Body>
cudaError_t api_call(const char *name, Body body) {
  if (null_device) return body();
  std::lock_guard<std::recursive_mutex> lock(runtime_mutex());
  cudaError_t error = begin_api_call(name);
  if (error == cudaSuccess) error = body();
  return note_error(error);
}

// ---- runtime_devices.cpp

struct DeviceModel {
  const char *name;
  int compute_capability;  // 90 for 9.0
  int shared_optin_kib;    // per block
  int shared_kib;          // per multiprocessor
  int threads;             // per multiprocessor
  int blocks;              // per multiprocessor
  int l2_mib;
  int portable_cluster_blocks;  // 0: no clusters
  int largest_cluster_blocks;   // with the non-portable attribute
};

const DeviceModel &device_model();
int multiprocessor_count();
int device_count();
int current_device();
size_t emulated_memory_bytes();

// ---- runtime_memory.cpp

struct Allocation {
  size_t size_bytes;
  cudaMemoryType type;
  int device;
  bool freed;  // asynchronously: the work that frees it is queued
};

// The allocation that holds the byte, or null. Sets *start to its first byte.
Allocation *find_allocation(const void *pointer, char **start);
cudaError_t allocate(void **pointer, size_t size_bytes, cudaMemoryType type);
// AddressSanitizer lets the host touch device memory only while the device works.
void open_device_memory();
void close_device_memory();

// ---- runtime_streams.cpp

struct Stream;

struct Graph {
  std::vector<std::function<void()>> operations;
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
  bool unjoined = false;  // holds captured work that no other stream waits for yet
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
void drain_stream(Stream *stream);
void drain_all();
// Runs the operation in the order of the stream, or adds it to the stream's capture.
cudaError_t enqueue(cudaStream_t handle, std::function<void()> run);

// ---- runtime_graphs.cpp: rules of stream capture

// A call that could break a capture in progress: fails, and invalidates that capture.
cudaError_t refuse_unsafe_call();
cudaError_t refuse_legacy_stream(const Stream *stream);
cudaError_t refuse_captured(const Stream *stream);
void end_captures_of(Stream *stream);

}  // namespace emu
