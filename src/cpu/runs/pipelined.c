/* pipelined: packed [n][c][s] with long runs. x is read from memory once: a block of channels stays
 * in the caches between its sums and its output. While the output of one block is written, the sums
 * of the next are formed, so that memory is read and written at the same time.
 *
 * If there are channels enough, each thread has channels of its own and waits for nobody. Otherwise
 * all threads share the chunks of a block. Both add the same sums in the same order. */
#include "core/check.h"
#include "core/refusal.h"
#include "cpu/common/algos.h"
#include "cpu/runs/chunks.h"

/* Neighbouring values of a block in one image: long stretches are read faster. */
enum { BLOCK_BYTES = 12000 };
/* Blocks per thread, so that work is shared evenly. */
enum { BLOCKS_PER_THREAD = 2 };
/* Values of a channel for each thread that are worth the wait for the others. */
enum { SHARED_VALUES = 1 << 17 };

typedef struct pipeline {
  cubn_call call;
  cubn_run_partition partition;
  int64_t block_channels, blocks;
  /* When threads share the chunks of a block: */
  cubn_block *current, *next;
  cubn_chunk_sums *sums; /* [chunks] */
} pipeline;

static cubn_refusal reject(const cubn_device *device, const cubn_problem *problem) {
  if (problem->layout != CUBN_LAYOUT_ROWS) return cubn_refuse_layout(problem);
  if (!cubn_has_long_runs(problem)) return cubn_refuse_runs(problem);
  return cubn_fast_reject(device, problem);
}

/* Whether what a channel's sums have read would leave the last cache before its output is written, if
 * each thread had two channels in flight, while all threads together have work enough in one. */
static bool is_too_large_for_each(const cubn_call *call) {
  const int64_t tensors = call->problem->pass == CUBN_PASS_BACKWARD ? 2 : 1;
  const int64_t values = cubn_count(call->problem), bytes = tensors * call->element_bytes * values;
  return values >= call->threads * SHARED_VALUES &&
         2 * call->threads * bytes > call->device->machine.llc_bytes / 4;
}

/* Whether every thread can have channels of its own. */
static bool has_channels_for_all(const cubn_call *call) {
  const int64_t share = (call->problem->c + call->threads - 1) / call->threads;
  if (call->threads == 1) return true;
  return share * call->threads * 10 <= call->problem->c * 11 && !is_too_large_for_each(call);
}

/* How many channels a block has. Results do not depend on it. */
static int64_t choose_block(const cubn_call *call) {
  const cubn_problem *problem = call->problem;
  const bool backward = problem->pass == CUBN_PASS_BACKWARD;
  const int64_t run_bytes = problem->s * call->element_bytes;
  /* Two blocks in flight per thread, of x or of x and dy, in half of the last cache. */
  const int64_t room = call->device->machine.llc_bytes / 2 / call->threads / (backward ? 4 : 2) /
                       (run_bytes * problem->n);
  int64_t channels = 1;
  while (channels < CUBN_BLOCK_CHANNELS_MAX && channels * run_bytes < BLOCK_BYTES &&
         2 * channels <= room && 2 * channels * call->threads * BLOCKS_PER_THREAD <= problem->c)
    channels *= 2;
  return channels;
}

static void begin_block(const pipeline *line, int64_t index, cubn_block *block) {
  const int64_t first = index * line->block_channels, left = line->call.problem->c - first;
  cubn_channels_place(&block->channels, block->memory, CUBN_BLOCK_CHANNELS_MAX);
  cubn_fast_begin(&line->call, first, left < line->block_channels ? left : line->block_channels,
                  &block->channels);
}

/* Statistics in backward: a pass of their own over the block, which then is in the cache. */
static bool begins_with_moments(const pipeline *line) {
  return line->call.needs.moments && line->call.problem->pass == CUBN_PASS_BACKWARD;
}

static void add_sums(const cubn_call *call, const cubn_chunk_sums *from, cubn_block *to) {
  for (int k = 0; k < call->sums; ++k)
    for (int64_t j = 0; j < to->channels.count; ++j) to->channels.sums[k][j] += from->of[k][j];
}

static void clear_sums(cubn_block *block) {
  for (int k = 0; k < CUBN_RUN_SUMS_MAX; ++k)
    for (int64_t j = 0; j < block->channels.count; ++j) block->channels.sums[k][j] = 0;
}

static void own_moments(const pipeline *line, cubn_block *block) {
  const cubn_call call = cubn_call_of_moments(&line->call);
  clear_sums(block);
  for (int64_t chunk = 0; chunk < line->partition.chunks; ++chunk) {
    cubn_chunk_sums sums;
    cubn_block_step(&call, &line->partition, chunk, NULL, block, &sums);
    add_sums(&call, &sums, block);
  }
  cubn_fast_finish_moments(&line->call, &block->channels);
}

/* The blocks first .. end - 1, by one thread. */
static void own_blocks_task(void *context, int64_t worker, int64_t first, int64_t end) {
  const pipeline *line = context;
  cubn_block blocks[2];
  (void)worker;
  for (int64_t index = first; index <= end; ++index) {
    cubn_block *const next = index < end ? &blocks[index % 2] : NULL;
    const cubn_block *const written = index > first ? &blocks[(index + 1) % 2] : NULL;
    const cubn_block *const current = line->call.writes ? written : NULL;
    if (next) {
      begin_block(line, index, next);
      if (begins_with_moments(line)) own_moments(line, next);
      clear_sums(next);
    }
    cubn_block *const summed = line->call.sums ? next : NULL;
    for (int64_t chunk = 0; chunk < line->partition.chunks && (current || summed); ++chunk) {
      cubn_chunk_sums sums;
      cubn_block_step(&line->call, &line->partition, chunk, current, summed, &sums);
      if (summed) add_sums(&line->call, &sums, summed);
    }
    if (next) cubn_fast_finish(&line->call, &next->channels);
  }
  if (line->call.nontemporal) line->call.kernels->fence();
}

static void shared_chunks_task(void *context, int64_t worker, int64_t first, int64_t end) {
  const pipeline *line = context;
  (void)worker;
  for (int64_t chunk = first; chunk < end; ++chunk)
    cubn_block_step(&line->call, &line->partition, chunk, line->current, line->next,
                    &line->sums[chunk]);
  if (line->call.nontemporal) line->call.kernels->fence();
}

/* Output of the current block, and sums of the next. */
static void share_chunks(pipeline *line) {
  if (!line->current && !line->next) return;
  cubn_for_ranges(line->call.threads, line->partition.chunks, shared_chunks_task, line);
  if (!line->next) return;
  clear_sums(line->next);
  for (int64_t chunk = 0; chunk < line->partition.chunks; ++chunk)
    add_sums(&line->call, &line->sums[chunk], line->next);
}

static void share_moments(const pipeline *line, cubn_block *block) {
  pipeline moments = *line;
  moments.call = cubn_call_of_moments(&line->call);
  moments.current = NULL;
  moments.next = block;
  share_chunks(&moments);
  cubn_fast_finish_moments(&line->call, &block->channels);
}

static void run_shared(pipeline *line) {
  cubn_block *const blocks = line->call.args->workspace;
  line->sums = (cubn_chunk_sums *)(blocks + 2);
  for (int64_t index = 0; index <= line->blocks; ++index) {
    cubn_block *const next = index < line->blocks ? &blocks[index % 2] : NULL;
    if (next) begin_block(line, index, next);
    if (next && begins_with_moments(line)) share_moments(line, next);
    line->current = index > 0 && line->call.writes ? &blocks[(index + 1) % 2] : NULL;
    line->next = line->call.sums ? next : NULL;
    share_chunks(line);
    if (next) cubn_fast_finish(&line->call, &next->channels);
  }
}

static size_t workspace_bytes(const cubn_device *device, const cubn_problem *problem) {
  (void)device;
  return 2 * sizeof(cubn_block) +
         (size_t)cubn_partition_runs(problem).chunks * sizeof(cubn_chunk_sums);
}

static cubnStatus_t run(cubn_device *device, const cubn_problem *problem, const cubn_args *args) {
  pipeline line = {.call = cubn_call_begin(device, problem, args),
                   .partition = cubn_partition_runs(problem)};
  const bool alone = has_channels_for_all(&line.call);
  if (!alone && args->workspace_bytes < workspace_bytes(device, problem))
    return cubn_fail(CUBN_STATUS_INTERNAL_ERROR, __func__, "workspace has %zu bytes, needs %zu",
                     args->workspace_bytes, workspace_bytes(device, problem));
  line.block_channels = alone ? choose_block(&line.call) : 1;
  line.blocks = (problem->c + line.block_channels - 1) / line.block_channels;
  if (alone)
    cubn_for_ranges(line.call.threads, line.blocks, own_blocks_task, &line);
  else
    run_shared(&line);
  return CUBN_STATUS_SUCCESS;
}

const cubn_algo cubn_cpu_pipelined = {"pipelined", reject, workspace_bytes, run};
