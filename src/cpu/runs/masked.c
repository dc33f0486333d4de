/* Steps over chunks of elements with bits. */
#include "cpu/runs/masked.h"

#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/fast/columns.h"
#include "cpu/fast/exact.h"
#include "cpu/fast/long_runs.h"
#include "cpu/fast/masked_rows.h"
#include "cpu/fast/settle.h"

enum { WORD = 64, LANES = CUBN_MASKED_LANES, INTERLEAVE = CUBN_INTERLEAVE };
/* When and how single runs are divided into rows; columns of a worker's coefficients and sums. */
enum { DIVIDED_MIN = 2048, DIVIDED_UNIT = 2 * WORD, COLUMNS_MAX = CUBN_BLOCK_COLUMNS_MAX + LANES };

/* The coefficients and sums of the columns of two blocks, in the worker's stage. */
typedef struct chunk_work {
  const cubn_call *call;
  const cubn_masking *masking;
  const cubn_block *current, *next;
  int64_t first, end;   /* images */
  int64_t begin, count; /* of their runs */
  int64_t each;         /* columns of a channel */
  cubn_grid_coefficients written, summed;
  double *sums; /* [3][COLUMNS_MAX] */
} chunk_work;

static void spread(const chunk_work *work, const cubn_channels *channels, const double *values,
                   void *to) {
  work->call->kernels->spread(values, channels->count, work->each, 1, to);
}

static void set_sums(chunk_work *work) {
  const cubn_channels *channels = &work->next->channels;
  const int64_t columns = channels->count * work->each;
  spread(work, channels, channels->pivot, work->summed.center);
  spread(work, channels, channels->prescale, work->summed.prescale);
  spread(work, channels, channels->dy_prescale, work->summed.dy_prescale);
  for (int k = 0; k < work->call->sums; ++k)
    memset(work->sums + k * COLUMNS_MAX, 0, (size_t)columns * sizeof *work->sums);
}

static void set_output(chunk_work *work) {
  const cubn_channels *channels = &work->current->channels;
  spread(work, channels, channels->center, work->written.center);
  spread(work, channels, channels->gain, work->written.gain);
  spread(work, channels, channels->shift, work->written.shift);
  if (work->call->problem->pass != CUBN_PASS_BACKWARD) return;
  spread(work, channels, channels->slope, work->written.slope);
  spread(work, channels, channels->prescale, work->written.prescale);
}

static void place_arrays(chunk_work *work) {
  double *memory = (double *)(void *)work->call->stage;
  cubn_grid_coefficients *const of[] = {&work->written, &work->summed};
  for (int i = 0; i < 2; ++i) {
    void **const arrays[] = {&of[i]->center,      &of[i]->prescale,    &of[i]->dy_prescale,
                             &of[i]->gain,        &of[i]->slope,       &of[i]->shift,
                             &of[i]->preact_gain, &of[i]->preact_shift};
    for (int k = 0; k < CUBN_GRID_ARRAYS; ++k, memory += COLUMNS_MAX) *arrays[k] = memory;
  }
  work->sums = memory;
}

_Static_assert((2 * CUBN_GRID_ARRAYS + CUBN_RUN_SUMS_MAX) * sizeof(double) * COLUMNS_MAX <=
                   CUBN_STAGE_BYTES,
               "all arrays are on the stage");

/* Rows of runs, or of the runs of some channels. */
typedef struct run_rows {
  int64_t image, rows, stride;
  int64_t begin, width; /* columns of the first channel */
  int64_t channel;
  const uint64_t *bits;
  int64_t bits_stride, prefetch_distance;
} run_rows;

static int64_t offset_of(const chunk_work *work, const cubn_block *block, const run_rows *rows) {
  const cubn_problem *problem = &work->masking->problem;
  const int64_t channel = block->channels.first + rows->channel;
  return (rows->image * problem->c + channel) * problem->s + rows->begin;
}

/* Whether non-temporal stores can write all rows. */
static bool can_store_nontemporal(const cubn_call *call, const run_rows *rows, const void *output) {
  const uintptr_t bytes = (uintptr_t)call->kernels->store_bytes;
  const uintptr_t stride = (uintptr_t)(rows->stride * call->element_bytes);
  return call->nontemporal && (uintptr_t)output % bytes == 0 && stride % bytes == 0;
}

static void step_rows(const chunk_work *work, const run_rows *rows, bool sums, bool writes) {
  const cubn_call *call = work->call;
  const int64_t column = rows->channel * work->each;
  cubn_masked_rows masked = {.rows = rows->rows,
                             .width = rows->width,
                             .element_bytes = call->element_bytes,
                             .bits = rows->bits,
                             .bits_stride = rows->bits_stride,
                             .is_run = work->masking->block_channels == 0,
                             .prefetch_distance = call->prefetches ? rows->prefetch_distance : 0};
  cubn_masked_step *const step = &masked.step;
  step->stride = rows->stride;
  if (sums) {
    const int64_t offset = offset_of(work, work->next, rows);
    step->summed_x = cubn_element_at(call, call->args->x, offset);
    if (call->sums == 3) step->summed_dy = cubn_element_at(call, call->args->dy, offset);
    step->summed_coef = cubn_skip_columns(call, &work->summed, column);
    masked.sums = work->sums + column;
    masked.sum_stride = COLUMNS_MAX;
  }
  if (writes) {
    const int64_t offset = offset_of(work, work->current, rows);
    step->x = cubn_element_at(call, call->args->x, offset);
    if (call->problem->pass == CUBN_PASS_BACKWARD)
      step->dy = cubn_element_at(call, call->args->dy, offset);
    step->output = cubn_output_at(call, offset);
    step->coef = cubn_skip_columns(call, &work->written, column);
    step->nontemporal = can_store_nontemporal(call, rows, step->output);
  }
  if (sums || writes) cubn_masked_run(work->masking->kernels, &masked);
}

/* The output of a channel that kernels do not compute. Its places are those of valid elements. */
static void write_exceptional(const chunk_work *work, int64_t j) {
  const cubn_call *call = work->call;
  const cubn_channels *channels = &work->current->channels;
  const int64_t first = cubn_masked_valid_before(call, work->first, work->begin);
  const int64_t end = cubn_masked_valid_before(call, work->end - 1, work->begin + work->count);
  const int64_t place = (channels->first + j) * call->places->spans.valid + first;
  const cubn_coefficients coef = cubn_fast_coefficients(channels, j);
  const cubn_patch values = {place, 1, 0, end - first, 1};
  if (end == first) return;
  if (channels->is_nan[j] != 0)
    cubn_settle_output(call, values);
  else
    cubn_exact_output(call, values, &coef);
}

static bool is_exceptional(const cubn_block *block, int64_t j) {
  return block->channels.needs_double[j] != 0 || block->channels.is_nan[j] != 0;
}

/* All images of the chunk, with the runs of the blocks' channels for columns. */
static void step_grid(const chunk_work *work) {
  const cubn_problem *problem = &work->masking->problem;
  const cubn_block *const current = work->current, *const next = work->next;
  const int64_t written = current ? current->channels.count : 0;
  const int64_t summed = next ? next->channels.count : 0;
  const bool by_channels = current && current->channels.any_exceptional;
  const bool joins = written == summed && !by_channels;
  run_rows rows = {.image = work->first,
                   .rows = work->end - work->first,
                   .stride = problem->c * problem->s,
                   .bits = work->masking->words + work->first * work->masking->image_words,
                   .bits_stride = work->masking->image_words};
  for (int64_t j = 0; by_channels && j < written; ++j) {
    rows.channel = j;
    rows.width = problem->s;
    if (is_exceptional(current, j))
      write_exceptional(work, j);
    else
      step_rows(work, &rows, false, true);
  }
  rows.channel = 0;
  rows.width = written * problem->s;
  rows.prefetch_distance = summed * problem->s;
  if (!by_channels && written > 0) step_rows(work, &rows, joins, true);
  rows.width = summed * problem->s;
  if (!joins && summed > 0) step_rows(work, &rows, true, false);
}

static void step_runs(const chunk_work *work, const run_rows *runs, bool sums, bool writes) {
  run_rows parts = *runs;
  const int64_t part = runs->width / INTERLEAVE / DIVIDED_UNIT * DIVIDED_UNIT;
  if (runs->rows == INTERLEAVE || runs->width < DIVIDED_MIN) {
    step_rows(work, runs, sums, writes);
    return;
  }
  parts.rows = INTERLEAVE;
  parts.stride = parts.width = part;
  parts.bits_stride = part / WORD;
  run_rows tail = *runs;
  tail.begin += INTERLEAVE * part;
  tail.width -= INTERLEAVE * part;
  tail.bits += INTERLEAVE * part / WORD;
  for (int64_t r = 0; r < runs->rows; ++r) {
    parts.image = tail.image = runs->image + r;
    step_rows(work, &parts, sums, writes);
    if (tail.width > 0) step_rows(work, &tail, sums, writes);
    parts.bits += runs->bits_stride;
    tail.bits += runs->bits_stride;
  }
}

/* Elements to what is summed after these runs: in the next channel, images, or block. */
static int64_t distance_to_next(const chunk_work *work, const run_rows *runs, int64_t channels) {
  const cubn_problem *problem = &work->masking->problem;
  const int64_t image = problem->c * problem->s;
  if (runs->channel + 1 < channels) return problem->s;
  if (work->count < problem->s) return work->count;
  if (runs->image + runs->rows < problem->n)
    return runs->rows * image - (channels - 1) * problem->s;
  return problem->s - runs->image * image;
}

/* Run by run: INTERLEAVE images of one channel after the other. */
static void step_by_runs(const chunk_work *work) {
  const cubn_block *const current = work->current;
  const cubn_problem *problem = &work->masking->problem;
  const int64_t written = current ? current->channels.count : 0;
  const int64_t summed = work->next ? work->next->channels.count : 0;
  run_rows runs = {.stride = problem->c * problem->s,
                   .begin = work->begin,
                   .width = work->count,
                   .bits_stride = work->masking->image_words};
  for (runs.image = work->first; runs.image < work->end; runs.image += runs.rows) {
    runs.rows = cubn_min(work->end - runs.image, INTERLEAVE);
    runs.bits = work->masking->words + runs.image * runs.bits_stride + work->begin / WORD;
    for (runs.channel = 0; runs.channel < cubn_max(written, summed); ++runs.channel) {
      const int64_t j = runs.channel;
      const bool writes = j < written && !is_exceptional(current, j);
      if (summed > 0) runs.prefetch_distance = distance_to_next(work, &runs, summed);
      step_runs(work, &runs, j < summed, writes);
    }
  }
  for (int64_t j = 0; j < written; ++j)
    if (is_exceptional(current, j)) write_exceptional(work, j);
}

void cubn_masked_chunk_step(const cubn_call *call, const cubn_run_partition *partition,
                            int64_t chunk, const cubn_block *current, const cubn_block *next,
                            cubn_chunk_sums *sums) {
  const cubn_masking *masking = call->masking;
  const cubn_problem *problem = &masking->problem;
  chunk_work work = {.call = call, .masking = masking, .current = current, .next = next};
  work.first = chunk / partition->run_chunks * partition->runs;
  work.end = cubn_min(work.first + partition->runs, problem->n);
  work.begin = chunk % partition->run_chunks * partition->chunk_values;
  work.count = cubn_min(partition->chunk_values, problem->s - work.begin);
  work.each = masking->block_channels > 0 ? problem->s : LANES;
  place_arrays(&work);
  if (current) set_output(&work);
  if (next) set_sums(&work);
  (masking->block_channels > 0 ? step_grid : step_by_runs)(&work);
  for (int k = 0; next && k < call->sums; ++k)
    for (int64_t j = 0; j < next->channels.count; ++j)
      sums->values[k][j] =
          cubn_masked_add_columns(work.sums + k * COLUMNS_MAX + j * work.each, work.each);
}
