// Every access of a kernel: whether it is legal, what it races with, and how many bytes it moves.
//
// The shadow of memory is kept per word of four bytes; a word that is accessed in part gets a
// record per byte. So races and byte counts are exact to the byte.
#include <cstdio>
#include <cstring>

#include "fibers.h"
#include "trace.h"

extern "C" char __executable_start;
extern "C" char _end;

namespace emu {

namespace {

constexpr size_t kWordBytes = 4;
constexpr unsigned kFullWord = 0xf;
constexpr size_t kSectorBytes = 32;

// The last write, the last read, and the last read by another warp before it.
struct Record {
  Access write;
  Access read;
  Access other_read;
};

struct Word {
  uint32_t generation;  // of the launch or the arena: older contents mean nothing
  uint32_t split;       // 1 + index of the records per byte, or 0
  uint8_t read_bytes;   // bit per byte: accessed in this launch
  uint8_t written_bytes;
  Record record;
};

struct SplitWord {
  Record bytes[kWordBytes];
};

Word *words;
uint32_t *read_sectors;     // per sector: the launch that last read it
uint32_t *written_sectors;  // per sector: the launch that last wrote it
std::vector<SplitWord> split_words;
uint32_t launch_generation;
int accesses_before_yield;

const char *verb(AccessKind kind) {
  return is_write(kind) ? "write" : "read";
}

std::string describe(CodePlace place) {
  if (place.return_address != nullptr) return describe_code(place.return_address);
  return std::string(place.site.file) + ":" + std::to_string(place.site.line);
}

// ---- legality

void check_outside_access(char *address, size_t size_bytes, AccessKind kind, CodePlace place) {
  if (current_thread == nullptr) return;  // The host accesses its own memory.
  const char *stack = current_thread->fiber.stack;
  if (address >= stack && address < stack + stack_bytes()) return;
  if (address >= &__executable_start && address < &_end) return;  // constants
  if (trace_is_mapped_host_memory(address)) return;
  fail("foreign-memory",
       "%s of %zu bytes at %p, which is neither device nor shared memory nor the thread's own "
       "stack: %s",
       verb(kind), size_bytes, static_cast<void *>(address), describe(place).c_str());
}

[[noreturn]] void fail_dead(size_t offset, size_t byte, size_t size_bytes, AccessKind kind,
                            CodePlace place) {
  const uint8_t flags = trace_memory.flags[offset + byte];
  const bool freed = (flags & kByteFreed) != 0;
  fail(freed ? "use-after-free" : "out-of-bounds",
       "%s of %zu bytes at %p, of which byte %zu is %s: %s", verb(kind), size_bytes,
       static_cast<void *>(trace_memory.start + offset), byte,
       freed ? "in freed memory" : "outside live memory", describe(place).c_str());
}

void check_bytes(size_t offset, size_t size_bytes, AccessKind kind, CodePlace place) {
  uint8_t *flags = trace_memory.flags + offset;
  const bool needs_value = !is_write(kind) || kind == AccessKind::kAtomicUpdate;
  for (size_t i = 0; i < size_bytes; ++i) {
    if ((flags[i] & kByteAlive) == 0) fail_dead(offset, i, size_bytes, kind, place);
    if (needs_value && (flags[i] & kByteInitialised) == 0) {
      fail("uninitialised", "read of %zu bytes at %p, of which byte %zu was never written: %s",
           size_bytes, static_cast<void *>(trace_memory.start + offset), i,
           describe(place).c_str());
    }
    if (is_write(kind)) flags[i] |= kByteInitialised;
  }
}

// ---- races

[[noreturn]] void fail_race(const char *what, const Access &earlier, size_t offset,
                            CodePlace place) {
  const unsigned threads = current_launch->threads_per_block;
  fail("race", "%s on %s memory %p at %s, with thread %u of block %u and no ordering between", what,
       offset < trace_memory.heap_bytes ? "global" : "shared",
       static_cast<void *>(trace_memory.start + offset), describe(place).c_str(),
       (trace_thread_of(earlier) - 1) % threads, (trace_thread_of(earlier) - 1) / threads);
}

void check_record(Record &record, size_t offset, AccessKind kind, CodePlace place) {
  const Thread &thread = *current_thread;
  const bool atomic = is_atomic(kind), write = is_write(kind);
  if (!(atomic && record.write.atomic) && !trace_is_ordered(record.write, thread)) {
    fail_race(write ? "write after write" : "read after write", record.write, offset, place);
  }
  if (!write) {
    const uint32_t warp = (thread.id - 1) / kWarpLanes;
    const Access &last = record.read;
    if (last.thread != 0 && (last.thread - 1) / kWarpLanes != warp) record.other_read = last;
    record.read = trace_access_of(thread, atomic);
    return;
  }
  for (const Access &read : {record.read, record.other_read}) {
    if (!(atomic && read.atomic) && !trace_is_ordered(read, thread)) {
      fail_race("write after read", read, offset, place);
    }
  }
  record.write =
      kind == AccessKind::kAsyncWrite ? trace_access_of_store() : trace_access_of(thread, atomic);
  record.read.thread = 0;
  record.other_read.thread = 0;
}

void check_word_races(Word &word, size_t offset, unsigned mask, AccessKind kind, CodePlace place) {
  if (mask == kFullWord && word.split == 0) {
    check_record(word.record, offset, kind, place);
    return;
  }
  if (word.split == 0) {
    split_words.push_back({{word.record, word.record, word.record, word.record}});
    word.split = static_cast<uint32_t>(split_words.size());
  }
  for (unsigned byte = 0; byte < kWordBytes; ++byte) {
    if ((mask >> byte & 1u) == 0) continue;
    check_record(split_words[word.split - 1].bytes[byte], offset + byte, kind, place);
  }
}

// ---- traffic

void count_request(bool global, size_t size_bytes, AccessKind kind) {
  emu_launch_counts &counts = current_counts;
  if (!global) {
    (is_write(kind) ? counts.shared_written_bytes : counts.shared_read_bytes) += size_bytes;
  } else if (is_atomic(kind)) {
    counts.atomic_bytes += size_bytes;
  } else {
    (is_write(kind) ? counts.written_bytes : counts.read_bytes) += size_bytes;
  }
}

void count_sectors(size_t offset, size_t size_bytes, bool write) {
  uint32_t *sectors = write ? written_sectors : read_sectors;
  const size_t last = (offset + size_bytes - 1) / kSectorBytes;
  for (size_t sector = offset / kSectorBytes; sector <= last; ++sector) {
    if (sectors[sector] == launch_generation) continue;
    sectors[sector] = launch_generation;
    ++(write ? current_counts.written_sectors : current_counts.read_sectors);
  }
}

void count_distinct(Word &word, unsigned mask, bool write) {
  uint8_t &seen = write ? word.written_bytes : word.read_bytes;
  const int fresh = __builtin_popcount(mask & ~static_cast<unsigned>(seen));
  seen = static_cast<uint8_t>(seen | mask);
  (write ? current_counts.distinct_written_bytes : current_counts.distinct_read_bytes) +=
      static_cast<unsigned long long>(fresh);
}

// Checks an access of a thread that does not wait for the launch before, to a word that was last
// accessed in that launch.
void check_overlap(const Word &word, size_t offset, unsigned mask, AccessKind kind,
                   CodePlace place) {
  if (word.generation + 1 != launch_generation) return;
  const bool was_written = (word.written_bytes & mask) != 0;
  if (!was_written && !(is_write(kind) && (word.read_bytes & mask) != 0)) return;
  fail("race",
       "%s after %s on global memory %p at %s, by a launch that does not wait for the one before",
       verb(kind), was_written ? "write" : "read", static_cast<void *>(trace_memory.start + offset),
       describe(place).c_str());
}

void visit_words(size_t offset, size_t size_bytes, AccessKind kind, CodePlace place) {
  const bool global = offset < trace_memory.heap_bytes;
  const uint32_t generation = global ? launch_generation : trace_arena_generation(offset);
  const size_t end = offset + size_bytes;
  for (size_t start = offset / kWordBytes * kWordBytes; start < end; start += kWordBytes) {
    unsigned mask = kFullWord;
    if (start < offset) mask &= kFullWord << (offset - start);
    if (start + kWordBytes > end) mask &= kFullWord >> (start + kWordBytes - end);
    Word &word = words[start / kWordBytes];
    if (word.generation != generation) {
      if (global && current_thread->overlaps) check_overlap(word, start, mask, kind, place);
      word = Word{};
      word.generation = generation;
    }
    if (global) count_distinct(word, mask, is_write(kind));
    check_word_races(word, start, mask, kind, place);
  }
}

// Between two accesses the hardware may run any other thread; this does so at random.
void maybe_yield() {
  constexpr unsigned kMeanAccesses = 40;
  if (--accesses_before_yield > 0 || !schedule_preempts()) return;
  accesses_before_yield = 1 + static_cast<int>(random_number() % (2 * kMeanAccesses));
  yield();
}

}  // namespace

void trace_begin_launch() {
  trace_reserve_memory();
  const size_t total_bytes = trace_memory.total_bytes;
  if (words == nullptr) {
    words = static_cast<Word *>(trace_reserve_range(total_bytes / kWordBytes * sizeof(Word)));
    const size_t sector_bytes = total_bytes / kSectorBytes * sizeof(uint32_t);
    read_sectors = static_cast<uint32_t *>(trace_reserve_range(sector_bytes));
    written_sectors = static_cast<uint32_t *>(trace_reserve_range(sector_bytes));
  }
  ++launch_generation;
  split_words.clear();
  accesses_before_yield = 40;
}

void trace_access(void *address, size_t size_bytes, AccessKind kind, CodePlace place) {
  const size_t offset = static_cast<size_t>(static_cast<char *>(address) - trace_memory.start);
  if (trace_memory.start == nullptr || offset >= trace_memory.total_bytes) {
    check_outside_access(static_cast<char *>(address), size_bytes, kind, place);
    return;
  }
  if (current_thread == nullptr) {
    fail("host-deref", "host code %ss device memory at %s", verb(kind), describe(place).c_str());
  }
  check_bytes(offset, size_bytes, kind, place);
  const bool global = offset < trace_memory.heap_bytes;
  count_request(global, size_bytes, kind);
  if (global) count_sectors(offset, size_bytes, is_write(kind));
  if (global && kind == AccessKind::kRead) trace_cache_read(offset, size_bytes);
  visit_words(offset, size_bytes, kind, place);
  if (kind <= AccessKind::kWrite) maybe_yield();
}

}  // namespace emu
