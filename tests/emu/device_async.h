// Asynchronous copies from global to shared memory, and the barriers that count their bytes.
//
// A copy happens when it is issued or when a thread waits for it, at random: a kernel that reads
// before the wait, or overwrites the source of a pending copy, gets wrong data or an error report.
// The copies themselves are ordinary accesses here, so that the sanitizers and the trace build see
// them.
#pragma once

#include "device_shared.h"

namespace emu {

struct alignas(16) AsyncPack {
  uint64_t words[2];
};

struct AsyncCopy {
  AsyncPack *to;
  const AsyncPack *from;
  unsigned packs;
};

inline void perform(const AsyncCopy &copy) {
  for (unsigned i = 0; i < copy.packs; ++i) copy.to[i] = copy.from[i];
}

// ---- cp.async and cp.async.wait_all

bool defer_copy(const AsyncCopy &copy);    // whether it happens at the wait
bool next_deferred_copy(AsyncCopy *copy);  // of the calling thread, oldest first

template <class T>
inline void copy_async(T *to, const T *from, EMU_CALL_SITE) {
  static_assert(sizeof(T) == sizeof(AsyncPack), "cp.async of 16 bytes");
  const AsyncCopy copy = {reinterpret_cast<AsyncPack *>(to),
                          reinterpret_cast<const AsyncPack *>(from), 1};
  check_alignment(copy.to, site);
  check_alignment(copy.from, site);
  if (!defer_copy(copy)) perform(copy);
}

inline void copy_async_wait() {
  AsyncCopy copy;
  while (next_deferred_copy(&copy)) perform(copy);
}

// ---- cp.async.bulk, and mbarriers of 64 bits in shared memory

void bulk_init(const uint64_t *barrier, unsigned threads, EMU_CALL_SITE);    // mbarrier.init
void bulk_announce(const uint64_t *barrier, unsigned bytes, EMU_CALL_SITE);  // .arrive.expect_tx
bool bulk_defer(const uint64_t *barrier, const AsyncCopy &copy, Site site);
void bulk_arrived(const uint64_t *barrier, const AsyncCopy &copy, Site site);  // .complete_tx
bool bulk_is_complete(const uint64_t *barrier, unsigned parity, Site site);
bool bulk_next_deferred(const uint64_t *barrier, AsyncCopy *copy);
void bulk_sleep(const uint64_t *barrier, Site site);  // until something happens to the barrier

inline void bulk_copy(void *to, const void *from, unsigned bytes, const uint64_t *barrier,
                      EMU_CALL_SITE) {
  const AsyncCopy copy = {static_cast<AsyncPack *>(to), static_cast<const AsyncPack *>(from),
                          bytes / static_cast<unsigned>(sizeof(AsyncPack))};
  check_alignment(copy.to, site);
  check_alignment(copy.from, site);
  if (bytes % sizeof(AsyncPack) != 0) misaligned(from, sizeof(AsyncPack), site);
  if (bulk_defer(barrier, copy, site)) return;
  perform(copy);
  bulk_arrived(barrier, copy, site);
}

// mbarrier.try_wait.parity: waits for the end of the phase of that parity.
inline void bulk_wait(const uint64_t *barrier, unsigned parity, EMU_CALL_SITE) {
  while (!bulk_is_complete(barrier, parity, site)) {
    AsyncCopy copy;
    if (bulk_next_deferred(barrier, &copy)) {
      perform(copy);
      bulk_arrived(barrier, copy, site);
    } else {
      bulk_sleep(barrier, site);
    }
  }
}

}  // namespace emu
