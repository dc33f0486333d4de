/* Rows in parts, such as those of crops and padded rows: neighbors, and then a gap. */
#ifndef CUBN_CPU_FAST_PARTS_H
#define CUBN_CPU_FAST_PARTS_H

#include "cpu/fast/window.h"

/* Writes the output of one run or of CUBN_INTERLEAVE runs whose rows are in parts that begin at the
 * same values of all. If they are not, nothing is written, and it returns false. The lines so many
 * places further on are prefetched; 0: those that follow. */
bool cubn_write_parts(const cubn_call *call, const cubn_window *runs, const cubn_coefficients *coef,
                      int64_t ahead);

/* Adds the sums of such runs; false if they are not in parts, or the parts not at one distance. */
bool cubn_sum_parts(const cubn_call *call, const cubn_window *runs, const cubn_coefficients *coef,
                    int64_t ahead, double *sums);

#endif /* CUBN_CPU_FAST_PARTS_H */
