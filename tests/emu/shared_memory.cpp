// Shared memory: one arena per resident block. Dynamic shared memory is at the start of the arena;
// variables follow in the order in which the launch reaches their declarations, each after a red
// zone.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "engine.h"
#include "sanitizers.h"
#include "trace.h"

namespace emu {

namespace {

constexpr size_t kStaticLimitBytes = 48 << 10;
constexpr size_t kDynamicAlignment = 16;

std::vector<char *> free_arenas;

char *acquire_arena() {
  if constexpr (kTrace) return trace_acquire_arena();
  if (!free_arenas.empty()) {
    char *arena = free_arenas.back();
    free_arenas.pop_back();
    return arena;
  }
  void *mapped = mmap(nullptr, kSharedArenaBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) fail("emulator", "no memory for another block's shared memory");
  return static_cast<char *>(mapped);
}

// Shared memory starts undefined: NaN in every floating-point type, so that its use shows.
void expose(char *start, size_t size_bytes) {
  asan_unpoison(start, size_bytes);
  memset(start, 0xff, size_bytes);
  if constexpr (kTrace) trace_make_live(start, size_bytes);
}

size_t add_variable(const void *key, size_t size_bytes, size_t alignment, const char *name) {
  Launch &launch = *current_launch;
  const LaunchRequest &request = *launch.request;
  const size_t offset = round_up(launch.arena_used_bytes, std::max<size_t>(alignment, 16));
  launch.shared_variables.push_back({key, offset, size_bytes});
  launch.arena_used_bytes = offset + size_bytes + kSharedRedZoneBytes;
  launch.shared_used_bytes = round_up(launch.shared_used_bytes, alignment) + size_bytes;
  const size_t static_bytes = launch.shared_used_bytes - request.dynamic_shared_bytes;
  if (static_bytes > kStaticLimitBytes || launch.shared_used_bytes > request.shared_limit_bytes) {
    fail("shared-size", "%zu static and %zu dynamic bytes of shared memory are too many, at '%s'",
         static_bytes, request.dynamic_shared_bytes, name);
  }
  if (launch.arena_used_bytes > kSharedArenaBytes) {
    fail("emulator", "too many shared variables, at '%s'", name);
  }
  return launch.shared_variables.size() - 1;
}

}  // namespace

void refuse_plain_shared() {
  if (current_launch->resident.size() <= 1) return;
  fail("plain-shared",
       "plain __shared__ is one variable for all blocks here; declare it with EMU_SHARED");
}

void *shared_variable(const void *key, size_t size_bytes, size_t alignment, const char *name) {
  Block *block = current_thread->block;
  const std::vector<SharedVariable> &variables = current_launch->shared_variables;
  size_t position = 0;
  while (position < variables.size() && variables[position].key != key) ++position;
  if (position == variables.size()) add_variable(key, size_bytes, alignment, name);
  if (block->shared_touched.size() <= position) block->shared_touched.resize(position + 1);
  char *start = block->arena + variables[position].offset;
  if (!block->shared_touched[position]) {
    block->shared_touched[position] = true;
    expose(start, size_bytes);
  }
  return start;
}

void *dynamic_shared(size_t alignment) {
  if (alignment > kDynamicAlignment) {
    fail("shared-align", "dynamic shared memory is only %zu-byte aligned", kDynamicAlignment);
  }
  return current_thread->block->arena;
}

void *map_to_rank(void *pointer, unsigned rank) {
  Block *block = current_thread->block;
  const std::vector<Block *> &peers = block->cluster->blocks;
  const size_t offset = static_cast<size_t>(static_cast<char *>(pointer) - block->arena);
  if (offset >= kSharedArenaBytes) {
    fail("dsmem", "map_shared_rank of %p, which is outside the shared memory of this block",
         pointer);
  }
  if (rank >= peers.size()) fail("dsmem", "rank %u in a cluster of %zu", rank, peers.size());
  if (rank != block->rank && !block->cluster->has_synchronized) {
    fail("dsmem", "map_shared_rank before all blocks of the cluster have passed a barrier");
  }
  return peers[rank]->arena + offset;
}

unsigned cluster_rank() {
  return current_thread->block->rank;
}

unsigned cluster_blocks() {
  return static_cast<unsigned>(current_thread->block->cluster->blocks.size());
}

void shared_begin_launch(Launch &launch) {
  const size_t dynamic_bytes = launch.request->dynamic_shared_bytes;
  launch.shared_used_bytes = dynamic_bytes;
  launch.arena_used_bytes =
      dynamic_bytes != 0 ? round_up(dynamic_bytes + kSharedRedZoneBytes, kDynamicAlignment) : 0;
}

void shared_begin_block(Block *block) {
  block->arena = acquire_arena();
  asan_poison(block->arena, kSharedArenaBytes);
  const size_t dynamic_bytes = current_launch->request->dynamic_shared_bytes;
  if (dynamic_bytes != 0) expose(block->arena, dynamic_bytes);
}

void shared_end_block(Block *block) {
  asan_poison(block->arena, kSharedArenaBytes);
  if constexpr (kTrace) trace_make_dead(block->arena, kSharedArenaBytes);
}

void shared_release_block(Block *block) {
  if constexpr (kTrace) {
    trace_release_arena(block->arena);
  } else {
    free_arenas.push_back(block->arena);
  }
}

}  // namespace emu
