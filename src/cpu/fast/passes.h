/* What every pass does with channels before and after its sums. */
#ifndef CUBN_CPU_FAST_PASSES_H
#define CUBN_CPU_FAST_PASSES_H

#include "cpu/fast/channels.h"

/* Begins with channels first .. first + count - 1: loads pivots or given statistics, and completes
 * the coefficients if these do not wait for sums. */
void cubn_fast_begin(const cubn_call *call, int64_t first, int64_t count, cubn_channels *channels);

/* Makes all channels ordinary ones: nothing is prescaled, nothing is exceptional. */
void cubn_fast_clear(const cubn_call *call, cubn_channels *channels);

/* Backward, when the sums of the statistics are known: sets what given statistics would have
 * set. */
void cubn_fast_finish_moments(const cubn_call *call, cubn_channels *channels);

/* The sums are known: writes what follows from them (saved and running statistics; dscale and
 * dbias) and completes the coefficients. */
void cubn_fast_finish(const cubn_call *call, cubn_channels *channels);

/* ---- forward.c: training and inference */
void cubn_fast_begin_inference(const cubn_call *call, cubn_channels *channels);
void cubn_fast_finish_training(const cubn_call *call, cubn_channels *channels);
/* Writes saved, reserved and running statistics, from mean, mean_low, var and inv_std. Changes
 * var. */
void cubn_fast_keep_statistics(const cubn_call *call, cubn_channels *channels);

/* ---- backward.c: statistics are given, or cubn_fast_finish_moments comes first */
void cubn_fast_begin_backward(const cubn_call *call, cubn_channels *channels);
void cubn_fast_finish_backward(const cubn_call *call, cubn_channels *channels);
/* Writes dscale, which is given, and dbias, the first of the sums. */
void cubn_fast_keep_gradients(const cubn_call *call, const cubn_channels *channels,
                              const double *dscale);

#endif /* CUBN_CPU_FAST_PASSES_H */
