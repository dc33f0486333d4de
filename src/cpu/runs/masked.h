/* Runs with padding whose elements the kernels take where they are, by bits. A block's sums and
 * output follow the shape of memory, while everything about channels counts valid elements only:
 * pivots, statistics, channels that need double. */
#ifndef CUBN_CPU_RUNS_MASKED_H
#define CUBN_CPU_RUNS_MASKED_H

#include "cpu/kernels/masked.h"
#include "cpu/runs/chunks.h"

/* What the elements with padding are like. */
typedef struct cubn_masking {
  const cubn_masked_kernels *kernels;
  cubn_problem problem;   /* [n][c][s], padding included */
  const uint64_t *words;  /* of the first image, as its run or the runs of a block have them */
  int64_t image_words;    /* from image to image */
  int64_t block_channels; /* whose runs are columns of one grid; 0: runs are by themselves */
} cubn_masking;

/* ---- masking.c */
/* Begins a call of scattered elements, with `masking` for its shape; false if kernels cannot take
 * them where they are. */
bool cubn_masking_begin(cubn_call *call, cubn_masking *masking);

/* Valid elements of a channel before this position of an image: a multiple of 64, or the end. */
int64_t cubn_masked_valid_before(const cubn_call *call, int64_t image, int64_t position);

/* Adds up the columns of one channel, in eight sums. */
double cubn_masked_add_columns(const double *columns, int64_t count);

/* ---- masked.c */
/* cubn_chunk_step of such a call. */
void cubn_masked_chunk_step(const cubn_call *call, const cubn_run_partition *partition,
                            int64_t chunk, const cubn_block *current, const cubn_block *next,
                            cubn_chunk_sums *sums);

#endif /* CUBN_CPU_RUNS_MASKED_H */
