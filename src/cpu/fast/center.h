/* Pivots of sums and centers of values: which channels are computed without centering. */
#ifndef CUBN_CPU_FAST_CENTER_H
#define CUBN_CPU_FAST_CENTER_H

#include "cpu/fast/channels.h"

/* Sets the pivots for the sums of backward, the center or 0, and the prescales. */
void cubn_fast_set_pivots(const cubn_call *call, cubn_channels *channels);

/* Moves work from values to channel i: changes its coefficients for output, with the same y or
 * dx. */
void cubn_fast_fold(const cubn_call *call, cubn_channels *channels, int64_t i);

/* Turns the sums of backward of channel i into those of dy, dy * x_hat and x - center. */
void cubn_fast_unfold_sums(const cubn_call *call, cubn_channels *channels, int64_t i);

#endif /* CUBN_CPU_FAST_CENTER_H */
