/* Valid elements in short spans of [n][c][s]: bits say which they are, and kernels copy those of a
 * row to a stage, one after the other, and back. */
#ifndef CUBN_CPU_FAST_SCATTERED_H
#define CUBN_CPU_FAST_SCATTERED_H

#include "cpu/fast/transfer.h"

/* Sets the bits of a problem in rows, in the memory of its list; false if there are too many. */
bool cubn_find_bits(const cubn_problem *problem, const void *validity, cubn_spans *spans);

/* How many spans the bits have. */
int64_t cubn_count_spans(const cubn_bits *bits);

/* The offset in memory of the element at a place. */
int64_t cubn_scattered_offset(const cubn_spans *spans, int64_t place);

/* Copies `width` elements from a place on to the stage, or back. What is not valid after each of
 * the latter, and before the first of a channel, is cleared then, unless it is kept. */
void cubn_copy_scattered(const cubn_transfer *transfer, int64_t place, int64_t width, char *stage);

/* The bits of `count` samples, at most 64, from `sample` on. */
uint64_t cubn_bits_of_samples(const cubn_problem *problem, const void *validity, int64_t sample,
                              int64_t count);

#endif /* CUBN_CPU_FAST_SCATTERED_H */
