/* The blocks of doubles that ranks gather, and their arithmetic. Host and CUDA kernels compile the
 * same source, and compute the same bits. */
#ifndef CUBN_CORE_BLOCKS_H
#define CUBN_CORE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "core/statistics.h"

/* What the ranks do together. */
typedef enum { CUBN_ATTACH, CUBN_FORWARD, CUBN_BACKWARD } cubn_joint_call;

/* A rank's block begins with this; arrays of one value per channel follow. All but status and count
 * are those of all ranks, or the call is refused. Where status is not SUCCESS, the text of the
 * failure begins after it, and fills the block. */
typedef struct cubn_share {
  double status;
  double call;     /* a cubn_joint_call */
  double type;     /* a cubnDataType_t; 0 in CUBN_ATTACH */
  double channels; /* in CUBN_ATTACH; after that they are agreed on */
  double epsilon;  /* 0 in CUBN_ATTACH */
  double count;    /* values per channel of the rank */
  double variance; /* a cubnBatchNormVariance_t; 0 in CUBN_ATTACH, as the next one */
  double place;    /* a cubnBatchNormEpsilonPlace_t; in CUBN_ATTACH whether channels are divided */
} cubn_share;

enum {
  CUBN_SHARE_WORDS = 8,      /* doubles of a cubn_share */
  CUBN_BLOCK_WORDS_MIN = 32, /* of a block, so that a text fits */
  CUBN_FORWARD_VALUES = 3,   /* per channel: mean, what rounding took from it, M2 */
  CUBN_BACKWARD_VALUES = 2   /* sums for dscale and dbias */
};

/* Doubles of a block with so many values. */
static inline size_t cubn_block_words(size_t values) {
  const size_t words = CUBN_SHARE_WORDS + values, least = CUBN_BLOCK_WORDS_MIN;
  return words < least ? least : words;
}

/* The blocks of all ranks, in their order. Where the channels are divided among the ranks, a block
 * has those of one part, which the rank of that number merges. */
typedef struct cubn_blocks {
  const double *first;
  int count;
  size_t words;     /* of a block */
  int64_t channels; /* of a block */
  /* Once all ranks have merged their parts: these in the order of the ranks, of each as many arrays
   * of `channels` values as forward has; and the values per channel of all ranks. Else NULL. */
  const double *merged;
  double total;
} cubn_blocks;

CUBN_SHARED_CODE const double *cubn_block_of(const cubn_blocks *blocks, int rank) {
  return blocks->first + (size_t)rank * blocks->words;
}

/* What a block begins with, unless its rank refuses. */
CUBN_SHARED_CODE cubn_share cubn_read_share(const double *block) {
  cubn_share share;
  share.status = block[0];
  share.call = block[1];
  share.type = block[2];
  share.channels = block[3];
  share.epsilon = block[4];
  share.count = block[5];
  share.variance = block[6];
  share.place = block[7];
  return share;
}

CUBN_SHARED_CODE double cubn_block_value(const cubn_blocks *blocks, int rank, int array,
                                         int64_t channel) {
  return cubn_block_of(blocks, rank)[CUBN_SHARE_WORDS + array * blocks->channels + channel];
}

/* The first rank that refuses; or else the first that differs from rank 0 in what must be that of
 * all; -1 if there is none. */
CUBN_SHARED_CODE int cubn_find_fault(const cubn_blocks *blocks) {
  for (int r = 0; r < blocks->count; ++r)
    if (cubn_block_of(blocks, r)[0] != 0) return r; /* CUBN_STATUS_SUCCESS */
  const cubn_share first = cubn_read_share(blocks->first);
  for (int r = 1; r < blocks->count; ++r) {
    const cubn_share other = cubn_read_share(cubn_block_of(blocks, r));
    if (other.call != first.call || other.channels != first.channels || other.type != first.type ||
        other.epsilon != first.epsilon || other.variance != first.variance ||
        other.place != first.place)
      return r;
  }
  return -1;
}

/* ---- Arithmetic ---- */
/* A share's M2, from its biased variance and inverse deviation, both of a call with epsilon 0.
 * Where a float has left its range of full precision, the inverse deviation has not. */
CUBN_SHARED_CODE double cubn_share_m2(double count, double var, double inv_std) {
  const bool is_precise = var >= FLT_MIN && var <= FLT_MAX;
  if (!is_precise && inv_std > 0 && inv_std < FLT_MAX) var = 1 / (inv_std * inv_std);
  return count * var;
}

/* Values per channel of all ranks. */
CUBN_SHARED_CODE double cubn_merge_counts(const cubn_blocks *blocks) {
  double sum = 0;
  for (int r = 0; r < blocks->count; ++r) sum += cubn_read_share(cubn_block_of(blocks, r)).count;
  return sum;
}

/* Statistics of a channel of all ranks; its mean is pivot + mean, which no rounding has touched. */
typedef struct cubn_moments {
  double count, pivot, mean, m2;
} cubn_moments;

/* Means are taken relative to that of the first rank with values: the differences are small where
 * the means are large, and so are the errors of their sums. */
CUBN_SHARED_CODE cubn_moments cubn_merge_moments(const cubn_blocks *blocks, int64_t channel) {
  cubn_moments all = {0, 0, 0, 0};
  for (int r = 0; r < blocks->count; ++r) {
    const double count = cubn_read_share(cubn_block_of(blocks, r)).count;
    if (count == 0) continue;
    const double mean = cubn_block_value(blocks, r, 0, channel);
    const double low = cubn_block_value(blocks, r, 1, channel);
    if (all.count == 0) all.pivot = mean;
    const double delta = ((mean - all.pivot) + low) - all.mean;
    const double before = all.count, weight = count / (before + count);
    all.count += count;
    all.mean += cubn_product(weight, delta);
    all.m2 +=
        cubn_block_value(blocks, r, 2, channel) + cubn_product(before * weight * delta, delta);
  }
  return all;
}

/* The sum over the ranks of the array'th array. */
CUBN_SHARED_CODE double cubn_merge_sum(const cubn_blocks *blocks, int array, int64_t channel) {
  double sum = 0;
  for (int r = 0; r < blocks->count; ++r) sum += cubn_block_value(blocks, r, array, channel);
  return sum;
}

/* ---- Where the channels are divided ---- */
/* What the owner of a part sends to all: the channel'th value of each array at `merged`. */
CUBN_SHARED_CODE void cubn_merge_channel(const cubn_blocks *blocks, bool is_forward,
                                         int64_t channel, double *merged) {
  double *const to = merged + channel;
  if (is_forward) {
    const cubn_moments all = cubn_merge_moments(blocks, channel);
    to[0] = all.pivot;
    to[blocks->channels] = all.mean;
    to[2 * blocks->channels] = all.m2;
  } else {
    for (int a = 0; a < CUBN_BACKWARD_VALUES; ++a)
      to[a * blocks->channels] = cubn_merge_sum(blocks, a, channel);
  }
}

/* A value of what all owners have sent; channels count through all parts. */
CUBN_SHARED_CODE double cubn_merged_value(const cubn_blocks *blocks, int array, int64_t channel) {
  const int64_t owner = channel / blocks->channels;
  return blocks->merged[(owner * CUBN_FORWARD_VALUES + array) * blocks->channels +
                        channel % blocks->channels];
}

/* cubn_merge_moments, or what the channel's owner has merged: the same bits. */
CUBN_SHARED_CODE cubn_moments cubn_all_moments(const cubn_blocks *blocks, int64_t channel) {
  cubn_moments all;
  if (!blocks->merged) return cubn_merge_moments(blocks, channel);
  all.count = blocks->total;
  all.pivot = cubn_merged_value(blocks, 0, channel);
  all.mean = cubn_merged_value(blocks, 1, channel);
  all.m2 = cubn_merged_value(blocks, 2, channel);
  return all;
}

/* The same with cubn_merge_sum. */
CUBN_SHARED_CODE double cubn_all_sum(const cubn_blocks *blocks, int array, int64_t channel) {
  return blocks->merged ? cubn_merged_value(blocks, array, channel)
                        : cubn_merge_sum(blocks, array, channel);
}

/* What a channel is normalized with. The mean is one that a parameter can hold. */
typedef struct cubn_statistics {
  double mean, low, inv_std;
} cubn_statistics;

CUBN_SHARED_CODE cubn_statistics cubn_finish_statistics(const cubn_moments *all,
                                                        const cubn_normalizer *by, bool is_float) {
  const double var = all->count > 0 ? all->m2 / all->count : 0;
  const double mean = all->pivot + all->mean;
  cubn_statistics result;
  result.mean = is_float ? (double)(float)mean : mean;
  result.low = (all->pivot - result.mean) + all->mean;
  result.inv_std = cubn_limit_inv_std(is_float, cubn_inverse_deviation(by, var));
  return result;
}

/* Running statistics, which are *mean and *var before; these are not read if the factor is 1. The
 * statistics of no values leave them as they were; see cubnBatchNormForward. */
CUBN_SHARED_CODE void cubn_update_running(const cubn_moments *all, double factor, bool is_biased,
                                          double *mean, double *var) {
  const double weight = all->count > 0 ? factor : 0;
  const double divisor = is_biased || all->count <= 1 ? all->count : all->count - 1;
  double new_mean = 0, new_var = 0;
  if (weight != 0) {
    new_mean = cubn_product(weight, all->pivot + all->mean);
    new_var = cubn_product(weight, all->m2 / divisor);
  }
  if (factor != 1) {
    new_mean += cubn_product(1 - weight, *mean);
    new_var += cubn_product(1 - weight, *var);
  }
  *mean = new_mean;
  *var = new_var;
}

/* A gradient of parameters, from its sum and from what is there, which is not read if beta is 0. */
CUBN_SHARED_CODE double cubn_blend_gradient(double alpha, double sum, double beta, double prior) {
  const double value = cubn_product(alpha, sum);
  return beta != 0 ? value + cubn_product(beta, prior) : value;
}

#endif /* CUBN_CORE_BLOCKS_H */
