/* Outputs of channels with NaN coefficients. Where two NaN meet, kernels keep one or the other, and
 * the threads may decide which kernel it is; here all of them become the one that C calls NAN. */
#ifndef CUBN_CPU_FAST_SETTLE_H
#define CUBN_CPU_FAST_SETTLE_H

#include "cpu/fast/call.h"

/* Columns at a time. */
#define CUBN_SETTLE_COLUMNS 512

/* Finishes a patch of a channel with is_nan: y or dx, dz, and the pre-activation in the reserve
 * space. Kernels must have written it if there is an epilogue. */
void cubn_settle_output(const cubn_call *call, cubn_patch values);

/* The same for a patch of at most CUBN_SETTLE_COLUMNS columns: for those that are marked, or
 * for all if `marks` is NULL. */
void cubn_settle_columns(const cubn_call *call, cubn_patch values, const bool *marks);

#endif /* CUBN_CPU_FAST_SETTLE_H */
