/* Pivots and prescales of sums: what they are at first, and what they become if the sums are of no
 * use. */
#ifndef CUBN_CPU_FAST_PIVOTS_H
#define CUBN_CPU_FAST_PIVOTS_H

#include "cpu/fast/channels.h"

/* Sets the pivots and prescales for the sums of the statistics, from a few values of each
 * channel. */
void cubn_fast_load_pivots(const cubn_call *call, cubn_channels *channels);

/* Looks at the sums of all channels. Those that overflowed, vanished, or lost digits because the
 * pivot was far from the mean, get another pivot or prescale: their sums have to be formed again.
 * So do those that NaN or infinity may have come into by overflow. Sets `again` to a part of the
 * channels with all of these; the sums of others in it come out as before. False if there are
 * none. */
bool cubn_fast_sum_again(const cubn_call *call, cubn_channels *channels, cubn_channels *again);

/* A prescale that gives differences of this size about the size 1, if that is needed at all; else
 * 1. The pivot stays in the range of reals. */
double cubn_fast_get_prescale(const cubn_call *call, double size, double pivot);

#endif /* CUBN_CPU_FAST_PIVOTS_H */
