/* Segments: what one kernel call handles of long runs. It forms the sums of some values of one
 * channel and writes the output of as many values of another one. */
#ifndef CUBN_CPU_RUNS_SEGMENT_H
#define CUBN_CPU_RUNS_SEGMENT_H

#include "cpu/runs/block.h"

/* Consecutive values of one run, or as many of each of CUBN_INTERLEAVE runs. */
typedef struct cubn_segment {
  int64_t current;           /* offset of the first value whose output is written */
  int64_t next;              /* offset of the first value that is summed */
  int64_t count;             /* values of each run */
  int64_t runs, stride;      /* the runs, and the distance from one to the next */
  int64_t channel;           /* number of the channel in its block */
  int64_t begin;             /* position of the first value in its run */
  int64_t prefetch_distance; /* from the values that are summed to those to prefetch, or 0 */
} cubn_segment;

/* Writes the output of a segment of the current block, and adds the sums of a segment of the next
 * block to `lanes`. Either block may be NULL. */
void cubn_segment_step(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                       const cubn_segment *segment, double *lanes);

/* The kernel's description of the output of consecutive values of one channel. */
cubn_run_output cubn_make_run_output(const cubn_call *call, int64_t offset, int64_t count,
                                     const cubn_coefficients *coef);

/* Writes the output of consecutive values of one channel. */
void cubn_write_run(const cubn_call *call, int64_t offset, int64_t count,
                    const cubn_coefficients *coef);

/* Whether one loop can write all runs: with non-temporal stores, cache lines begin at the same
 * values of all of them. Tensors that are not packed are written run by run. */
bool cubn_runs_share_alignment(const cubn_call *call, int64_t runs, int64_t stride);

/* With an epilogue: the values first .. end - 1 that are written instead of 0 .. count - 1. Where a
 * mask is written, they are shifted to whole bytes of it. */
typedef struct cubn_output_range {
  int64_t first, end;
} cubn_output_range;

/* The range for `count` values at `offset`, which begin at position `begin` of their run. */
cubn_output_range cubn_get_output_range(const cubn_call *call, int64_t offset, int64_t begin,
                                        int64_t count);

#endif /* CUBN_CPU_RUNS_SEGMENT_H */
