// Asynchronous copies that were issued and not waited for, and their barriers.
#include "device_async.h"

#include "engine.h"

namespace emu {

namespace {

std::vector<AsyncCopy> &copies_of(const Thread &thread) {
  Block &block = *thread.block;
  if (block.copies.empty()) block.copies.resize(current_launch->threads_per_block);
  return block.copies[(thread.id - 1) % current_launch->threads_per_block];
}

bool take_first(std::vector<AsyncCopy> &copies, AsyncCopy *copy) {
  if (copies.empty()) return false;
  *copy = copies.front();
  copies.erase(copies.begin());
  return true;
}

bool is_deferred() {
  return random_number() % 2 == 0;
}

BulkBarrier &barrier_at(const uint64_t *address, Site site) {
  for (BulkBarrier &barrier : current_thread->block->bulk_barriers) {
    if (barrier.address == address) return barrier;
  }
  fail("async-copy", "there is no initialized barrier at %p, at %s:%d",
       static_cast<const void *>(address), site.file, site.line);
}

void end_phase_if_complete(BulkBarrier &barrier) {
  if (barrier.threads_left != 0 || barrier.bytes_left != 0) return;
  ++barrier.phase;
  barrier.threads_left = barrier.threads;
}

void wake(BulkBarrier &barrier) {
  for (Thread *thread : barrier.waiting) make_runnable(thread);
  barrier.waiting.clear();
}

}  // namespace

bool defer_copy(const AsyncCopy &copy) {
  if (!is_deferred()) return false;
  copies_of(*current_thread).push_back(copy);
  return true;
}

bool next_deferred_copy(AsyncCopy *copy) {
  return take_first(copies_of(*current_thread), copy);
}

void bulk_init(const uint64_t *address, unsigned threads, Site site) {
  check_alignment(address, site);
  for (const BulkBarrier &barrier : current_thread->block->bulk_barriers) {
    if (barrier.address != address) continue;
    fail("async-copy", "the barrier at %p is initialized again, at %s:%d",
         static_cast<const void *>(address), site.file, site.line);
  }
  BulkBarrier barrier;
  barrier.address = address;
  barrier.threads = barrier.threads_left = threads;
  current_thread->block->bulk_barriers.push_back(barrier);
}

void bulk_announce(const uint64_t *address, unsigned bytes, Site site) {
  BulkBarrier &barrier = barrier_at(address, site);
  if (barrier.threads_left == 0) {
    fail("async-copy", "more threads announce bytes than the barrier was initialized for, at %s:%d",
         site.file, site.line);
  }
  --barrier.threads_left;
  barrier.bytes_left += bytes;
  end_phase_if_complete(barrier);
  wake(barrier);
}

bool bulk_defer(const uint64_t *address, const AsyncCopy &copy, Site site) {
  BulkBarrier &barrier = barrier_at(address, site);
  if (!is_deferred()) return false;
  barrier.copies.push_back(copy);
  wake(barrier);
  return true;
}

void bulk_arrived(const uint64_t *address, const AsyncCopy &copy, Site site) {
  BulkBarrier &barrier = barrier_at(address, site);
  barrier.bytes_left -= static_cast<long long>(copy.packs * sizeof(AsyncPack));
  if (barrier.bytes_left < 0) {
    fail("async-copy", "%lld bytes more are copied than were announced, at %s:%d",
         -barrier.bytes_left, site.file, site.line);
  }
  end_phase_if_complete(barrier);
  wake(barrier);
}

bool bulk_is_complete(const uint64_t *address, unsigned parity, Site site) {
  return barrier_at(address, site).phase % 2 != parity;
}

bool bulk_next_deferred(const uint64_t *address, AsyncCopy *copy) {
  return take_first(barrier_at(address, Site::here()).copies, copy);
}

void bulk_sleep(const uint64_t *address, Site site) {
  barrier_at(address, site).waiting.push_back(current_thread);
  current_thread->state = ThreadState::kAtBarrier;
  current_thread->site = site;
  current_thread->waits_in = "mbarrier.try_wait";
  wait_here();
}

void async_after_exit(const Thread &thread) {
  size_t left = thread.block->copies.empty() ? 0 : copies_of(thread).size();
  if (thread.block->alive_threads == 1) {
    for (const BulkBarrier &barrier : thread.block->bulk_barriers) left += barrier.copies.size();
  }
  if (left == 0) return;
  fail("async-copy", "a thread returned without waiting for %zu asynchronous copies", left);
}

}  // namespace emu
