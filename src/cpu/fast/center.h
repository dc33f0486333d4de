/* Pivots of sums and centers of values: which channels are computed without centering. */
#ifndef CUBN_CPU_FAST_CENTER_H
#define CUBN_CPU_FAST_CENTER_H

#include "cpu/fast/channels.h"

/* Sets the pivots for the sums of backward, the center or 0, and the prescales. */
void cubn_fast_set_pivots(const cubn_call *call, cubn_channels *channels);

/* Moves work from values to channels: changes their coefficients for output, with the same y or dx,
 * and marks channels that need double or whose outputs are NaN. */
void cubn_fast_fold(const cubn_call *call, cubn_channels *channels);

/* Turns the sums of backward into those of dy, dy * x_hat and x - center. */
void cubn_fast_unfold_sums(const cubn_call *call, cubn_channels *channels);

#endif /* CUBN_CPU_FAST_CENTER_H */
