// Barriers of a block, a cluster and the grid, and the errors that can happen at them.
#include "engine.h"
#include "trace.h"

namespace emu {

namespace {

struct Participants {
  unsigned alive;
  unsigned total;
};

const char *name_of(BarrierKind kind) {
  switch (kind) {
    case BarrierKind::kBlock:
      return "__syncthreads";
    case BarrierKind::kCluster:
      return "cluster.sync";
    default:
      return "grid.sync";
  }
}

Barrier &barrier_of(BarrierKind kind, Block *block) {
  switch (kind) {
    case BarrierKind::kBlock:
      return block->barrier;
    case BarrierKind::kCluster:
      return block->cluster->barrier;
    default:
      return current_launch->grid_barrier;
  }
}

Participants participants_of(BarrierKind kind, const Block *block) {
  const Launch &launch = *current_launch;
  switch (kind) {
    case BarrierKind::kBlock:
      return {block->alive_threads, launch.threads_per_block};
    case BarrierKind::kCluster:
      return {block->cluster->alive_threads, block->cluster->total_threads};
    default:
      return {launch.alive_threads, launch.threads_per_block * launch.block_count};
  }
}

// Some hardware lets the others pass when a thread has returned; the programming model does not.
bool exit_is_an_error() {
  static const bool strict = environment_number("CUBN_EMU_LAX_EXIT", 0) == 0;
  return strict;
}

void advance_epoch(BarrierKind kind, Block *block) {
  BlockHistory &history = *block->history;
  ++history.epoch;
  if (kind == BarrierKind::kCluster) history.cluster_epoch = history.epoch;
  if (kind == BarrierKind::kGrid) history.grid_epoch = history.epoch;
}

void complete(BarrierKind kind, Barrier &barrier, Block *block) {
  ++current_counts.barriers;
  ++sync_sequence;
  if (kind == BarrierKind::kBlock) {
    advance_epoch(kind, block);
  } else {
    const bool grid = kind == BarrierKind::kGrid;
    for (Block *other : grid ? current_launch->resident : block->cluster->blocks) {
      advance_epoch(kind, other);
    }
  }
  if (kind == BarrierKind::kCluster) {
    block->cluster->has_synchronized = true;
    ++block->cluster->barriers;
  }
  if constexpr (kTrace) trace_join_block_clocks(*block);
  BarrierResult result;
  result.count = static_cast<int>(barrier.predicates);
  result.all = barrier.predicates == barrier.arrived;
  result.any = barrier.predicates > 0;
  for (Thread *thread : barrier.waiting) {
    thread->barrier_result = result;
    if constexpr (kTrace) trace_reset_warp_clock(*thread);
    make_runnable(thread);
  }
  barrier.waiting.clear();
  barrier.arrived = 0;
  barrier.predicates = 0;
}

bool same_site(const Site &a, const Site &b) {
  return a.line == b.line && (a.file == b.file || std::string(a.file) == b.file);
}

}  // namespace

BarrierResult barrier(BarrierKind kind, bool predicate, Site site) {
  Thread *thread = current_thread;
  Block *block = thread->block;
  const char *name = name_of(kind);
  if (kind == BarrierKind::kGrid && !current_launch->request->cooperative) {
    fail("grid-sync", "grid.sync() at %s:%d in a kernel launched without the cooperative attribute",
         site.file, site.line);
  }
  if (kind == BarrierKind::kCluster && thread->cluster_arrived) {
    fail("divergent-barrier", "cluster.sync at %s:%d between arrival and wait at the same barrier",
         site.file, site.line);
  }
  Barrier &barrier = barrier_of(kind, block);
  if (barrier.arrived != 0 && !same_site(barrier.site, site)) {
    fail("divergent-barrier", "%s reached at %s:%d while %u threads wait in it at %s:%d", name,
         site.file, site.line, barrier.arrived, barrier.site.file, barrier.site.line);
  }
  barrier.site = site;
  ++barrier.arrived;
  barrier.predicates += predicate;
  barrier.waiting.push_back(thread);
  thread->state = ThreadState::kAtBarrier;
  thread->site = site;
  thread->waits_in = name;
  const Participants participants = participants_of(kind, block);
  if (barrier.arrived == participants.alive) {
    if (participants.alive != participants.total && exit_is_an_error()) {
      fail("exited-before-barrier", "%u of %u threads returned before %s at %s:%d",
           participants.total - participants.alive, participants.total, name, site.file, site.line);
    }
    complete(kind, barrier, block);
  }
  wait_here();
  return thread->barrier_result;
}

void cluster_arrive(Site site) {
  Thread *thread = current_thread;
  Cluster &cluster = *thread->block->cluster;
  if (thread->cluster_arrived) {
    fail("divergent-barrier", "a thread arrives twice at the cluster's barrier, at %s:%d",
         site.file, site.line);
  }
  if (cluster.alive_threads != cluster.total_threads && exit_is_an_error()) {
    fail("exited-before-barrier", "%u of %u threads returned before the cluster's barrier at %s:%d",
         cluster.total_threads - cluster.alive_threads, cluster.total_threads, site.file,
         site.line);
  }
  thread->cluster_arrived = true;
  ++thread->cluster_arrivals;
  if (++cluster.halves.arrived < cluster.total_threads) return;
  cluster.halves.arrived = 0;
  cluster.has_synchronized = true;
  ++cluster.phases;
  ++current_counts.barriers;
  for (Thread *waiting : cluster.halves.waiting) make_runnable(waiting);
  cluster.halves.waiting.clear();
}

void cluster_wait(Site site) {
  Thread *thread = current_thread;
  Cluster &cluster = *thread->block->cluster;
  if (!thread->cluster_arrived) {
    fail("divergent-barrier",
         "a thread waits at the cluster's barrier without having arrived, at %s:%d", site.file,
         site.line);
  }
  thread->cluster_arrived = false;
  if (cluster.phases >= thread->cluster_arrivals) return;
  cluster.halves.waiting.push_back(thread);
  thread->state = ThreadState::kAtBarrier;
  thread->site = site;
  thread->waits_in = "the cluster's barrier";
  wait_here();
}

void barriers_after_exit(Block *block) {
  for (BarrierKind kind : {BarrierKind::kBlock, BarrierKind::kCluster, BarrierKind::kGrid}) {
    Barrier &barrier = barrier_of(kind, block);
    if (barrier.arrived == 0 || barrier.arrived != participants_of(kind, block).alive) continue;
    if (exit_is_an_error()) {
      fail("exited-before-barrier", "a thread returned while %u threads wait in %s at %s:%d",
           barrier.arrived, name_of(kind), barrier.site.file, barrier.site.line);
    }
    complete(kind, barrier, block);
  }
}

}  // namespace emu
