/* Channels of which none is an exception, in one loop per step: where channels have few values, the
 * arrays between the loops of forward.c, backward.c and center.c take longer than the values. The
 * operations are theirs, and so are the bits. Parameters are float, columns are channels. */
#ifndef CUBN_CPU_FAST_USUAL_H
#define CUBN_CPU_FAST_USUAL_H

#include "cpu/fast/channels.h"

/* Whether channels of this call can be computed so: packed, plain, with all that is usually
 * given. */
bool cubn_usual_accepts(const cubn_call *call);

/* In place of cubn_fast_begin, for first and count of the channels: sets the coefficients of the
 * sums, in inference those of the output. False if some channel is an exception. */
bool cubn_usual_begin(const cubn_call *call, cubn_channels *channels, cubn_grid_coefficients *coef);

/* In place of cubn_fast_finish, when the sums are known: also sets the coefficients of the output.
 * False if some channel is an exception; nothing is written then, and the channels are as
 * cubn_fast_begin had left them, but for the sums, which are known. */
bool cubn_usual_finish(const cubn_call *call, cubn_channels *channels,
                       cubn_grid_coefficients *coef);

#endif /* CUBN_CPU_FAST_USUAL_H */
