#include "host/merge.h"

#include <string.h>

#include "host/communicator.h"

static double count_of(const cubn_blocks *blocks, int rank) {
  cubn_share share;
  memcpy(&share, blocks->first + (size_t)rank * blocks->words, sizeof share);
  return share.count;
}

static double value_of(const cubn_blocks *blocks, int rank, int array, int64_t channel) {
  return blocks->first[(size_t)rank * blocks->words + CUBN_SHARE_WORDS +
                       (size_t)(array * blocks->channels + channel)];
}

double cubn_merge_counts(const cubn_blocks *blocks) {
  double sum = 0;
  for (int r = 0; r < blocks->count; ++r) sum += count_of(blocks, r);
  return sum;
}

/* Means are taken relative to that of the first rank with values: the differences are small where
 * the means are large, and so are the errors of their sums. */
cubn_moments cubn_merge_moments(const cubn_blocks *blocks, int64_t channel) {
  cubn_moments all = {0};
  for (int r = 0; r < blocks->count; ++r) {
    const double count = count_of(blocks, r);
    if (count == 0) continue;
    const double mean = value_of(blocks, r, 0, channel), low = value_of(blocks, r, 1, channel);
    if (all.count == 0) all.pivot = mean;
    const double delta = ((mean - all.pivot) + low) - all.mean;
    const double before = all.count, weight = count / (before + count);
    all.count += count;
    all.mean += weight * delta;
    all.m2 += value_of(blocks, r, 2, channel) + before * weight * delta * delta;
  }
  return all;
}

double cubn_merge_sum(const cubn_blocks *blocks, int array, int64_t channel) {
  double sum = 0;
  for (int r = 0; r < blocks->count; ++r) sum += value_of(blocks, r, array, channel);
  return sum;
}
