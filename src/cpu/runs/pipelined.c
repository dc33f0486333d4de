/* pipelined: packed [n][c][s] with long runs. x is read from memory once: a block of channels stays
 * in the caches between its sums and its output. While the output of one block is written, the sums
 * of the next are formed, so that memory is read and written at the same time.
 *
 * If there are enough channels, each worker has blocks of its own and waits for nobody. Otherwise
 * all workers share the chunks of a block. Both add the same sums in the same order. */
#include "core/check.h"
#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/fast/long_runs.h"
#include "cpu/fast/passes.h"
#include "cpu/fast/pivots.h"
#include "cpu/fast/squeeze.h"
#include "cpu/runs/masked.h"

/* Consecutive bytes of a block in one image; more are read faster. */
enum { BLOCK_BYTES = 12000 };
/* Blocks per thread, so that all end at about the same time; two for one thread, so that the output
 * of one is written while the next is summed. */
enum { BLOCKS_PER_THREAD = 8, BLOCKS_ALONE = 2, BLOCKS_MIXED = 4 };
/* Values of a channel for each thread that are worth the wait for the others. */
enum { SHARED_VALUES = 1 << 17 };

typedef struct pipeline {
  cubn_call call;
  cubn_run_partition partition;
  int64_t block_channels; /* channels of a block; the last block may have fewer */
  int64_t blocks;         /* number of blocks */
  cubn_block *current;    /* shared chunks: the block whose output is written, or NULL */
  cubn_block *next;       /* shared chunks: the block that is summed, or NULL */
  cubn_chunk_sums *sums;  /* shared chunks: [chunks] */
} pipeline;

/* Whether the channels are so large that workers should share them. If each worker had two in
 * flight, what the sums read would leave the LLC before the output is written; and one channel has
 * work enough for all. */
static bool are_channels_too_large(const cubn_call *call) {
  const int64_t tensors = call->problem->pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t values = cubn_count(call->problem), bytes = tensors * call->element_bytes * values;
  return values >= call->threads * SHARED_VALUES &&
         2 * call->threads * bytes > call->device->machine.llc_bytes / 4;
}

/* The step of a chunk, in packed tensors or in elements with bits. */
static void step_chunk(const pipeline *work, const cubn_call *call, int64_t chunk,
                       const cubn_block *current, const cubn_block *next, cubn_chunk_sums *sums) {
  (call->masking ? cubn_masked_chunk_step : cubn_chunk_step)(call, &work->partition, chunk, current,
                                                             next, sums);
}

/* Channels of a block where some tensor is in another order than x: two cache lines of it. */
static int64_t mixed_block(const cubn_call *call) {
  return cubn_min(2 * CUBN_LINE_BYTES / call->element_bytes, CUBN_BLOCK_CHANNELS_MAX);
}

/* Whether every thread can have channels of its own. */
static bool has_channels_for_all(const cubn_call *call) {
  if (call->spread) return call->problem->c >= call->threads * BLOCKS_MIXED * mixed_block(call);
  const int64_t per_thread = cubn_divide_up(call->problem->c, call->threads);
  if (call->threads == 1) return true;
  return per_thread * call->threads * 10 <= call->problem->c * 11 && !are_channels_too_large(call);
}

/* Channels of a block. Results do not depend on it. */
static int64_t choose_block(const cubn_call *call) {
  const cubn_problem *problem = call->masking ? &call->masking->problem : call->problem;
  if (call->masking && call->masking->block_channels > 0) return call->masking->block_channels;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const int64_t run_bytes = problem->s * call->element_bytes;
  /* Two blocks in flight per thread, of x or of x and dy, in half of the LLC. */
  const int64_t room = call->device->machine.llc_bytes / 2 / call->threads / (backward ? 4 : 2) /
                       (run_bytes * problem->n);
  const int64_t blocks = call->threads == 1 ? BLOCKS_ALONE : call->threads * BLOCKS_PER_THREAD;
  int64_t channels = 1;
  while (channels < CUBN_BLOCK_CHANNELS_MAX && channels * run_bytes < BLOCK_BYTES &&
         2 * channels <= room && 2 * channels * blocks <= problem->c)
    channels *= 2;
  return channels;
}

static void begin_block(const pipeline *work, int64_t index, cubn_block *block) {
  const int64_t first = index * work->block_channels;
  const int64_t count = cubn_min(work->block_channels, work->call.problem->c - first);
  cubn_channels_place(&block->channels, block->memory, CUBN_BLOCK_CHANNELS_MAX);
  cubn_fast_begin(&work->call, first, count, &block->channels);
}

static void add_sums(const cubn_call *call, const cubn_chunk_sums *from, cubn_block *to) {
  for (int k = 0; k < call->sums; ++k)
    for (int64_t j = 0; j < to->channels.count; ++j) to->channels.sums[k][j] += from->values[k][j];
}

static void clear_sums(cubn_block *block) {
  for (int k = 0; k < CUBN_RUN_SUMS_MAX; ++k)
    for (int64_t j = 0; j < block->channels.count; ++j) block->channels.sums[k][j] = 0;
}

/* Forms the sums of a block. */
static void sum_block(const pipeline *work, const cubn_call *call, cubn_block *block) {
  clear_sums(block);
  for (int64_t chunk = 0; chunk < work->partition.chunks; ++chunk) {
    cubn_chunk_sums sums;
    step_chunk(work, call, chunk, NULL, block, &sums);
    add_sums(call, &sums, block);
  }
}

/* Forms the sums again, as long as some channel needs them. The block is in the caches. */
static void sum_again(const pipeline *work, const cubn_call *call, cubn_block *block) {
  cubn_channels again;
  while (cubn_fast_sum_again(call, &block->channels, &again)) sum_block(work, call, block);
}

/* Backward: computes statistics in a pass of their own, after which the block is in the caches. */
static void own_moments(const pipeline *work, const cubn_call *own, cubn_block *block) {
  const cubn_call call = cubn_call_of_moments(own);
  sum_block(work, &call, block);
  sum_again(work, &call, block);
  cubn_fast_finish_moments(&work->call, &block->channels);
}

/* Processes blocks: while the output of one is written, the next one claimed is summed. */
static void own_blocks_task(void *context, int64_t worker, cubn_items *items) {
  const pipeline *work = context;
  cubn_block blocks[2], *next = NULL;
  cubn_call own;
  const cubn_call *call = cubn_call_of_worker(&work->call, worker, &own);
  do {
    const cubn_block *const current = work->call.writes ? next : NULL;
    int64_t index, end;
    next = !cubn_claim(items, &index, &end) ? NULL : next == blocks ? blocks + 1 : blocks;
    if (next) {
      begin_block(work, index, next);
      if (cubn_begins_with_moments(&work->call)) own_moments(work, call, next);
      clear_sums(next);
    }
    cubn_block *const summed = work->call.sums ? next : NULL;
    for (int64_t chunk = 0; chunk < work->partition.chunks && (current || summed); ++chunk) {
      cubn_chunk_sums sums;
      step_chunk(work, call, chunk, current, summed, &sums);
      if (summed) add_sums(&work->call, &sums, summed);
    }
    if (next) sum_again(work, call, next);
    if (next) cubn_fast_finish(&work->call, &next->channels);
  } while (next);
  if (work->call.nontemporal) work->call.kernels->fence();
}

static void shared_chunks_task(void *context, int64_t worker, cubn_items *chunks) {
  const pipeline *work = context;
  cubn_call own;
  const cubn_call *call = cubn_call_of_worker(&work->call, worker, &own);
  for (int64_t chunk, end; cubn_claim(chunks, &chunk, &end);)
    step_chunk(work, call, chunk, work->current, work->next, &work->sums[chunk]);
  if (work->call.nontemporal) work->call.kernels->fence();
}

/* Writes the output of the current block and forms the sums of the next, on all threads. */
static void share_chunks(pipeline *work) {
  if (!work->current && !work->next) return;
  cubn_share(work->call.device, work->call.threads, work->partition.chunks, 1, shared_chunks_task,
             work);
  if (!work->next) return;
  clear_sums(work->next);
  for (int64_t chunk = 0; chunk < work->partition.chunks; ++chunk)
    add_sums(&work->call, &work->sums[chunk], work->next);
}

/* Forms the sums again, on all threads, as long as some channel needs them. */
static void share_sums_again(pipeline *work, cubn_block *block) {
  cubn_channels again;
  work->current = NULL;
  work->next = block;
  while (cubn_fast_sum_again(&work->call, &block->channels, &again)) share_chunks(work);
}

/* Backward: computes statistics in a pass of their own, on all threads. */
static void share_moments(const pipeline *work, cubn_block *block) {
  pipeline moments = *work;
  moments.call = cubn_call_of_moments(&work->call);
  moments.current = NULL;
  moments.next = block;
  share_chunks(&moments);
  share_sums_again(&moments, block);
  cubn_fast_finish_moments(&work->call, &block->channels);
}

static void run_shared(pipeline *work) {
  cubn_block *const blocks = work->call.args->workspace;
  work->sums = (cubn_chunk_sums *)(blocks + 2);
  for (int64_t index = 0; index <= work->blocks; ++index) {
    cubn_block *const next = index < work->blocks ? &blocks[index % 2] : NULL;
    if (next) begin_block(work, index, next);
    if (next && cubn_begins_with_moments(&work->call)) share_moments(work, next);
    work->current = index > 0 && work->call.writes ? &blocks[(index + 1) % 2] : NULL;
    work->next = work->call.sums ? next : NULL;
    share_chunks(work);
    if (next) share_sums_again(work, next);
    if (next) cubn_fast_finish(&work->call, &next->channels);
  }
}

static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  cubn_problem packed;
  problem = cubn_packed_problem(problem, &packed);
  return 2 * sizeof(cubn_block) +
         (size_t)cubn_partition_runs(problem).chunks * sizeof(cubn_chunk_sums);
}

static cubnStatus_t run_packed(cubn_device *device, const cubn_problem *problem,
                               const cubn_args *args, const cubn_places *places) {
  pipeline work = {.call = cubn_call_begin(device, problem, args)};
  cubn_masking masking;
  cubn_call_set_places(&work.call, places);
  if (cubn_masking_begin(&work.call, &masking)) problem = &masking.problem;
  work.partition = cubn_partition_runs(problem);
  const bool has_own = has_channels_for_all(&work.call);
  if (!has_own) CUBN_TRY(cubn_check_workspace(args, workspace_bytes(device, problem), __func__));
  work.block_channels = has_own ? choose_block(&work.call) : 1;
  if (work.call.spread) work.block_channels = mixed_block(&work.call);
  work.blocks = cubn_divide_up(problem->c, work.block_channels);
  if (has_own)
    cubn_share(device, work.call.threads, work.blocks, 1, own_blocks_task, &work);
  else
    run_shared(&work);
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  return cubn_fast_run(device, problem, args, run_packed);
}

const cubn_algo cubn_cpu_pipelined = {"pipelined", cubn_long_runs_reject, workspace_bytes, run};
