/* Chunks of long runs, packed [n][c][s] where s is large: how the values of a channel are divided,
 * and one step over a chunk. */
#ifndef CUBN_CPU_RUNS_CHUNKS_H
#define CUBN_CPU_RUNS_CHUNKS_H

#include "cpu/runs/block.h"

/* How the values of each channel are divided, a function of the problem alone. A chunk is some
 * whole runs, or a part of one run. Sums of a chunk are formed by themselves, and added in
 * order. */
typedef struct cubn_run_partition {
  int64_t runs;         /* runs of a chunk; 1 if runs are divided */
  int64_t run_chunks;   /* chunks of a run; 1 if chunks have whole runs */
  int64_t chunk_values; /* values of a run in a chunk; the last chunk of a run may have fewer */
  int64_t chunks;       /* chunks of a channel */
} cubn_run_partition;

cubn_run_partition cubn_partition_runs(const cubn_problem *problem);

/* Sums of one chunk of a block's channels. */
typedef struct cubn_chunk_sums {
  double values[CUBN_RUN_SUMS_MAX][CUBN_BLOCK_CHANNELS_MAX];
} cubn_chunk_sums;

/* Processes one chunk: writes the output of `current` and forms the sums of `next`, interleaved so
 * that memory is read and written at the same time. Either may be NULL. */
void cubn_chunk_step(const cubn_call *call, const cubn_run_partition *partition, int64_t chunk,
                     const cubn_block *current, const cubn_block *next, cubn_chunk_sums *sums);

#endif /* CUBN_CPU_RUNS_CHUNKS_H */
