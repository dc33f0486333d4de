// Runtime API: the streams that exist, default ones included, and the order between them.
#include <algorithm>
#include <map>

#include "runtime.h"

namespace emu {

namespace {

std::vector<Stream *> created_streams;

// The stream cudaStreamPerThread of each host thread on each device. It outlives the thread here.
std::map<std::pair<std::thread::id, int>, Stream> per_thread_streams;

std::deque<Stream> &default_streams() {
  static std::deque<Stream> streams;
  while (streams.size() < static_cast<size_t>(std::max(device_count(), current_device() + 1))) {
    streams.emplace_back();
    streams.back().device = static_cast<int>(streams.size()) - 1;
  }
  return streams;
}

}  // namespace

// The legacy default stream and the blocking streams of its device wait for each other's earlier
// work.
bool has_implicit_wait(const Stream *stream, unsigned long long sequence) {
  const auto has_earlier_work = [&](const Stream *other) {
    return !other->queue.empty() && other->queue.front().sequence < sequence;
  };
  const Stream *legacy = &default_streams()[static_cast<size_t>(stream->device)];
  if (stream != legacy) return stream->blocking && has_earlier_work(legacy);
  for (const Stream *other : all_streams()) {
    if (other == stream || other->device != stream->device || !other->blocking) continue;
    if (has_earlier_work(other)) return true;
  }
  return false;
}

std::vector<Stream *> all_streams() {
  std::vector<Stream *> streams = created_streams;
  for (Stream &stream : default_streams()) streams.push_back(&stream);
  for (auto &entry : per_thread_streams) streams.push_back(&entry.second);
  return streams;
}

Stream *stream_of(cudaStream_t handle) {
  if (handle == nullptr || handle == cudaStreamLegacy) {
    return &default_streams()[static_cast<size_t>(current_device())];
  }
  if (handle == cudaStreamPerThread) {
    Stream *own = &per_thread_streams[{std::this_thread::get_id(), current_device()}];
    own->device = current_device();
    return own;
  }
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

size_t created_stream_count() {
  return created_streams.size();
}

void add_stream(Stream *stream) {
  created_streams.push_back(stream);
}

void remove_stream(Stream *stream) {
  created_streams.erase(std::find(created_streams.begin(), created_streams.end(), stream));
}

}  // namespace emu
