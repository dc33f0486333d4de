/* Scale and bias of the channels, with those of batch renormalization, which is in effect
 *     scale * r, bias + scale * d
 * in their place, rounded to parameters. */
#ifndef CUBN_CPU_FAST_RENORMALIZE_H
#define CUBN_CPU_FAST_RENORMALIZE_H

#include "cpu/fast/channels.h"

/* Loads scale and bias, in backward those with r and d. Without bias that is 0. Overwrites slope
 * and shift. */
void cubn_fast_load_affine(const cubn_call *call, cubn_channels *channels, bool with_bias);

/* Training that renormalizes, once mean and inv_std are known: writes r and d, and changes scale
 * and bias if y is written. Overwrites slope and shift. */
void cubn_fast_renormalize(const cubn_call *call, cubn_channels *channels);

/* dscale, from the sums and what was saved; for backward from y with the sign of scale. Overwrites
 * scale, mean and var. */
const double *cubn_fast_dscale(const cubn_call *call, cubn_channels *channels);

#endif /* CUBN_CPU_FAST_RENORMALIZE_H */
