/* What is worked on at a time of long runs: values of one channel that are summed, and as many of
 * another one whose output is written. */
#ifndef CUBN_CPU_SEGMENT_H
#define CUBN_CPU_SEGMENT_H

#include "cpu/runs/chunks.h"

/* `count` neighbouring values, or as many of each of CUBN_INTERLEAVE runs that are `stride` apart:
 * memory is faster in several places at once. Offsets of the first values. */
typedef struct cubn_segment {
  int64_t current, next; /* of the output, and of what is summed */
  int64_t count, runs, stride;
  int64_t channel;           /* within the blocks */
  int64_t begin;             /* within the run */
  int64_t prefetch_distance; /* from the next block's values to those that are fetched, or 0 */
} cubn_segment;

/* Either block may be NULL. Adds to the lanes of the next block's sums. */
void cubn_segment_step(const cubn_call *call, const cubn_block *current, const cubn_block *next,
                       const cubn_segment *at, double *lanes);

#endif /* CUBN_CPU_SEGMENT_H */
