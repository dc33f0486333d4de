// Private to the emulator: the trace build sees every load and store of a kernel. It checks that
// the bytes are alive, written before, and free of races, and counts what moves.
#pragma once

#include "engine.h"

namespace emu {

// ---- trace_memory.cpp: one reserved range holds the device's heap, then the arenas for shared
// memory. Each byte has flags.
enum ByteFlag : uint8_t {
  kByteAlive = 1,
  kByteInitialised = 2,
  kByteFreed = 4,  // was alive, and was not allocated again since
};

struct TraceMemory {
  char *start = nullptr;
  size_t heap_bytes = 0;
  size_t total_bytes = 0;
  uint8_t *flags = nullptr;
};
extern TraceMemory trace_memory;

void trace_reserve_memory();
void *trace_reserve_range(size_t size_bytes);  // zero pages that cost nothing until touched
void *trace_heap_allocate(size_t size_bytes);  // null if it does not fit
void trace_heap_free(void *pointer);
char *trace_acquire_arena();
void trace_release_arena(char *arena);
// Changes whenever another block gets the arena at this offset.
uint32_t trace_arena_generation(size_t offset);
void trace_make_live(char *start, size_t size_bytes);
void trace_make_dead(char *start, size_t size_bytes);
void trace_mark_initialised(const void *start, size_t size_bytes);
// Memory outside the reserved range that kernels may touch: pinned host memory.
bool trace_is_mapped_host_memory(const void *address);  // runtime_allocations.cpp

// ---- trace_races.cpp
void trace_reset_warp_clock(Thread &thread);
void trace_join_warp_clocks(Warp &warp, unsigned mask);
void trace_note_fence(const Thread &thread);
void trace_note_atomic(const Thread &thread);

// A remembered access: the thread, the time, and whether it was an atomic.
struct Access {
  uint32_t thread;  // 0: none
  uint32_t epoch;   // of the block, and the warp clock in the low bits
  uint32_t sequence : 31;
  uint32_t atomic : 1;
};

bool trace_is_ordered(const Access &earlier, const Thread &now);
Access trace_access_of(const Thread &thread, bool atomic);

// ---- trace_stores.cpp: asynchronous stores. Their accesses are ordered before those of a thread
// that has waited for the barrier on which they complete.
void trace_store(void *to, size_t size_bytes, const Block &block, BulkBarrier &barrier, Site site);
void trace_waited_for(BulkBarrier &barrier);
void trace_join_block_clocks(Block &block);
void trace_join_warp_waits(Warp &warp, unsigned mask);
bool trace_is_store(const Access &access);
uint32_t trace_thread_of(const Access &access);  // its id
bool trace_is_store_ordered(const Access &store, const Thread &now);
Access trace_access_of_store();  // that of the call of trace_store
// What the thread knows of the block of this index in the grid.
BlockClock trace_clock_of(const Thread &now, uint32_t block_index);

// ---- trace_cache.cpp
void trace_cache_clear();
void trace_cache_read(size_t offset, size_t size_bytes);  // of the heap

// ---- trace_access.cpp
void trace_begin_launch();

// The source location of an access: an instrumented instruction or a call of a device function.
struct CodePlace {
  void *return_address;
  Site site;
};

enum class AccessKind { kRead, kWrite, kAsyncWrite, kAtomicRead, kAtomicWrite, kAtomicUpdate };

inline bool is_write(AccessKind kind) {
  return kind != AccessKind::kRead && kind != AccessKind::kAtomicRead;
}

inline bool is_atomic(AccessKind kind) {
  return kind >= AccessKind::kAtomicRead;
}

void trace_access(void *address, size_t size_bytes, AccessKind kind, CodePlace place);

}  // namespace emu
