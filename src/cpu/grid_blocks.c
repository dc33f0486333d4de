/* Blocks of columns, each by one thread: x is read from memory once. While the output of one block
 * is written, the sums of the next are formed. */
#include <string.h>

#include "cpu/grid.h"

/* Columns of a block: long stretches of rows are read faster. */
enum { COLUMNS_WANTED = 784, BLOCKS_PER_THREAD = 2 };

typedef struct block {
  cubn_channels channels;
  cubn_grid_coefficients coefficients;
  int64_t offset, width;
} block;

typedef struct blocks_work {
  const cubn_call *call;
  int64_t block_channels;
} blocks_work;

static int64_t smaller(int64_t a, int64_t b) {
  return a < b ? a : b;
}

/* How many channels a block has. Results do not depend on it. */
static int64_t choose_block(const cubn_call *call) {
  const cubn_problem *problem = call->problem;
  const int64_t tensors = problem->pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t row_bytes = tensors * problem->n * call->element_bytes;
  int64_t columns = smaller(COLUMNS_WANTED, call->device->machine.core_cache_bytes / 2 / row_bytes);
  const int64_t share =
      problem->c * problem->s / (call->threads == 1 ? 1 : call->threads * BLOCKS_PER_THREAD);
  columns = smaller(columns, share);
  /* Whole vectors, so that rows of all blocks lie alike. */
  int64_t step = 1;
  while (step < CUBN_GRID_PADDING && step * problem->s % CUBN_GRID_PADDING) step *= 2;
  const int64_t channels = columns / problem->s / step * step;
  if (channels > 0) return channels;
  return step * problem->s <= CUBN_BLOCK_COLUMNS_MAX ? step : 1;
}

static void begin_block(const blocks_work *work, int64_t index, block *it) {
  const cubn_problem *problem = work->call->problem;
  const int64_t first = index * work->block_channels, left = problem->c - first;
  const cubn_pattern pattern = {problem->s, 1};
  cubn_fast_begin(work->call, first, smaller(work->block_channels, left), &it->channels);
  it->offset = first * problem->s;
  it->width = it->channels.count * problem->s;
  if (problem->pass == CUBN_PASS_INFER)
    cubn_grid_spread_output(work->call, &it->channels, pattern, &it->coefficients);
  else
    cubn_grid_spread_begin(work->call, &it->channels, pattern, &it->coefficients);
}

static void finish_block(const blocks_work *work, const double *sums, block *it) {
  const cubn_pattern pattern = {work->call->problem->s, 1};
  for (int k = 0; k < work->call->sums; ++k)
    cubn_grid_fold(sums + k * CUBN_BLOCK_COLUMNS_PADDED, it->channels.count, pattern, 0,
                   it->channels.count, it->channels.sums[k]);
  cubn_fast_finish(work->call, &it->channels);
  cubn_grid_spread_output(work->call, &it->channels, pattern, &it->coefficients);
}

/* Rows can be streamed if all of them begin where whole vectors can be stored. */
static bool streams(const cubn_call *call, int64_t offset) {
  const uintptr_t bytes = (uintptr_t)call->kernels->store_bytes;
  const int64_t stride = call->problem->c * call->problem->s;
  return call->stream && (uintptr_t)cubn_output_at(call, offset) % bytes == 0 &&
         (uintptr_t)(stride * call->element_bytes) % bytes == 0;
}

/* The output of one block and the sums of the next. Either may be NULL. */
static void step(const cubn_call *call, const block *current, const block *next, double *sums) {
  const int64_t rows = call->problem->n, stride = call->problem->c * call->problem->s;
  cubn_grid_output out = {0};
  if (current)
    out = cubn_grid_output_at(call, current->offset, &current->coefficients,
                              streams(call, current->offset));
  if (!next) {
    if (current) call->kernels->grid_output((cubn_grid){rows, current->width, stride, false}, &out);
    return;
  }
  const cubn_grid_input in =
      cubn_grid_input_at(call, next->offset, &next->coefficients, sums, CUBN_BLOCK_COLUMNS_PADDED);
  /* The last block may be narrower than the one before. */
  const bool alike = current && current->width == next->width;
  if (current && !alike)
    call->kernels->grid_output((cubn_grid){rows, current->width, stride, false}, &out);
  call->kernels->grid_sums((cubn_grid){rows, next->width, stride, false}, &in, alike ? &out : NULL);
}

/* Memory of a seat: see CUBN_SEAT_BYTES. Returns what is left, for sums. */
static double *place_blocks(const cubn_call *call, int64_t seat, block blocks[2]) {
  double *memory = (double *)(void *)(call->device->seats + seat * (int64_t)CUBN_SEAT_BYTES);
  for (int i = 0; i < 2; ++i) {
    cubn_grid_place(&blocks[i].coefficients, memory, CUBN_BLOCK_COLUMNS_PADDED);
    memory += 5 * CUBN_BLOCK_COLUMNS_PADDED;
    cubn_channels_place(&blocks[i].channels, memory, CUBN_BLOCK_COLUMNS_PADDED);
    memory += CUBN_CHANNEL_ARRAYS * CUBN_BLOCK_COLUMNS_PADDED;
  }
  return memory;
}

static void blocks_task(void *context, int64_t seat, int64_t first, int64_t end) {
  const blocks_work *work = context;
  const cubn_call *call = work->call;
  block blocks[2];
  double *const sums = place_blocks(call, seat, blocks);
  for (int64_t index = first; index <= end; ++index) {
    block *const next = index < end ? &blocks[index % 2] : NULL;
    const block *current = index > first ? &blocks[(index + 1) % 2] : NULL;
    if (next) begin_block(work, index, next);
    if (current && current->channels.is_wide) {
      cubn_fast_output_exact(call, &current->channels);
      current = NULL;
    }
    if (next && call->sums)
      for (int k = 0; k < call->sums; ++k)
        memset(sums + k * CUBN_BLOCK_COLUMNS_PADDED, 0,
               (size_t)(next->width + CUBN_GRID_PADDING) * sizeof *sums);
    step(call, current, call->sums ? next : NULL, sums);
    if (next && call->sums) finish_block(work, sums, next);
  }
  if (call->stream) call->kernels->fence();
}

void cubn_grid_run_blocks(const cubn_call *call) {
  blocks_work work = {call, choose_block(call)};
  const int64_t blocks = (call->problem->c + work.block_channels - 1) / work.block_channels;
  cubn_for_ranges(call->threads, blocks, blocks_task, &work);
}
