/* Blocks of columns, each processed by one worker: x is read from memory once. While the output of
 * one block is written, the sums of the next are formed. */
#include <string.h>

#include "cpu/common/arith.h"
#include "cpu/common/preactivation.h"
#include "cpu/fast/passes.h"
#include "cpu/fast/pivots.h"
#include "cpu/fast/usual.h"
#include "cpu/grid/grid.h"

/* Bytes of a block's rows; longer ones are read faster. */
enum { BLOCK_BYTES = 3200 };
/* Rows of a block that are prefetched before it begins. */
enum { PREFETCHED_ROWS = 4 };
/* Blocks per thread, so that all end at about the same time. */
enum { BLOCKS_PER_THREAD = 8 };

typedef struct block {
  cubn_channels channels;
  cubn_grid_coefficients coef;
  int64_t offset, width; /* offset of the first column, and number of columns */
  bool is_usual;         /* up to now no channel is an exception: see usual.h */
} block;

typedef struct blocks_work {
  const cubn_call *call;
  int64_t block_channels; /* channels of a block; the last block may have fewer */
  bool accepts_usual;     /* blocks may be usual */
} blocks_work;

enum { BITS_PER_BYTE = 8 };

/* Channels of a block where some tensor is in another order than x: a cache line of that tensor, if
 * their columns are not too many. */
static int64_t choose_mixed_block(const cubn_call *call) {
  int64_t channels = CUBN_LINE_BYTES / call->element_bytes;
  while (channels > 1 && channels * call->problem->s > CUBN_BLOCK_COLUMNS_MAX) channels /= 2;
  return channels;
}

/* Channels of a block. Results do not depend on it. */
static int64_t choose_block(const cubn_call *call) {
  const cubn_problem *problem = call->problem;
  if (call->spread) return choose_mixed_block(call);
  const int64_t tensors = problem->pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t row_bytes = tensors * problem->n * call->element_bytes;
  int64_t columns =
      cubn_min(BLOCK_BYTES / call->element_bytes, call->device->machine.l2_bytes / row_bytes);
  const int64_t blocks_min = call->threads == 1 ? 1 : call->threads * BLOCKS_PER_THREAD;
  columns = cubn_min(columns, problem->c * problem->s / blocks_min);
  /* All blocks begin at whole cache lines, if possible. */
  const int64_t step = cubn_channels_of_lines(problem);
  const int64_t channels = columns / problem->s / step * step;
  if (channels > 0) return channels;
  const bool is_fit = step * problem->s <= CUBN_BLOCK_COLUMNS_MAX;
  if (is_fit && step * call->threads <= problem->c) return step;
  /* Where channels are bits of one mask row, workers must not share a byte of it. */
  return problem->reserve == CUBN_RESERVE_MASK && problem->s == 1 ? BITS_PER_BYTE : 1;
}

/* Sets the coefficients of what comes first: sums, or the output if there are none to form. */
static void set_coef(const cubn_call *call, block *block) {
  const cubn_pattern pattern = {call->problem->s, 1};
  if (call->sums)
    cubn_grid_set_sum_coef(call, &block->channels, pattern, &block->coef);
  else
    cubn_grid_set_output_coef(call, &block->channels, pattern, &block->coef);
}

static void begin_block(const blocks_work *work, int64_t index, block *block) {
  const cubn_call *call = work->call;
  cubn_channels *const channels = &block->channels;
  channels->first = index * work->block_channels;
  channels->count = cubn_min(work->block_channels, call->problem->c - channels->first);
  block->offset = channels->first * call->problem->s;
  block->width = channels->count * call->problem->s;
  block->is_usual = work->accepts_usual && cubn_usual_begin(call, channels, &block->coef);
  if (block->is_usual) return;
  cubn_fast_begin(call, channels->first, channels->count, channels);
  set_coef(call, block);
}

/* The sums of columns, CUBN_BLOCK_COLUMNS_PADDED apart. Those of single columns are those of the
 * channels, whose arrays are as far apart. */
static double *sums_of(const cubn_call *call, const block *block, double *sums) {
  return call->problem->s == 1 ? block->channels.sums[0] : sums;
}

static void clear_sums(const cubn_call *call, const block *block, double *sums) {
  for (int k = 0; k < call->sums; ++k)
    memset(sums + k * CUBN_BLOCK_COLUMNS_PADDED, 0,
           (size_t)(block->width + CUBN_GRID_PADDING) * sizeof *sums);
}

static void fold_sums(const cubn_call *call, const double *sums, block *block) {
  const cubn_pattern pattern = {call->problem->s, 1};
  for (int k = 0; k < (call->problem->s == 1 ? 0 : call->sums); ++k)
    cubn_grid_fold(sums + k * CUBN_BLOCK_COLUMNS_PADDED, block->channels.count, pattern,
                   block->channels.sums[k]);
}

static void step(const cubn_call *call, const block *current, const block *next, double *sums);

/* Forms sums again, for those channels of the block that need them. The block is in the caches. */
static void fold_and_sum_again(const cubn_call *call, double *sums, block *block) {
  const cubn_pattern pattern = {call->problem->s, 1};
  cubn_channels again;
  fold_sums(call, sums, block);
  while (cubn_fast_sum_again(call, &block->channels, &again)) {
    cubn_grid_set_sum_coef(call, &block->channels, pattern, &block->coef);
    clear_sums(call, block, sums);
    step(call, NULL, block, sums);
    fold_sums(call, sums, block);
  }
}

static void finish_block(const cubn_call *call, double *sums, block *block) {
  const cubn_pattern pattern = {call->problem->s, 1};
  if (block->is_usual && cubn_usual_finish(call, &block->channels, &block->coef)) return;
  fold_and_sum_again(call, sums, block);
  cubn_fast_finish(call, &block->channels);
  if (call->writes) cubn_grid_set_output_coef(call, &block->channels, pattern, &block->coef);
}

/* Writes the output of one block and forms the sums of the next. Either may be NULL. */
static void step(const cubn_call *call, const block *current, const block *next, double *sums) {
  const int64_t stride = call->problem->c * call->problem->s;
  cubn_grid grid = {.rows = call->problem->n, .stride = stride};
  const bool nontemporal =
      current && cubn_grid_can_store_nontemporal(call, current->offset, stride);
  cubn_grid_operand written = {0}, summed = {0};
  if (current) written = (cubn_grid_operand){current->offset, &current->coef};
  if (next) summed = (cubn_grid_operand){next->offset, &next->coef};
  /* The last block may be narrower than the one before. */
  if (current && next && current->width == next->width) {
    grid.width = next->width;
    cubn_grid_sum_and_write(call, grid, summed, sums, CUBN_BLOCK_COLUMNS_PADDED, written,
                            nontemporal);
    return;
  }
  if (current) {
    grid.width = current->width;
    cubn_grid_write(call, grid, written, nontemporal);
  }
  if (next) {
    grid.width = next->width;
    cubn_grid_sum(call, grid, summed, sums, CUBN_BLOCK_COLUMNS_PADDED);
  }
}

/* Writes the output of a block with channels that need double. */
static void write_mixed_block(const cubn_call *call, const block *block) {
  const cubn_grid grid = {.rows = call->problem->n,
                          .width = block->width,
                          .stride = call->problem->c * call->problem->s};
  const cubn_grid_operand written = {block->offset, &block->coef};
  cubn_grid_write_mixed(call, grid, written, &block->channels);
}

/* Backward: computes statistics in a pass of their own, after which the block is in the caches. */
static void find_moments(const cubn_call *call, block *block, double *sums) {
  const cubn_call moments = cubn_call_of_moments(call);
  const cubn_pattern pattern = {call->problem->s, 1};
  cubn_grid_set_sum_coef(&moments, &block->channels, pattern, &block->coef);
  clear_sums(&moments, block, sums);
  step(&moments, NULL, block, sums);
  fold_and_sum_again(&moments, sums, block);
  cubn_fast_finish_moments(call, &block->channels);
  set_coef(call, block);
}

/* Divides the memory of a worker (CUBN_WORKER_BYTES); returns what is left, for sums. */
static double *place_blocks(const cubn_call *call, int64_t worker, block blocks[2]) {
  double *memory =
      (double *)(void *)(call->device->worker_scratch + worker * (int64_t)CUBN_WORKER_BYTES);
  for (int i = 0; i < 2; ++i) {
    cubn_grid_place(&blocks[i].coef, memory, CUBN_BLOCK_COLUMNS_PADDED);
    memory += CUBN_GRID_ARRAYS * CUBN_BLOCK_COLUMNS_PADDED;
    cubn_channels_place(&blocks[i].channels, memory, CUBN_BLOCK_COLUMNS_PADDED);
    memory += CUBN_CHANNEL_ARRAYS * CUBN_BLOCK_COLUMNS_PADDED;
  }
  return memory;
}

static void prefetch(const void *array, int64_t offset, int64_t bytes) {
  const char *const from = (const char *)array + offset;
  for (int64_t i = 0; array && i < bytes; i += CUBN_LINE_BYTES) __builtin_prefetch(from + i, 0, 2);
}

/* Prefetches the first rows of a block of single columns: of few rows they are most of it, and
 * kernels prefetch the others only. */
static void prefetch_rows(const cubn_call *call, int64_t first, int64_t count) {
  const cubn_problem *problem = call->problem;
  const int64_t bytes = call->element_bytes;
  for (int64_t r = 0; r < cubn_min(problem->n, PREFETCHED_ROWS); ++r) {
    const int64_t offset = (r * problem->c + first) * bytes;
    prefetch(call->args->x, offset, count * bytes);
    if (call->sums == 3) prefetch(call->args->dy, offset, count * bytes);
    if (problem->adds && !call->sums) prefetch(call->args->z, offset, count * bytes);
  }
}

/* Prefetches the parameters of a block, if there is one: each array would begin with misses. */
static void prefetch_parameters(const blocks_work *work, int64_t index) {
  const cubn_call *call = work->call;
  const cubn_args *args = call->args;
  const int64_t bytes = cubn_is_single(call->param_type) ? sizeof(float) : sizeof(double);
  const int64_t first = index * work->block_channels;
  const int64_t count = cubn_min(work->block_channels, call->problem->c - first);
  const void *const arrays[] = {
      args->scale,         args->bias,         args->mean,        args->var,    args->saved_mean,
      args->saved_inv_std, args->running_mean, args->running_var, args->dscale, args->dbias};
  for (size_t k = 0; k < sizeof arrays / sizeof *arrays; ++k)
    prefetch(arrays[k], first * bytes, count * bytes);
  if (work->accepts_usual && call->prefetches) prefetch_rows(call, first, count);
}

static void blocks_task(void *context, int64_t worker, cubn_items *items) {
  const blocks_work *work = context;
  cubn_call own;
  const cubn_call *call = cubn_call_of_worker(work->call, worker, &own);
  block blocks[2], *next = NULL;
  double *const scratch = place_blocks(call, worker, blocks), *sums = scratch;
  do {
    const block *current = next;
    int64_t index, end;
    next = !cubn_claim(items, &index, &end) ? NULL : next == blocks ? blocks + 1 : blocks;
    if (next) begin_block(work, index, next);
    if (next) sums = sums_of(call, next, scratch);
    if (next) prefetch_parameters(work, index + call->threads);
    if (next && cubn_begins_with_moments(call)) find_moments(call, next, sums);
    if (!call->writes) current = NULL;
    if (current && current->channels.any_exceptional) {
      write_mixed_block(call, current);
      current = NULL;
    }
    if (next && call->sums) clear_sums(call, next, sums);
    step(call, current, call->sums ? next : NULL, sums);
    if (next && call->sums) finish_block(call, sums, next);
  } while (next);
  if (call->nontemporal) call->kernels->fence();
}

void cubn_grid_run_blocks(const cubn_call *call) {
  blocks_work work = {call, choose_block(call), cubn_usual_accepts(call)};
  const int64_t blocks = cubn_divide_up(call->problem->c, work.block_channels);
  cubn_share(call->device, call->threads, blocks, 1, blocks_task, &work);
}
