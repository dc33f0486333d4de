/* Whether NaN or infinity are among the values of a channel. */
#ifndef CUBN_CPU_FAST_NONFINITE_H
#define CUBN_CPU_FAST_NONFINITE_H

#include "cpu/fast/channels.h"

/* Looks for them in an array of the shape of x, for those channels i with seen[i] = 0, and sets
 * seen[i] to 1 where it finds one. It reads no more than it needs to know. */
void cubn_fast_find_nonfinite(const cubn_call *call, const cubn_channels *channels,
                              const void *array, double *seen);

#endif /* CUBN_CPU_FAST_NONFINITE_H */
