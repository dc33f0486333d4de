/* Steps over panels. */
#include "cpu/runs/mixed.h"

#include "cpu/common/arith.h"
#include "cpu/fast/window.h"

/* Values of a run in a panel. Kernels have added all to doubles after the first number: those of
 * several runs after the second, but where the epilogue of backward decides. */
enum { PANEL_VALUES = 28 * 64, INTERLEAVED_VALUES = 28 * 16 };

static int64_t choose_values(const cubn_call *call, int64_t runs) {
  const bool one_by_one = call->sums == 3 && call->fusion.decides;
  return runs == 1 || one_by_one ? PANEL_VALUES : INTERLEAVED_VALUES;
}

static cubn_panel make_panel(const cubn_call *call, const cubn_channels *channels, int64_t offset,
                             const cubn_segment *segment, unsigned arrays) {
  const int64_t line = CUBN_LINE_BYTES / call->element_bytes;
  return (cubn_panel){.arrays = call->spread & arrays,
                      .offset = offset,
                      .rows = segment->runs,
                      .stride = segment->runs == 1 ? segment->count : segment->stride,
                      .count = segment->count,
                      .channel = channels->first,
                      .channels = channels->count,
                      .padded = (cubn_divide_up(segment->count, line) | 1) * line};
}

/* Prefetches the values of x that the kernels read next: short runs far apart, which the hardware
 * does not find. Others are in the panels, or prefetched while they are copied there. */
static void prefetch_runs(const cubn_call *call, const cubn_segment *segment, int64_t place) {
  for (int64_t r = 0; r < segment->runs; ++r) {
    int64_t count, stride;
    const char *const from =
        cubn_place_at(call, CUBN_ARRAY_X, place + r * segment->stride, &count, &stride);
    for (int64_t i = 0; i < segment->count * call->element_bytes; i += CUBN_LINE_BYTES)
      __builtin_prefetch(from + i, 0, 2);
  }
}

/* Calls the kernels for every channel of the block. */
static void step_channels(const cubn_call *call, const cubn_mixed_step *step,
                          const cubn_segment *tile, const cubn_block *current,
                          const cubn_block *next) {
  const int64_t channels = (current ? current : next)->channels.count;
  cubn_segment segment = *tile;
  segment.prefetch_distance = 0;
  for (int64_t j = 0; j < channels; ++j) {
    const int64_t place = (current ? segment.current : segment.next) + call->problem->s;
    if (call->prefetches && j + 1 < channels) prefetch_runs(call, &segment, place);
    segment.channel = j;
    cubn_segment_step(call, current, next, &segment, step->lanes + j * step->lanes_stride);
    segment.current += call->problem->s;
    segment.next += call->problem->s;
  }
}

static void write_tile(const cubn_call *call, const cubn_mixed_step *step,
                       const cubn_segment *tile) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  const cubn_panel panel = make_panel(call, &step->current->channels, tile->current, tile,
                                      CUBN_MAP_OUTPUT | CUBN_MAP_DY | CUBN_MAP_Z);
  cubn_call own = *call;
  own.panel = &panel;
  cubn_copy_panels(
      &own, (backward ? CUBN_MAP_DY : CUBN_MAP_Z) | (call->problem->blends ? CUBN_MAP_OUTPUT : 0U),
      false);
  step_channels(&own, step, tile, step->current, NULL);
  cubn_copy_panels(&own, CUBN_MAP_OUTPUT | (backward ? CUBN_MAP_Z : 0U), true);
}

static void sum_tile(const cubn_call *call, const cubn_mixed_step *step, const cubn_segment *tile) {
  const unsigned arrays = call->sums == 3 ? CUBN_MAP_DY : 0U;
  const cubn_panel panel = make_panel(call, &step->next->channels, tile->next, tile, arrays);
  cubn_call own = *call;
  if (panel.arrays) own.panel = &panel;
  if (panel.arrays) cubn_copy_panels(&own, arrays, false);
  step_channels(&own, step, tile, NULL, step->next);
}

void cubn_step_mixed(const cubn_call *call, const cubn_mixed_step *step) {
  const cubn_segment *segment = &step->segment;
  const int64_t values = choose_values(call, segment->runs);
  for (int64_t first = 0; first < segment->count; first += values) {
    cubn_segment tile = *segment;
    tile.begin += first;
    tile.current += first;
    tile.next += first;
    tile.count = cubn_min(values, segment->count - first);
    if (step->current) write_tile(call, step, &tile);
    if (step->next) sum_tile(call, step, &tile);
  }
}
