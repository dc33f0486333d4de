// The memory of the trace build. Freed blocks wait in a queue, flagged as dead, before they are
// allocated again, so that a use after free finds dead bytes and not another live allocation.
#include <sys/mman.h>

#include <cstring>
#include <deque>
#include <map>

#include "trace.h"

namespace emu {

TraceMemory trace_memory;

namespace {

constexpr size_t kHeapAlignment = 256;
constexpr size_t kHeapRedZoneBytes = 256;
constexpr size_t kRestingBytes = 16 << 20;
constexpr size_t kArenaCount = 2048;
constexpr size_t kRestingArenas = 16;

struct HeapBlock {
  size_t offset;
  size_t size_bytes;
  size_t span_bytes;  // with the red zone
};

std::map<size_t, size_t> free_spans;  // offset -> bytes; neighbours are always merged
std::map<size_t, HeapBlock> used;     // by offset
std::deque<HeapBlock> resting;
size_t resting_bytes;

std::deque<char *> free_arenas;
size_t fresh_arena;
std::vector<uint32_t> arena_generations;
uint32_t last_arena_generation;

void insert_free_span(size_t offset, size_t span_bytes) {
  auto next = free_spans.lower_bound(offset);
  if (next != free_spans.end() && next->first == offset + span_bytes) {
    span_bytes += next->second;
    next = free_spans.erase(next);
  }
  if (next != free_spans.begin()) {
    auto previous = std::prev(next);
    if (previous->first + previous->second == offset) {
      previous->second += span_bytes;
      return;
    }
  }
  free_spans.emplace(offset, span_bytes);
}

void end_oldest_rest() {
  const HeapBlock block = resting.front();
  resting.pop_front();
  resting_bytes -= block.span_bytes;
  insert_free_span(block.offset, block.span_bytes);
}

// First fit: low addresses are used again, which keeps the part of the shadow that is touched
// small.
bool take_free_span(size_t span_bytes, size_t &offset) {
  for (auto span = free_spans.begin(); span != free_spans.end(); ++span) {
    if (span->second < span_bytes) continue;
    offset = span->first;
    const size_t left = span->second - span_bytes;
    free_spans.erase(span);
    if (left != 0) free_spans.emplace(offset + span_bytes, left);
    return true;
  }
  return false;
}

uint8_t *flags_of(const void *address) {
  return trace_memory.flags + (static_cast<const char *>(address) - trace_memory.start);
}

}  // namespace

void *trace_reserve_range(size_t size_bytes) {
  void *start = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (start == MAP_FAILED) fail("emulator", "cannot reserve %zu bytes of addresses", size_bytes);
  return start;
}

void trace_reserve_memory() {
  TraceMemory &memory = trace_memory;
  if (memory.start != nullptr) return;
  memory.heap_bytes = environment_number("CUBN_EMU_MEMORY_MIB", 1024) << 20;
  memory.total_bytes = memory.heap_bytes + kArenaCount * kSharedArenaBytes;
  memory.start = static_cast<char *>(trace_reserve_range(memory.total_bytes));
  memory.flags = static_cast<uint8_t *>(trace_reserve_range(memory.total_bytes));
  insert_free_span(0, memory.heap_bytes);
}

void *trace_heap_allocate(size_t size_bytes) {
  trace_reserve_memory();
  if (size_bytes > trace_memory.heap_bytes) return nullptr;
  const size_t span_bytes = round_up(size_bytes + kHeapRedZoneBytes, kHeapAlignment);
  size_t offset = 0;
  while (!take_free_span(span_bytes, offset)) {
    if (resting.empty()) return nullptr;
    end_oldest_rest();
  }
  used[offset] = {offset, size_bytes, span_bytes};
  char *start = trace_memory.start + offset;
  memset(flags_of(start), 0, span_bytes);
  trace_make_live(start, size_bytes);
  return start;
}

void trace_heap_free(void *pointer) {
  char *start = static_cast<char *>(pointer);
  const size_t offset = static_cast<size_t>(start - trace_memory.start);
  const HeapBlock block = used.at(offset);
  memset(flags_of(start), kByteFreed, block.size_bytes);
  used.erase(offset);
  resting.push_back(block);
  resting_bytes += block.span_bytes;
  while (resting_bytes > kRestingBytes) end_oldest_rest();
}

char *trace_acquire_arena() {
  trace_reserve_memory();
  arena_generations.resize(kArenaCount);
  char *arenas = trace_memory.start + trace_memory.heap_bytes;
  char *arena;
  if (fresh_arena < kArenaCount && free_arenas.size() < kRestingArenas) {
    arena = arenas + kSharedArenaBytes * fresh_arena++;
  } else if (!free_arenas.empty()) {
    arena = free_arenas.front();
    free_arenas.pop_front();
  } else {
    fail("emulator", "more than %zu resident blocks", kArenaCount);
  }
  arena_generations[static_cast<size_t>(arena - arenas) / kSharedArenaBytes] =
      ++last_arena_generation;
  return arena;
}

void trace_release_arena(char *arena) {
  free_arenas.push_back(arena);
}

uint32_t trace_arena_generation(size_t offset) {
  return arena_generations[(offset - trace_memory.heap_bytes) / kSharedArenaBytes];
}

void trace_make_live(char *start, size_t size_bytes) {
  memset(flags_of(start), kByteAlive, size_bytes);
}

void trace_make_dead(char *start, size_t size_bytes) {
  memset(flags_of(start), 0, size_bytes);
}

void trace_mark_initialised(const void *start, size_t size_bytes) {
  uint8_t *flags = flags_of(start);
  for (size_t i = 0; i < size_bytes; ++i) flags[i] |= kByteInitialised;
}

}  // namespace emu
