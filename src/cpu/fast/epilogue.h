/* Epilogues of the fast algorithms: rows of values for the fused kernels, and the bits of decisions
 * between these and the mask. */
#ifndef CUBN_CPU_FAST_EPILOGUE_H
#define CUBN_CPU_FAST_EPILOGUE_H

#include "cpu/fast/call.h"

/* Values that one call of a kernel may process in a row. */
#define CUBN_EPILOGUE_WIDTH_MAX 32768

/* Sets the epilogue of a call that has one. */
void cubn_epilogue_begin(cubn_call *call);

/* Values until the output is at the beginning of a cache line; 0 without non-temporal stores. */
int64_t cubn_values_before_alignment(const cubn_call *call, int64_t offset);

/* The functions below process the values from `offset` on that a `shape` describes: its rows,
 * width, stride, coefficients (coef or columns), nontemporal and prefetch pointers. */

/* Computes and writes the output. A single run with non-temporal stores may begin anywhere; several
 * rows all begin where store_bytes divides the address. */
void cubn_epilogue_output(const cubn_call *call, const cubn_fused *shape, int64_t offset);

/* Adds to the sums of backward: per lane for one run or CUBN_INTERLEAVE runs, else per column. */
void cubn_epilogue_sums(const cubn_call *call, const cubn_fused *shape, int64_t offset,
                        double *sums, int64_t sum_stride);

/* Forms the sums of rows while the output of as many others is computed, in one loop. Returns
 * false, and does nothing, if the kernels have no loop for this operation, or if its bits are not
 * as it needs them. */
bool cubn_epilogue_sum_and_output(const cubn_call *call, const cubn_fused *summed,
                                  int64_t sum_offset, double *sums, const cubn_fused *written,
                                  int64_t output_offset);

#endif /* CUBN_CPU_FAST_EPILOGUE_H */
