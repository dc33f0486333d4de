/* Whether NaN or infinity are among the values of a channel. */
#ifndef CUBN_CPU_FAST_NONFINITE_H
#define CUBN_CPU_FAST_NONFINITE_H

#include "cpu/fast/channels.h"

/* Looks for them in x or dy, for those channels i with seen[i] = 0, and sets
 * seen[i] to 1 where it finds one. It reads no more than it needs to know. */
void cubn_fast_find_nonfinite(const cubn_call *call, const cubn_channels *channels,
                              cubn_array array, double *seen);

#endif /* CUBN_CPU_FAST_NONFINITE_H */
