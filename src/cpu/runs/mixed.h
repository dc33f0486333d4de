/* Long runs of x where values of a channel are apart in other tensors, as if x were NCHW and dy
 * NHWC: panels of these, two cache lines of channels wide, are transposed on the stage of the
 * worker. */
#ifndef CUBN_CPU_RUNS_MIXED_H
#define CUBN_CPU_RUNS_MIXED_H

#include "cpu/runs/segment.h"

/* Values of all channels of a block in some runs. Channel j has those that `current` and `next` say
 * for channel 0, j runs further on. */
typedef struct cubn_mixed_step {
  const cubn_block *current, *next; /* what is written, and what is summed; either may be NULL */
  cubn_segment segment;             /* of channel 0 */
  double *lanes;                    /* the sums of channel 0 */
  int64_t lanes_stride;             /* from the sums of a channel to those of the next */
} cubn_mixed_step;

void cubn_step_mixed(const cubn_call *call, const cubn_mixed_step *step);

#endif /* CUBN_CPU_RUNS_MIXED_H */
