/* Whether the sums of the statistics of a channel are of use: that float arithmetic neither
 * overflowed nor lost digits. */
#ifndef CUBN_CPU_FAST_CRITERIA_H
#define CUBN_CPU_FAST_CRITERIA_H

#include <math.h>

#include "cpu/common/preactivation.h"
#include "cpu/fast/channels.h"

/* A pivot further from the mean than this many deviations costs too much of the sum of squares. */
#define CUBN_PIVOT_DEVIATIONS 4.0
/* Mean squares below this may have lost terms to underflow. */
#define CUBN_SQUARE_MIN 1e-30
#define CUBN_SQUARE_MIN_DOUBLE 1e-280

/* What is the same for all channels. */
typedef struct cubn_sum_criteria {
  double m;         /* values of a channel */
  double least;     /* of sums of squares */
  double zero_most; /* 0 if epsilon is so large that smaller squares do not matter, else below 0 */
} cubn_sum_criteria;

static inline cubn_sum_criteria cubn_fast_criteria(const cubn_call *call) {
  const double m = (double)cubn_count(call->problem);
  const double least = cubn_is_single(call->param_type) ? CUBN_SQUARE_MIN : CUBN_SQUARE_MIN_DOUBLE;
  const cubn_normalizer by = call->args->normalizer;
  const bool ignores_least = by.inside >= least * 0x1p24 || by.outside >= sqrt(least) * 0x1p24;
  return (cubn_sum_criteria){m, m * least, ignores_least ? 0 : -1};
}

/* Whether the sums of backward of channel i are finite. */
static inline bool cubn_fast_are_finite(const cubn_channels *channels, int64_t i) {
  const double a = channels->sums[0][i], b = channels->sums[1][i], c = channels->sums[2][i];
  return isfinite(a) & isfinite(b) & isfinite(c);
}

/* Whether squares of channel i may have lost digits, or vanished. */
static inline bool cubn_fast_is_small(const cubn_sum_criteria *criteria,
                                      const cubn_channels *channels, int64_t i) {
  return channels->sums[1][i] < criteria->least;
}

/* The distance d of the pivot from the mean is at most CUBN_PIVOT_DEVIATIONS = k deviations if
 * d^2 <= k^2 (square - d^2). */
static inline bool cubn_fast_moments_suffice(const cubn_sum_criteria *criteria, double sum,
                                             double squares, double prescale) {
  const double k2 = CUBN_PIVOT_DEVIATIONS * CUBN_PIVOT_DEVIATIONS;
  /* Without branches, so that loops over channels vectorize. */
  const bool is_near = (k2 + 1) * sum * sum <= k2 * criteria->m * squares;
  const double zero_most = prescale > 1 ? 0 : criteria->zero_most;
  return (is_near & (squares >= criteria->least) & (squares < (double)INFINITY)) |
         ((squares <= zero_most) & (sum == 0));
}

static inline bool cubn_fast_sums_suffice(const cubn_sum_criteria *criteria,
                                          const cubn_channels *channels, int64_t i) {
  return cubn_fast_moments_suffice(criteria, channels->sums[0][i], channels->sums[1][i],
                                   channels->prescale[i]);
}

/* Whether NaN or infinity are among the values. Pivots are finite, so that squares become NaN by
 * NaN only; infinity may come of overflow, unless that is excluded. */
static inline bool cubn_fast_shows_nan(const cubn_channels *channels, int64_t i) {
  const double squares = channels->sums[1][i];
  return isnan(squares) || (isinf(squares) && channels->explained[i] != 0);
}

#endif /* CUBN_CPU_FAST_CRITERIA_H */
