// Asynchronous copies that threads have issued and not waited for.
#include "device_async.h"

#include "engine.h"

namespace emu {

namespace {

std::vector<AsyncCopy> &copies_of(const Thread &thread) {
  Block &block = *thread.block;
  if (block.copies.empty()) block.copies.resize(block.threads.size());
  return block.copies[(thread.id - 1) % current_launch->threads_per_block];
}

}  // namespace

bool defer_copy(const AsyncCopy &copy) {
  if (random_number() % 2 == 0) return false;
  copies_of(*current_thread).push_back(copy);
  return true;
}

bool next_deferred_copy(AsyncCopy *copy) {
  std::vector<AsyncCopy> &copies = copies_of(*current_thread);
  if (copies.empty()) return false;
  *copy = copies.front();
  copies.erase(copies.begin());
  return true;
}

void async_after_exit(const Thread &thread) {
  if (thread.block->copies.empty() || copies_of(thread).empty()) return;
  fail("async-copy", "a thread returned without waiting for %zu asynchronous copies",
       copies_of(thread).size());
}

}  // namespace emu
