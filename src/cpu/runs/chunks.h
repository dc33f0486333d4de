/* Long runs: packed [n][c][s] where s is large. How a channel's values are cut into chunks, and one
 * step over a chunk, for the algorithms that work on runs. */
#ifndef CUBN_CPU_RUNS_H
#define CUBN_CPU_RUNS_H

#include "cpu/fast/call.h"
#include "cpu/fast/shapes.h"

/* Channels that are worked on side by side. */
#define CUBN_BLOCK_CHANNELS_MAX 32

/* How the values of each channel are cut, a function of the problem alone: a chunk is some whole
 * runs, or a piece of one. Sums of a chunk are formed by themselves and added in order. */
typedef struct cubn_run_partition {
  int64_t runs;   /* of a chunk */
  int64_t pieces; /* of a run; 1 if chunks have whole runs */
  int64_t piece_values;
  int64_t chunks; /* of a channel */
} cubn_run_partition;

cubn_run_partition cubn_partition_runs(const cubn_problem *problem);

/* A block of neighbouring channels, complete with memory for their numbers. */
typedef struct cubn_block {
  cubn_channels channels;
  double memory[CUBN_CHANNEL_ARRAYS * CUBN_BLOCK_CHANNELS_MAX];
} cubn_block;

/* Sums of one chunk of a block's channels. */
typedef struct cubn_chunk_sums {
  double of[CUBN_RUN_SUMS_MAX][CUBN_BLOCK_CHANNELS_MAX];
} cubn_chunk_sums;

/* Works on one chunk: computes the output of `current` and the sums of `next`, interleaved so that
 * memory is read and written at the same time. Either may be NULL. */
void cubn_block_step(const cubn_call *call, const cubn_run_partition *partition, int64_t chunk,
                     const cubn_block *current, const cubn_block *next, cubn_chunk_sums *sums);

/* The output of neighbouring values of one channel. */
cubn_run_output cubn_call_output(const cubn_call *call, int64_t offset, int64_t count,
                                 const cubn_coefficients *coef);

/* Whether lines of memory begin at the same values of all runs, if the output is streamed. */
bool cubn_lie_alike(const cubn_call *call, int64_t runs, int64_t stride);

/* Fused: which values a piece of a run writes, of `count` from `begin` on, those at `offset`. Where a
 * mask is written, pieces are shifted to whole bytes of it. Relative to begin. */
typedef struct cubn_range {
  int64_t first, end;
} cubn_range;
cubn_range cubn_epilogue_range(const cubn_call *call, int64_t offset, int64_t begin, int64_t count);

#endif /* CUBN_CPU_RUNS_H */
