// Asynchronous copies from global to shared memory: the twins of cp.async and cp.async.wait_all.
//
// A copy happens when it is issued or when the thread waits for it, at random: a kernel that reads
// before the wait, or overwrites what is still to be copied, gets wrong data or a report. The
// copies themselves are ordinary accesses here, so that the sanitizers and the trace build see them.
#pragma once

#include "device_shared.h"

namespace emu {

struct alignas(16) AsyncPack {
  uint64_t words[2];
};

struct AsyncCopy {
  AsyncPack *to;
  const AsyncPack *from;
};

bool defer_copy(const AsyncCopy &copy);    // whether it is kept for the wait
bool next_deferred_copy(AsyncCopy *copy);  // of the calling thread, oldest first

template <class T>
inline void copy_async(T *to, const T *from, EMU_CALL_SITE) {
  static_assert(sizeof(T) == sizeof(AsyncPack), "cp.async of 16 bytes");
  const AsyncCopy copy = {reinterpret_cast<AsyncPack *>(to),
                          reinterpret_cast<const AsyncPack *>(from)};
  check_alignment(copy.to, site);
  check_alignment(copy.from, site);
  if (!defer_copy(copy)) *copy.to = *copy.from;
}

inline void copy_async_wait() {
  AsyncCopy copy;
  while (next_deferred_copy(&copy)) *copy.to = *copy.from;
}

}  // namespace emu
