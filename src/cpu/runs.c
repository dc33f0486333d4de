/* Cuts runs, and steps over chunks of them. */
#include "cpu/runs.h"

#include <string.h>

#include "cpu/exact.h"
#include "cpu/fast_fused.h"

/* Values of a chunk, unless there would be too many chunks. */
enum { CHUNK_VALUES = 16384, CHUNKS_MAX = 2048, PIECE_UNIT = 1024 };
/* Values to be summed are fetched so far ahead, in whole segments. */
enum { AHEAD_BYTES = 8000 };
enum { RICH_TILE = 28 * 64 * 4 };
/* Values between which sums and output alternate: as many as kernels sum before they go to doubles. */
enum { TILE_VALUES = 28 * 64 };

static int64_t divide_up(int64_t a, int64_t b) {
  return a / b + (a % b != 0);
}

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

cubn_cut cubn_cut_runs(const cubn_problem *problem) {
  const int64_t s = problem->s, count = cubn_count(problem);
  int64_t values = divide_up(count, CHUNKS_MAX);
  if (values < CHUNK_VALUES) values = CHUNK_VALUES;
  cubn_cut cut = {.runs = 1, .pieces = 1, .piece_values = s};
  if (s < 2 * values) {
    cut.runs = values / s > 1 ? values / s : 1;
  } else {
    cut.piece_values = divide_up(values, PIECE_UNIT) * PIECE_UNIT;
    cut.pieces = divide_up(s, cut.piece_values);
  }
  cut.chunks = divide_up(problem->n, cut.runs) * cut.pieces;
  return cut;
}

/* A piece of a run, of two channels: offsets of their first values. */
typedef struct segment {
  int64_t current, next, count;
  int64_t channel; /* within the blocks */
  int64_t begin;   /* within the runs */
  int64_t ahead;   /* from the next block's values to those that are fetched, or 0 */
} segment;

/* Adds to the lanes of the next block's sums. */
static void sum_values(const cubn_call *call, const cubn_block *next, const segment *at,
                       int64_t first, int64_t count, double *lanes, const cubn_run_output *out) {
  const bool backward = call->sums == 3;
  const cubn_coefficients with = cubn_fast_sum_coefficients(&next->channels, at->channel);
  if (backward && call->fusion.decides) {
    cubn_fused shape = {.rows = 1, .width = count, .with = &with};
    if (at->ahead) shape.ahead_dy = cubn_at(call, call->args->dy, at->next + at->ahead + first);
    cubn_fused_sums(call, &shape, at->next + first, lanes, 0);
    return;
  }
  const cubn_run_input in = {
      .x = cubn_at(call, call->args->x, at->next + first),
      .dy = backward ? cubn_at(call, call->args->dy, at->next + first) : NULL,
      .count = count,
      .with = &with,
      .ahead = at->ahead};
  call->kernels->run_sums(&in, lanes, out);
}

cubn_run_output cubn_call_output(const cubn_call *call, int64_t offset, int64_t count,
                                 const cubn_coefficients *with) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  return (cubn_run_output){.x = cubn_at(call, call->args->x, offset),
                           .dy = backward ? cubn_at(call, call->args->dy, offset) : NULL,
                           .output = cubn_output_at(call, offset),
                           .count = count,
                           .with = with,
                           .stream = call->stream};
}

/* Sums and output by turns, where the output does not lie as the input does: the sums' tiles begin
 * at the same values all the same, because these decide their bits. */
static void step_by_turns(const cubn_call *call, const cubn_block *next, const segment *at,
                          const cubn_coefficients *with, int64_t lead, double *lanes) {
  int64_t done = 0;
  for (int64_t first = 0; first < at->count; first += TILE_VALUES) {
    const int64_t end = smaller(first + TILE_VALUES, at->count);
    const int64_t until = smaller(end + lead, at->count);
    sum_values(call, next, at, first, end - first, lanes, NULL);
    const cubn_run_output out = cubn_call_output(call, at->current + done, until - done, with);
    if (until > done) call->kernels->run_output(&out);
    done = until;
  }
}

cubn_range cubn_rich_range(const cubn_call *call, int64_t offset, int64_t begin, int64_t count) {
  const cubn_mask *const mask = &call->problem->mask;
  cubn_range range = {0, count};
  if (call->problem->reserve != CUBN_RESERVE_MASK) return range;
  const int64_t shift = -cubn_mask_bit(mask, offset / mask->row, offset) & 7;
  if (begin > 0) range.first = smaller(shift, count);
  if (begin + count < call->problem->s)
    range.end = smaller(count + shift, call->problem->s - begin);
  return range;
}

/* Values after which output lies well for streaming, or bits for the mask. */
static int64_t values_before_tiles(const cubn_call *call, int64_t offset) {
  const cubn_mask *const mask = &call->problem->mask;
  if (call->stream) return cubn_values_before_alignment(call, offset);
  if (call->problem->reserve != CUBN_RESERVE_MASK) return 0;
  return -cubn_mask_bit(mask, offset / mask->row, offset) & 7;
}

/* Fused: the same by turns. Both fetch what will be summed, so that memory never waits: x (or z) while
 * output is written, dy while sums are formed. */
static void step_rich(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                      const segment *at, double *lanes) {
  const bool backward = call->problem->pass == CUBN_PASS_BACKWARD;
  cubn_coefficients with = {0};
  cubn_range out = {0, 0};
  int64_t lead = 0;
  if (current) {
    with = cubn_fast_coefficients(&current->channels, at->channel);
    out = cubn_rich_range(call, at->current, at->begin, at->count);
    lead = out.first + values_before_tiles(call, at->current + out.first);
  }
  for (int64_t first = 0; first < at->count; first += RICH_TILE) {
    const int64_t end = smaller(first + RICH_TILE, at->count);
    const int64_t until = end == at->count ? out.end : smaller(end + lead, out.end);
    const int64_t offset = at->current + out.first;
    cubn_fused shape = {
        .rows = 1, .width = until - out.first, .with = &with, .stream = call->stream};
    if (next && (backward || !call->problem->adds))
      shape.ahead_x = cubn_at(call, call->args->x, at->next + at->ahead + first);
    if (next && call->problem->adds && !backward)
      shape.ahead_z = cubn_at(call, call->args->z, at->current + at->ahead + first);
    if (next && backward && !call->fusion.decides)
      shape.ahead_dy = cubn_at(call, call->args->dy, at->next + at->ahead + first);
    if (shape.width > 0 && current->channels.wide[at->channel] != 0)
      cubn_fast_put_exact(call, (cubn_patch){offset, 1, 0, shape.width, 1}, &with);
    else if (shape.width > 0)
      cubn_fused_output(call, &shape, offset);
    if (until > out.first) out.first = until;
    if (next) sum_values(call, next, at, first, end - first, lanes, NULL);
  }
}

static void step_segment(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                         const segment *at, double *lanes) {
  if (!current) {
    sum_values(call, next, at, 0, at->count, lanes, NULL);
    return;
  }
  const cubn_coefficients with = cubn_fast_coefficients(&current->channels, at->channel);
  const cubn_run_output out = cubn_call_output(call, at->current, at->count, &with);
  const int64_t lead = cubn_values_before_alignment(call, at->current);
  if (current->channels.wide[at->channel] != 0) {
    cubn_fast_put_exact(call, (cubn_patch){at->current, 1, 0, at->count, 1}, &with);
    if (next) sum_values(call, next, at, 0, at->count, lanes, NULL);
  } else if (!next) {
    call->kernels->run_output(&out);
  } else if (lead) {
    step_by_turns(call, next, at, &with, lead, lanes);
  } else {
    sum_values(call, next, at, 0, at->count, lanes, &out);
  }
}

/* Adds up the lanes in a fixed tree. */
static double fold_lanes(const double *values, int lanes) {
  double sums[CUBN_RUN_LANES_MAX];
  memcpy(sums, values, (size_t)lanes * sizeof *sums);
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) sums[l] += sums[l + half];
  return sums[0];
}

/* From a segment to the one that is summed some segments after it. */
typedef struct lookahead {
  int64_t images, channels; /* as many, but for the end of a row of channels */
} lookahead;

static lookahead choose_lookahead(const cubn_call *call, const cubn_block *next, int64_t values) {
  const int64_t segments = divide_up(AHEAD_BYTES, values * call->element_bytes);
  const int64_t channels = next->channels.count;
  return (lookahead){segments / channels, segments % channels};
}

/* After the block's last image comes the next block, which is as wide. */
static int64_t distance_ahead(const cubn_call *call, lookahead by, int64_t run,
                              const cubn_block *next, const segment *at) {
  const int64_t s = call->problem->s, channels = next->channels.count;
  int64_t image = run + by.images, channel = at->channel + by.channels;
  if (channel >= channels) {
    channel -= channels;
    ++image;
  }
  if (image >= call->problem->n) {
    image -= call->problem->n;
    channel += channels;
  }
  return ((image - run) * call->problem->c + channel - at->channel) * s - at->begin;
}

void cubn_block_step(const cubn_call *call, const cubn_cut *cut, int64_t chunk,
                     const cubn_block *current, const cubn_block *next, cubn_chunk_sums *sums) {
  enum { SUMS_LANES = CUBN_RUN_SUMS_MAX * CUBN_RUN_LANES_MAX };
  double lanes[CUBN_BLOCK_CHANNELS_MAX][SUMS_LANES];
  const cubn_problem *problem = call->problem;
  const int64_t summed = next ? next->channels.count : 0;
  const int64_t written = current ? current->channels.count : 0;
  const int64_t first_run = chunk / cut->pieces * cut->runs;
  const int64_t begin = chunk % cut->pieces * cut->piece_values;
  const int64_t runs = smaller(cut->runs, problem->n - first_run);
  const int64_t count = smaller(cut->piece_values, problem->s - begin);
  const bool ends = begin + count == problem->s;
  lookahead by = {0};
  if (next && ends && call->fetches) by = choose_lookahead(call, next, count);
  memset(lanes, 0, (size_t)summed * sizeof *lanes);
  for (int64_t run = first_run; run < first_run + runs; ++run)
    for (int64_t j = 0; j < (summed > written ? summed : written); ++j) {
      const int64_t base = run * problem->c + j;
      segment at = {.count = count, .channel = j, .begin = begin};
      if (j < written) at.current = (base + current->channels.first) * problem->s + begin;
      if (j < summed) at.next = (base + next->channels.first) * problem->s + begin;
      if (j < summed && call->fetches)
        at.ahead = ends ? distance_ahead(call, by, run, next, &at) : count;
      (call->is_rich ? step_rich : step_segment)(call, j < written ? current : NULL,
                                                 j < summed ? next : NULL, &at, lanes[j]);
    }
  for (int k = 0; k < call->sums; ++k)
    for (int64_t j = 0; j < summed; ++j)
      sums->of[k][j] = fold_lanes(lanes[j] + k * call->kernels->lanes, call->kernels->lanes);
}
