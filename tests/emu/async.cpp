// Asynchronous copies and stores that were issued and not waited for, and their barriers.
#include "device_async.h"

#include <algorithm>

#include "engine.h"
#include "trace.h"

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
  for (Block *block : current_thread->block->cluster->blocks) {
    for (BulkBarrier &barrier : block->bulk_barriers) {
      if (barrier.address == address) return barrier;
    }
  }
  fail("async-copy", "there is no initialized barrier at %p, at %s:%d",
       static_cast<const void *>(address), site.file, site.line);
}

void end_phase_if_complete(BulkBarrier &barrier) {
  if (barrier.threads_left != 0 || barrier.bytes_left != 0) return;
  ++barrier.phase;
  barrier.released = barrier.given;
  barrier.threads_left = barrier.threads;
}

// Only if they have something to do: every store of a cluster passes here.
void wake_if_phase_can_end(BulkBarrier &barrier, unsigned phase_before) {
  const bool has_ended = barrier.phase != phase_before;
  const bool can_end = barrier.threads_left == 0 && barrier.deferred_bytes >= barrier.bytes_left;
  if (!has_ended && !can_end) return;
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
  barrier.cluster_arrivals = current_thread->cluster_arrivals;
  barrier.cluster_barriers = current_thread->block->cluster->barriers;
  current_thread->block->bulk_barriers.push_back(barrier);
}

void bulk_announce(const uint64_t *address, unsigned bytes, Site site) {
  BulkBarrier &barrier = barrier_at(address, site);
  if (barrier.threads_left == 0) {
    fail("async-copy", "more threads announce bytes than the barrier was initialized for, at %s:%d",
         site.file, site.line);
  }
  const unsigned phase = barrier.phase;
  --barrier.threads_left;
  barrier.bytes_left += bytes;
  end_phase_if_complete(barrier);
  wake_if_phase_can_end(barrier, phase);
}

bool bulk_defer(const uint64_t *address, const AsyncCopy &copy, Site site) {
  BulkBarrier &barrier = barrier_at(address, site);
  if (!is_deferred()) return false;
  barrier.copies.push_back(copy);
  barrier.deferred_bytes += copy.bytes;
  wake_if_phase_can_end(barrier, barrier.phase);
  return true;
}

void bulk_arrived(const uint64_t *address, const AsyncCopy &copy, Site site) {
  BulkBarrier &barrier = barrier_at(address, site);
  const unsigned phase = barrier.phase;
  barrier.bytes_left -= copy.bytes;
  if (barrier.bytes_left < 0) {
    fail("async-copy", "%lld bytes more are copied or stored than were announced, at %s:%d",
         -barrier.bytes_left, site.file, site.line);
  }
  end_phase_if_complete(barrier);
  wake_if_phase_can_end(barrier, phase);
}

bool bulk_try_wait(const uint64_t *address, unsigned parity, Site site) {
  BulkBarrier &barrier = barrier_at(address, site);
  if (barrier.phase % 2 == parity) return false;
  barrier.waited_for_phases = barrier.phase;
  if constexpr (kTrace) trace_waited_for(barrier);
  return true;
}

bool bulk_next_deferred(const uint64_t *address, AsyncCopy *copy) {
  BulkBarrier &barrier = barrier_at(address, Site::here());
  std::vector<AsyncCopy> &copies = barrier.copies;
  if (copies.empty()) return false;
  std::swap(copies.back(), copies[random_number() % copies.size()]);
  *copy = copies.back();
  copies.pop_back();
  barrier.deferred_bytes -= copy->bytes;
  return true;
}

void bulk_sleep(const uint64_t *address, Site site) {
  barrier_at(address, site).waiting.push_back(current_thread);
  current_thread->state = ThreadState::kAtBarrier;
  current_thread->site = site;
  current_thread->waits_in = "mbarrier.try_wait";
  wait_here();
}

void store_issued(void *to, unsigned bytes, const uint64_t *address, unsigned rank, Site site) {
  yield();
  const Thread &thread = *current_thread;
  const Cluster &cluster = *thread.block->cluster;
  Block &block = *cluster.blocks[rank];
  if (block.alive_threads == 0) {
    fail("dsmem", "a store to the block of rank %u, which has ended, at %s:%d", rank, site.file,
         site.line);
  }
  BulkBarrier &barrier = barrier_at(address, site);
  const unsigned waits = thread.cluster_arrivals - thread.cluster_arrived;
  if (&block != thread.block && waits <= barrier.cluster_arrivals &&
      cluster.barriers <= barrier.cluster_barriers) {
    fail(
        "async-copy",
        "a store on the barrier at %p of rank %u, between whose initialization and the store is no "
        "barrier of the cluster, at %s:%d",
        static_cast<const void *>(address), rank, site.file, site.line);
  }
  barrier.stored_phases = barrier.phase + 1;
  if constexpr (kTrace) trace_store(to, bytes, block, barrier, site);
}

// The last thread of a block must leave nothing that is on its way to the block, or may be.
static void barriers_after_last_exit(const Block &block) {
  for (const BulkBarrier &barrier : block.bulk_barriers) {
    if (barrier.bytes_left == 0 && barrier.copies.empty() &&
        barrier.stored_phases <= barrier.waited_for_phases) {
      continue;
    }
    fail("async-copy",
         "a block returned without waiting for what arrives on its barrier at %p; %lld bytes are "
         "announced and have yet to come",
         static_cast<const void *>(barrier.address), barrier.bytes_left);
  }
}

void async_after_exit(const Thread &thread) {
  size_t left = thread.block->copies.empty() ? 0 : copies_of(thread).size();
  if (thread.block->alive_threads == 1) barriers_after_last_exit(*thread.block);
  if (left == 0) return;
  fail("async-copy", "a thread returned without waiting for %zu asynchronous copies", left);
}

}  // namespace emu
