// Asynchronous copies from global to shared memory, asynchronous stores to the shared memory of a
// cluster, and the barriers that count their bytes.
//
// A copy happens when it is issued or when a thread waits for it, at random: a kernel that reads
// before the wait, or overwrites the source of a pending copy, gets wrong data or an error report.
// The copies themselves are ordinary accesses here, so that the sanitizers and the trace build see
// them. So do stores, but the trace build takes them for accesses of the thread that stores.
#pragma once

#include "device_shared.h"

namespace emu {

struct alignas(16) AsyncPack {
  uint64_t words[2];
};

// A store has no source but a value.
struct AsyncCopy {
  AsyncPack *to;
  const AsyncPack *from;
  unsigned bytes;
  uint64_t value;
};

EMU_NO_TSAN inline void perform_store(const AsyncCopy &store) {
  if (store.bytes == sizeof(uint64_t)) {
    *reinterpret_cast<uint64_t *>(store.to) = store.value;
  } else {
    *reinterpret_cast<uint32_t *>(store.to) = static_cast<uint32_t>(store.value);
  }
}

inline void perform(const AsyncCopy &copy) {
  if (copy.from == nullptr) {
    perform_store(copy);
    return;
  }
  for (unsigned i = 0; i < copy.bytes / sizeof(AsyncPack); ++i) copy.to[i] = copy.from[i];
}

// ---- cp.async and cp.async.wait_all

bool defer_copy(const AsyncCopy &copy);    // whether it happens at the wait
bool next_deferred_copy(AsyncCopy *copy);  // of the calling thread, oldest first

template <class T>
inline void copy_async(T *to, const T *from, EMU_CALL_SITE) {
  static_assert(sizeof(T) == sizeof(AsyncPack), "cp.async of 16 bytes");
  const AsyncCopy copy = {reinterpret_cast<AsyncPack *>(to),
                          reinterpret_cast<const AsyncPack *>(from), sizeof(AsyncPack), 0};
  check_alignment(copy.to, site);
  check_alignment(copy.from, site);
  if (!defer_copy(copy)) perform(copy);
}

inline void copy_async_wait() {
  AsyncCopy copy;
  while (next_deferred_copy(&copy)) perform(copy);
}

// ---- cp.async.bulk, and mbarriers of 64 bits in shared memory; a barrier of another block of the
// cluster is named by its mapped address

void bulk_init(const uint64_t *barrier, unsigned threads, EMU_CALL_SITE);    // mbarrier.init
void bulk_announce(const uint64_t *barrier, unsigned bytes, EMU_CALL_SITE);  // .arrive.expect_tx
bool bulk_defer(const uint64_t *barrier, const AsyncCopy &copy, Site site);
void bulk_arrived(const uint64_t *barrier, const AsyncCopy &copy, Site site);  // .complete_tx
bool bulk_try_wait(const uint64_t *barrier, unsigned parity, Site site);
bool bulk_next_deferred(const uint64_t *barrier, AsyncCopy *copy);  // any of them
void bulk_sleep(const uint64_t *barrier, Site site);  // until something happens to the barrier

inline void bulk_copy(void *to, const void *from, unsigned bytes, const uint64_t *barrier,
                      EMU_CALL_SITE) {
  const AsyncCopy copy = {static_cast<AsyncPack *>(to), static_cast<const AsyncPack *>(from), bytes,
                          0};
  check_alignment(copy.to, site);
  check_alignment(copy.from, site);
  if (bytes % sizeof(AsyncPack) != 0) misaligned(from, sizeof(AsyncPack), site);
  if (bulk_defer(barrier, copy, site)) return;
  perform(copy);
  bulk_arrived(barrier, copy, site);
}

// mbarrier.try_wait.parity: waits for the end of the phase of that parity.
inline void bulk_wait(const uint64_t *barrier, unsigned parity, EMU_CALL_SITE) {
  while (!bulk_try_wait(barrier, parity, site)) {
    AsyncCopy copy;
    if (bulk_next_deferred(barrier, &copy)) {
      perform(copy);
      bulk_arrived(barrier, copy, site);
    } else {
      bulk_sleep(barrier, site);
    }
  }
}

// ---- st.async of 4 or 8 bytes to the block of that rank; the addresses are those of the variable
// and the barrier in the own block

// Checks the block and the barrier, and reports the access to the trace build.
void store_issued(void *to, unsigned bytes, const uint64_t *barrier, unsigned rank, Site site);

template <class T>
EMU_NO_TSAN inline void store_async(T *to, NonDeduced<T> value, uint64_t *barrier, unsigned rank,
                                    EMU_CALL_SITE) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "st.async of 4 or 8 bytes");
  check_alignment(to, site);
  AsyncCopy store = {static_cast<AsyncPack *>(map_to_rank(to, rank)), nullptr, sizeof(T), 0};
  __builtin_memcpy(&store.value, &value, sizeof(T));
  const uint64_t *const remote = static_cast<uint64_t *>(map_to_rank(barrier, rank));
  store_issued(store.to, store.bytes, remote, rank, site);
  if (bulk_defer(remote, store, site)) return;
  perform_store(store);
  bulk_arrived(remote, store, site);
}

}  // namespace emu
