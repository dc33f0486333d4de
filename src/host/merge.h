/* The statistics and sums of all ranks, from their blocks, in the order of the ranks. */
#ifndef CUBN_HOST_MERGE_H
#define CUBN_HOST_MERGE_H

#include <stddef.h>
#include <stdint.h>

/* Blocks as cubn_gather receives them: after the cubn_share of each, arrays of one value per
 * channel. */
typedef struct cubn_blocks {
  const double *first;
  int count;
  size_t words; /* of a block */
  int64_t channels;
} cubn_blocks;

/* Statistics of a channel of all ranks; its mean is pivot + mean, which no rounding has touched. */
typedef struct cubn_moments {
  double count, pivot, mean, m2;
} cubn_moments;

/* Values per channel of all ranks. */
double cubn_merge_counts(const cubn_blocks *blocks);

/* The arrays are means, what rounding took from them, and sums of squared deviations M2. */
cubn_moments cubn_merge_moments(const cubn_blocks *blocks, int64_t channel);

/* The sum over the ranks of the array'th array. */
double cubn_merge_sum(const cubn_blocks *blocks, int array, int64_t channel);

#endif /* CUBN_HOST_MERGE_H */
