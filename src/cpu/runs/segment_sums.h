/* What segment.c and segment_fused.c share. */
#ifndef CUBN_CPU_RUNS_SEGMENT_SUMS_H
#define CUBN_CPU_RUNS_SEGMENT_SUMS_H

#include "cpu/runs/segment.h"

/* Values of a tile, where sums and output alternate tile by tile: as many as kernels sum before the
 * sums go to doubles, or a multiple of them. */
#define CUBN_SEGMENT_TILE (28 * 64)

/* The values that are written. */
static inline cubn_patch cubn_segment_values(const cubn_segment *segment) {
  return (cubn_patch){segment->current, segment->runs, segment->stride, segment->count, 1};
}

/* Adds values first .. first + count - 1 to the lanes of the next block's sums, and computes `out`
 * at the same time unless it is NULL. */
void cubn_segment_sums(const cubn_call *call, const cubn_block *next, const cubn_segment *segment,
                       int64_t first, int64_t count, double *lanes, const cubn_run_output *out);

/* A step of a call with an epilogue. */
void cubn_segment_step_fused(const cubn_call *call, const cubn_block *current,
                             const cubn_block *next, const cubn_segment *segment, double *lanes);

#endif /* CUBN_CPU_RUNS_SEGMENT_SUMS_H */
