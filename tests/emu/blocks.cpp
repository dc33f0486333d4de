// Clusters, blocks and threads of a launch: how they start and end.
#include <new>

#include "engine.h"
#include "fibers.h"
#include "sanitizers.h"
#include "trace.h"

namespace emu {

namespace {

uint3 unflatten(unsigned index, dim3 extent) {
  return {index % extent.x, index / extent.x % extent.y, index / extent.x / extent.y};
}

void thread_main() {
  fiber_started();
  Thread *thread = current_thread;
  threadIdx = thread->thread_index;
  blockIdx = thread->block_index;
  const KernelRecord &kernel = *current_launch->request->kernel;
  kernel.call(kernel.function, current_launch->arguments);

  Block *block = thread->block;
  Warp &warp = block->warps[thread->warp];
  async_after_exit(*thread);
  thread->state = ThreadState::kDone;
  warp.alive &= ~(1u << thread->lane);
  --block->alive_threads;
  --block->cluster->alive_threads;
  --current_launch->alive_threads;
  barriers_after_exit(block);
  if (warp.waiting != 0) warp_after_exit(warp);
  leave_fiber(block->alive_threads != 0 ? pick_thread() : nullptr);
}

// The record of a thread is at the top of its stack, so that both share their pages. The top moves
// with the thread: equal offsets in all stacks would compete for the same few cache lines.
Thread *place_thread(char *stack, unsigned linear_index) {
  constexpr size_t kColours = 16;
  constexpr size_t kColourBytes = 256;
  const size_t used = round_up(sizeof(Thread), 64) + linear_index % kColours * kColourBytes;
  char *place = stack + stack_bytes() - used;
  return new (place) Thread();
}

Thread *start_thread(Block *block, unsigned linear_index) {
  char *stack = acquire_stack();
  asan_unpoison(stack, stack_bytes());
  Thread *thread = place_thread(stack, linear_index);
  thread->block = block;
  thread->lane = linear_index % kWarpLanes;
  thread->warp = linear_index / kWarpLanes;
  thread->id = block->index * current_launch->threads_per_block + linear_index + 1;
  thread->thread_index = unflatten(linear_index, blockDim);
  thread->block_index = block->block_index;
  thread->overlaps = current_launch->request->overlaps;
  if constexpr (kTrace) trace_reset_warp_clock(*thread);
  Warp &warp = block->warps[thread->warp];
  warp.lanes[thread->lane] = thread;
  warp.alive |= 1u << thread->lane;
  prepare_fiber(thread->fiber, stack, reinterpret_cast<char *>(thread), &thread_main);
  return thread;
}

void start_block(unsigned index, Cluster *cluster, unsigned rank) {
  Launch &launch = *current_launch;
  Block *block = new Block{};
  block->index = index;
  block->rank = rank;
  block->block_index = unflatten(index, gridDim);
  block->alive_threads = launch.threads_per_block;
  block->cluster = cluster;
  block->history = &launch.histories[index];
  block->warps.resize((launch.threads_per_block + kWarpLanes - 1) / kWarpLanes);
  block->threads.reserve(launch.threads_per_block);
  shared_begin_block(block);
  launch.resident.push_back(block);
  cluster->blocks[rank] = block;
  for (unsigned i = 0; i < launch.threads_per_block; ++i) {
    Thread *thread = start_thread(block, i);
    block->threads.push_back(thread);
    make_runnable(thread);
  }
  current_counts.threads += launch.threads_per_block;
}

unsigned block_index_in_grid(unsigned cluster_index, unsigned rank) {
  const dim3 extent = current_launch->request->cluster;
  const dim3 clusters(gridDim.x / extent.x, gridDim.y / extent.y, gridDim.z / extent.z);
  const uint3 cluster = unflatten(cluster_index, clusters);
  const uint3 inside = unflatten(rank, extent);
  const unsigned x = cluster.x * extent.x + inside.x;
  const unsigned y = cluster.y * extent.y + inside.y;
  const unsigned z = cluster.z * extent.z + inside.z;
  return (z * gridDim.y + y) * gridDim.x + x;
}

void delete_cluster(Cluster *cluster) {
  for (Block *block : cluster->blocks) {
    shared_release_block(block);
    delete block;
  }
  delete cluster;
}

}  // namespace

void start_cluster(unsigned cluster_index) {
  Launch &launch = *current_launch;
  Cluster *cluster = new Cluster;
  cluster->blocks.resize(launch.blocks_per_cluster);
  cluster->total_threads = launch.blocks_per_cluster * launch.threads_per_block;
  cluster->alive_threads = cluster->total_threads;
  if (!launch.request->cooperative) launch.alive_threads += cluster->total_threads;
  for (unsigned rank = 0; rank < launch.blocks_per_cluster; ++rank) {
    const unsigned index = block_index_in_grid(cluster_index, rank);
    launch.histories[index].cluster = cluster_index;
    start_block(index, cluster, rank);
  }
}

unsigned collect_ended_blocks() {
  std::vector<Block *> &resident = current_launch->resident;
  unsigned ended = 0;
  for (size_t i = 0; i < resident.size();) {
    Block *block = resident[i];
    if (block->alive_threads != 0) {
      ++i;
      continue;
    }
    for (Thread *thread : block->threads) release_stack(thread->fiber.stack);
    shared_end_block(block);
    resident.erase(resident.begin() + static_cast<long>(i));
    if (block->cluster->alive_threads == 0) delete_cluster(block->cluster);
    ++ended;
  }
  return ended;
}

void wait_for_launch_before() {
  current_thread->overlaps = false;
}

}  // namespace emu
