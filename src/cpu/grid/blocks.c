/* Blocks of columns, each by one thread: x is read from memory once. While the output of one block
 * is written, the sums of the next are formed. */
#include <string.h>

#include "cpu/grid/grid.h"

/* Bytes of a block's rows: long stretches are read faster. */
enum { BLOCK_BYTES = 3200, BLOCKS_PER_THREAD = 2 };

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
  int64_t columns =
      smaller(BLOCK_BYTES / call->element_bytes, call->device->machine.l2_bytes / row_bytes);
  const int64_t share =
      problem->c * problem->s / (call->threads == 1 ? 1 : call->threads * BLOCKS_PER_THREAD);
  columns = smaller(columns, share);
  /* So that rows of all blocks lie alike. */
  const int64_t step = cubn_channels_of_lines(problem);
  const int64_t channels = columns / problem->s / step * step;
  if (channels > 0) return channels;
  const bool is_fit = step * problem->s <= CUBN_BLOCK_COLUMNS_MAX;
  return is_fit && step * call->threads <= problem->c ? step : 1;
}

static void begin_block(const blocks_work *work, int64_t index, block *it) {
  const cubn_problem *problem = work->call->problem;
  const int64_t first = index * work->block_channels, left = problem->c - first;
  const cubn_pattern pattern = {problem->s, 1};
  cubn_fast_begin(work->call, first, smaller(work->block_channels, left), &it->channels);
  it->offset = first * problem->s;
  it->width = it->channels.count * problem->s;
  if (!work->call->sums)
    cubn_grid_spread_output(work->call, &it->channels, pattern, &it->coefficients);
  else
    cubn_grid_spread_begin(work->call, &it->channels, pattern, &it->coefficients);
}

static void clear_sums(const cubn_call *call, const block *it, double *sums) {
  for (int k = 0; k < call->sums; ++k)
    memset(sums + k * CUBN_BLOCK_COLUMNS_PADDED, 0,
           (size_t)(it->width + CUBN_GRID_PADDING) * sizeof *sums);
}

static void fold_sums(const cubn_call *call, const double *sums, block *it) {
  const cubn_pattern pattern = {call->problem->s, 1};
  for (int k = 0; k < call->sums; ++k)
    cubn_grid_fold(sums + k * CUBN_BLOCK_COLUMNS_PADDED, it->channels.count, pattern, 0,
                   it->channels.count, it->channels.sums[k]);
}

static void finish_block(const cubn_call *call, const double *sums, block *it) {
  const cubn_pattern pattern = {call->problem->s, 1};
  fold_sums(call, sums, it);
  cubn_fast_finish(call, &it->channels);
  if (call->writes) cubn_grid_spread_output(call, &it->channels, pattern, &it->coefficients);
}

/* Rows can be streamed if all of them begin where whole vectors can be stored. */
static bool can_store_nontemporal(const cubn_call *call, int64_t offset) {
  const uintptr_t bytes = (uintptr_t)call->kernels->store_bytes;
  const int64_t stride = call->problem->c * call->problem->s;
  return call->nontemporal && (uintptr_t)cubn_output_at(call, offset) % bytes == 0 &&
         (uintptr_t)(stride * call->element_bytes) % bytes == 0;
}

/* The output of one block and the sums of the next. Either may be NULL. */
static void step(const cubn_call *call, const block *current, const block *next, double *sums) {
  cubn_grid grid = {call->problem->n, 0, call->problem->c * call->problem->s, false};
  const bool nontemporal = current && can_store_nontemporal(call, current->offset);
  cubn_grid_part put = {0}, summed = {0};
  if (current) put = (cubn_grid_part){current->offset, &current->coefficients};
  if (next) summed = (cubn_grid_part){next->offset, &next->coefficients};
  /* The last block may be narrower than the one before. */
  if (current && next && current->width == next->width) {
    grid.width = next->width;
    cubn_grid_sum_and_output(call, grid, summed, sums, CUBN_BLOCK_COLUMNS_PADDED, put, nontemporal);
    return;
  }
  if (current) {
    grid.width = current->width;
    cubn_grid_output_part(call, grid, put, nontemporal);
  }
  if (next) {
    grid.width = next->width;
    cubn_grid_sum(call, grid, summed, sums, CUBN_BLOCK_COLUMNS_PADDED);
  }
}

/* The output of a block that has wide channels. */
static void output_double_block(const cubn_call *call, const block *it) {
  const cubn_grid grid = {call->problem->n, it->width, call->problem->c * call->problem->s, false};
  const cubn_grid_part part = {it->offset, &it->coefficients};
  cubn_grid_output_mixed(call, grid, part, &it->channels);
}

/* Statistics in backward: a pass of their own over the block, which then is in the cache. */
static void find_moments(const cubn_call *call, block *it, double *sums) {
  const cubn_call moments = cubn_call_of_moments(call);
  const cubn_pattern pattern = {call->problem->s, 1};
  cubn_grid_spread_begin(&moments, &it->channels, pattern, &it->coefficients);
  clear_sums(&moments, it, sums);
  step(&moments, NULL, it, sums);
  fold_sums(&moments, sums, it);
  cubn_fast_finish_moments(call, &it->channels);
  cubn_grid_spread_begin(call, &it->channels, pattern, &it->coefficients);
}

/* Memory of a seat: see CUBN_WORKER_BYTES. Returns what is left, for sums. */
static double *place_blocks(const cubn_call *call, int64_t worker, block blocks[2]) {
  double *memory =
      (double *)(void *)(call->device->worker_scratch + worker * (int64_t)CUBN_WORKER_BYTES);
  for (int i = 0; i < 2; ++i) {
    cubn_grid_place(&blocks[i].coefficients, memory, CUBN_BLOCK_COLUMNS_PADDED);
    memory += CUBN_GRID_ARRAYS * CUBN_BLOCK_COLUMNS_PADDED;
    cubn_channels_place(&blocks[i].channels, memory, CUBN_BLOCK_COLUMNS_PADDED);
    memory += CUBN_CHANNEL_ARRAYS * CUBN_BLOCK_COLUMNS_PADDED;
  }
  return memory;
}

static void blocks_task(void *context, int64_t worker, int64_t first, int64_t end) {
  const blocks_work *work = context;
  const cubn_call *call = work->call;
  block blocks[2];
  double *const sums = place_blocks(call, worker, blocks);
  for (int64_t index = first; index <= end; ++index) {
    block *const next = index < end ? &blocks[index % 2] : NULL;
    const block *current = index > first ? &blocks[(index + 1) % 2] : NULL;
    if (next) begin_block(work, index, next);
    if (next && call->needs.moments && call->problem->pass == CUBN_PASS_BACKWARD)
      find_moments(call, next, sums);
    if (!call->writes) current = NULL;
    if (current && current->channels.any_needs_double) {
      output_double_block(call, current);
      current = NULL;
    }
    if (next && call->sums) clear_sums(call, next, sums);
    step(call, current, call->sums ? next : NULL, sums);
    if (next && call->sums) finish_block(call, sums, next);
  }
  if (call->nontemporal) call->kernels->fence();
}

void cubn_grid_run_blocks(const cubn_call *call) {
  blocks_work work = {call, choose_block(call)};
  const int64_t blocks = (call->problem->c + work.block_channels - 1) / work.block_channels;
  cubn_for_ranges(call->threads, blocks, blocks_task, &work);
}
