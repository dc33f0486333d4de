// How a problem is dealt to crews of blocks: the host's side of crew.cuh.
#pragma once
#include "cuda/plan/tile_plan.cuh"

namespace cubn {

// A group = 0 stands for none.
struct CrewCut {
  int64_t group;
  int64_t crews, ranks;
  int64_t tiles;        // of a group
  int64_t segments;     // that each row is cut into; 1: tiles are of whole rows
  int64_t rows;         // of a tile, at most
  int64_t slots;        // tiles that a block holds
  int64_t bytes_max;    // of shared memory that a block may have
  int64_t moved_bytes;  // to and from memory, for all groups
  int64_t cost_bytes;   // and what could move while nothing does because blocks wait
};

// Each tile as if it were the share of a block of a cluster.
inline HoldCut crew_tile(const CrewCut &cut) {
  if (cut.segments > 1) return {cut.group, cut.segments, HOLD_POSITIONS};
  return {cut.group, cut.tiles, 0};
}

inline int64_t crew_tile_bytes(const HoldShape &shape, const CrewCut &cut, bool padded) {
  const int64_t padding = padded ? shape.alignment - 1 : 0;
  const int64_t run = round_up(hold_run(shape, crew_tile(cut)) + padding, shape.alignment);
  return shape.inputs * cut.rows * run * shape.element_bytes;
}

// Shared memory of a block beside the tiles, as CrewMemory divides it.
inline int64_t crew_bytes_beside(const HoldShape &shape, int64_t group) {
  const int64_t per_thread = shape.s == 1 ? HELD_COLUMNS_MAX : 1;
  return 16 + held_scratch(static_cast<int>(per_thread)) * static_cast<int64_t>(sizeof(double)) +
         group * (shape.channel_bytes + static_cast<int64_t>(sizeof(double[SLOT])));
}

inline int64_t hold_bytes(const HoldShape &shape, const CrewCut &cut, bool padded) {
  return cut.slots * crew_tile_bytes(shape, cut, padded) + crew_bytes_beside(shape, cut.group);
}
inline int64_t hold_bytes_limit(const cubn_device *, const CrewCut &cut) {
  return cut.bytes_max;
}
inline bool hold_begins_at_vectors(const HoldShape &shape, const CrewCut &cut) {
  return hold_begins_at_vectors(shape, crew_tile(cut));
}

template <int V, int ALIGN>
Hold make_hold(const cubn_device *device, const cubn_problem &problem, const CrewCut &cut,
               int phase) {
  Hold hold = make_hold<V, ALIGN>(device, problem, crew_tile(cut), phase);
  hold.rows = static_cast<int>(cut.rows);
  return hold;
}

// What a plan is made for.
struct CrewTask {
  HoldShape shape;
  int64_t multiprocessors, blocks_per_multiprocessor;
  int64_t bytes_max;
  int64_t window_bytes;   // of the L2 cache, that can be relied upon
  int64_t meeting_bytes;  // that move in the time of a meeting
  int64_t beside;         // tensors that are moved once, beside the inputs and the output
  bool recomputes;

  int64_t blocks() const { return multiprocessors * blocks_per_multiprocessor; }
  int64_t meetings() const { return recomputes ? 2 : 1; }
  int64_t tensor_bytes() const { return shape.n * shape.c * shape.s * shape.element_bytes; }
};

inline CrewTask crew_task(const cubn_device *device, const cubn_problem &problem) {
  const bool alone = is_fused(problem) && problem.pass == CUBN_PASS_BACKWARD &&
                     problem.type == CUBN_DATA_DOUBLE; /* as HOLD_BLOCKS */
  CrewTask task = {};
  task.shape = hold_shape(problem);
  task.multiprocessors = device->multiprocessor_count;
  task.blocks_per_multiprocessor = alone ? 1 : RESIDENT_BLOCKS_PER_SM;
  task.bytes_max = static_cast<int64_t>(device->crew_bytes[task.blocks_per_multiprocessor - 1]);
  task.window_bytes = static_cast<int64_t>(device->l2_bytes) / 100 * STREAMED_WINDOW_PERCENT;
  task.meeting_bytes = device->multiprocessor_count * CREW_MEETING_BYTES;
  task.beside = problem.adds || problem.has_dz;
  task.recomputes = problem.pass == CUBN_PASS_BACKWARD && !problem.has_saved && !problem.is_frozen;
  return task;
}

// Estimates a cut. What a block reads again is in the L2 cache if that, less what the last tiles take
// of it, is large enough. One crew waits in each meeting. Of two crews, one moves its group while the
// other waits, except in the end.
inline void crew_estimate(const CrewTask &task, CrewCut *cut) {
  const int64_t groups = ceil_div(task.shape.c, cut->group);
  const int64_t tile = cut->ranks * crew_tile_bytes(task.shape, *cut, false);
  const int64_t share = ceil_div(cut->tiles, cut->ranks), inputs = task.shape.inputs;
  const int64_t again = clamp(share - cut->slots, 0, share) * tile;
  const int64_t cached = clamp(task.window_bytes / cut->crews - tile, 0, again);
  const int64_t moved = share * tile / inputs * (inputs + 1 + task.beside) + again - cached;
  const int64_t waits = task.meetings() * task.meeting_bytes;
  cut->moved_bytes = groups * moved;
  cut->cost_bytes = cut->crews == 1 ? groups * (moved + waits)
                                    : groups * clamp((moved + waits) / 2, moved, INT64_MAX) + waits;
}

// The same for the two-pass algorithm, which waits once before each launch and for each sum.
inline int64_t crew_cost_of_two_passes(const CrewTask &task) {
  const int64_t tensor = task.tensor_bytes(), inputs = task.shape.inputs;
  const int64_t again = (inputs + (task.recomputes ? 1 : 0)) * tensor;
  return (inputs + 1 + task.beside) * tensor + again - clamp(task.window_bytes, 0, again) +
         2 * task.meetings() * task.meeting_bytes;
}

// Completes a cut for so many tiles of each block, of whole rows or of segments. False if there is
// none.
inline bool crew_deal(const CrewTask &task, int64_t per_block, bool segments, CrewCut *cut) {
  const HoldShape &shape = task.shape;
  const int64_t wanted = per_block * cut->ranks;
  cut->segments = 1;
  cut->tiles = clamp(wanted, 1, shape.n);
  if (segments) {
    cut->segments = ceil_div(wanted, shape.n);
    if (cut->segments < 2 || cut->group > 1 || shape.whole_rows ||
        shape.s * shape.element_bytes < cut->segments * RUN_BYTES)
      return false;
    cut->tiles = shape.n * cut->segments;
  }
  cut->rows = segments ? 1 : ceil_div(shape.n, cut->tiles);
  const int64_t room = task.bytes_max - crew_bytes_beside(shape, cut->group);
  const int64_t tile = crew_tile_bytes(shape, *cut, !hold_begins_at_vectors(shape, *cut));
  const int64_t share = ceil_div(cut->tiles, cut->ranks);
  cut->slots = clamp(room / tile, 0, share);
  if (cut->slots == 0 || (task.recomputes && cut->slots < share)) return false;
  cut->ranks = clamp(cut->ranks, 1, cut->tiles);
  crew_estimate(task, cut);
  return true;
}

// The best way to deal groups of so many channels to so many crews; group = 0 if there is none. A
// share that fits is one tile. One that does not is so many that CREW_SLOTS of them fit.
inline CrewCut crew_cut(const CrewTask &task, int64_t crews, int64_t group) {
  const HoldShape &shape = task.shape;
  const int64_t room = task.bytes_max - crew_bytes_beside(shape, group);
  const int64_t bytes = shape.inputs * shape.n * group * shape.s * shape.element_bytes;
  CrewCut best = {};
  if (room <= 0) return best;
  CrewCut cut = {};
  cut.group = group;
  cut.crews = crews;
  cut.bytes_max = task.bytes_max;
  const int64_t ranks = clamp(bytes / CLUSTER_SHARE_BYTES_MIN, 1, task.blocks() / crews);
  const int64_t many = ceil_div(bytes * CREW_SLOTS, ranks * room);
  for (const int64_t per_block : {int64_t(1), many, many + 1})
    for (const bool segments : {false, true}) {
      cut.ranks = ranks;
      if (!crew_deal(task, per_block, segments, &cut)) continue;
      if (best.group == 0 || cut.cost_bytes < best.cost_bytes) best = cut;
    }
  return best;
}

// The cheapest cut; of equal ones that with one crew and the widest group.
inline CrewCut best_crew_cut(const CrewTask &task) {
  const HoldShape &shape = task.shape;
  const int64_t widest = hold_widest_group(shape);
  CrewCut best = {};
  for (int64_t crews = 1; crews <= task.blocks_per_multiprocessor && crews <= CREWS_MAX; ++crews)
    for (int64_t group = widest; group > 0; group /= 2) {
      if (group < widest && group * shape.s * shape.element_bytes < RUN_BYTES_MIN) break;
      if (ceil_div(shape.c, group) < crews) continue;
      const CrewCut cut = crew_cut(task, crews, group);
      if (cut.group > 0 && (best.group == 0 || cut.cost_bytes < best.cost_bytes)) best = cut;
    }
  return best;
}

}  // namespace cubn
