/* What is fused, for the fast algorithms: their own kernels, and bits between these and the mask. */
#ifndef CUBN_CPU_FAST_FUSED_H
#define CUBN_CPU_FAST_FUSED_H

#include "cpu/fast/call.h"

/* Values that one call of a kernel may work on in a row. */
#define CUBN_FUSED_WIDTH_MAX 32768

/* Whether the call needs fused kernels. */
bool cubn_needs_epilogue(const cubn_problem *problem);

void cubn_fused_begin(cubn_call *call);

/* Values until the output lies well for streaming. */
int64_t cubn_values_before_alignment(const cubn_call *call, int64_t offset);

/* Values from `offset` on, of the shape and with the coefficients that are given in `shape`: rows,
 * width, stride, with or columns, stream, prefetch_x, prefetch_dy. A streamed row may begin anywhere; of
 * several rows, all begin where store_bytes divides the address. */
void cubn_fused_output(const cubn_call *call, const cubn_fused *shape, int64_t offset);

/* Sums of backward: by lanes for one row of one channel, or for CUBN_INTERLEAVE of them; else by
 * columns. */
void cubn_fused_sums(const cubn_call *call, const cubn_fused *shape, int64_t offset, double *sums,
                     int64_t sum_stride);

/* The same in double, value by value, for all values of the patch. See exact.h. */
void cubn_fused_exact_output(const cubn_call *call, cubn_patch values,
                             const cubn_coefficients *coef);
void cubn_fused_exact_sums(const cubn_call *call, cubn_patch values, const cubn_coefficients *coef,
                           double sums[3]);

/* The sums of rows while the output of as many others is computed, in one loop; false, and nothing is
 * done, if the kernels have none for this operation, or if its bits lie badly. */
bool cubn_fused_both(const cubn_call *call, const cubn_fused *summed, int64_t offset, double *sums,
                     const cubn_fused *written, int64_t output_offset);

#endif /* CUBN_CPU_FAST_FUSED_H */
