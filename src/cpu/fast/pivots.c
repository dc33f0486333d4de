/* A pivot should be near the mean, and squares of differences from it in the range of reals. A few
 * values of the channel show both. They may mislead, so the sums are judged when they are known. */
#include "cpu/fast/pivots.h"

#include <math.h>

#include "cpu/common/clones.h"
#include "cpu/fast/criteria.h"
#include "cpu/fast/gaps.h"
#include "cpu/fast/nonfinite.h"

/* So many values are worth a look at some of them. */
enum { LOOK_MIN = 256 };
/* Values that are neighbors of the first one, or in rows so short and so many that they cost
 * nothing: they show whether the channel is around 0. */
enum { NEIGHBORS = 16, FEW_COLUMNS = 64, ROWS_MIN = 4096 };
/* Values in other parts of the channel. */
enum { SPREAD = 3 };
/* A channel is around 0 if so many values are negative, and so many are not. */
enum { BOTH_SIGNS = 2 };
/* Sums are formed so many times, at most. */
enum { ROUNDS = 4 };

/* The range of sizes that need no prescale, the range of prescales and of what they make of a
 * pivot, and the prescale of differences whose squares vanished: as exponents of 2. */
typedef struct real_range {
  int size_min, size_max, prescale_max, pivot_max, enlarging;
} real_range;

/* Within the range of sizes of all types, for a quick answer. */
#define SIZE_USUAL_MIN 0x1p-30
#define SIZE_USUAL_MAX 0x1p30

static real_range get_range(const cubn_call *call) {
  if (cubn_is_single(call->param_type)) return (real_range){-40, 50, 120, 110, 90};
  return (real_range){-400, 450, 1000, 1000, 700};
}

static double limit_prescale(const cubn_call *call, double prescale, double pivot) {
  const real_range range = get_range(call);
  const double most = ldexp(1, range.prescale_max);
  prescale = fmin(fmax(prescale, 1 / most), most);
  if (pivot == 0 || !isfinite(pivot)) return prescale;
  return fmin(prescale, ldexp(1, range.pivot_max - ilogb(pivot)));
}

double cubn_fast_get_prescale(const cubn_call *call, double size, double pivot) {
  const real_range range = get_range(call);
  if (size >= SIZE_USUAL_MIN && size <= SIZE_USUAL_MAX) return 1;
  if (size == 0 || !isfinite(size)) return 1;
  const int exponent = ilogb(size);
  if (exponent >= range.size_min && exponent <= range.size_max) return 1;
  return limit_prescale(call, ldexp(1, -exponent), pivot);
}

/* ---- at first */

typedef struct sample {
  double least, most;
  int count, negative;
} sample;

static void add_value(sample *sample, double value) {
  sample->least = value < sample->least ? value : sample->least;
  sample->most = value > sample->most ? value : sample->most;
  sample->negative += value < 0;
  ++sample->count;
}

/* Loads value `place` of image `image` of each channel. */
static void load_values(const cubn_call *call, const cubn_channels *channels, int64_t image,
                        int64_t place, double *values) {
  const int64_t s = call->problem->s, run = image * call->problem->c + channels->first;
  cubn_load_elements(call, CUBN_ARRAY_X, call->args->x,
                     (cubn_patch){run * s + place, 1, 0, channels->count, s}, values);
}

/* Images in equal distances; places that are no borders of them. */
static void load_spread(const cubn_call *call, const cubn_channels *channels) {
  const cubn_problem *problem = call->problem;
  for (int k = 0; k < SPREAD; ++k)
    load_values(call, channels, problem->n * (k + 1) / (SPREAD + 1), problem->s * (5 * k + 8) / 23,
                channels->sums[k]);
}

static void add_neighbors(const cubn_call *call, const cubn_channels *channels, int64_t i,
                          sample *sample) {
  const int64_t s = call->problem->s, first = (channels->first + i) * s;
  const int64_t stride = s >= NEIGHBORS ? 1 : call->problem->c * s;
  double values[NEIGHBORS];
  cubn_load_elements(call, CUBN_ARRAY_X, call->args->x,
                     (cubn_patch){first, 1, 0, NEIGHBORS, stride}, values);
  for (int k = 1; k < NEIGHBORS; ++k) add_value(sample, values[k]);
}

static double get_median(double a, double b, double c) {
  const double low = a < b ? a : b, high = a < b ? b : a;
  return c < low ? low : c > high ? high : c;
}

/* Sets the pivot of channel i to one of the values, but no outlier; or to 0 if values are around
 * 0. */
static void choose_pivot(const cubn_call *call, cubn_channels *channels, int64_t i,
                         bool has_neighbors) {
  double *const pivot = &channels->pivot[i], *const *const spread = channels->sums;
  sample seen = {*pivot, *pivot, 1, *pivot < 0};
  if (has_neighbors) add_neighbors(call, channels, i, &seen);
  for (int k = 0; k < SPREAD; ++k) add_value(&seen, spread[k][i]);
  *pivot = get_median(spread[0][i], spread[1][i], spread[2][i]);
  const bool is_around_0 = seen.negative >= BOTH_SIGNS && seen.count - seen.negative >= BOTH_SIGNS;
  if (is_around_0 || !isfinite(*pivot)) *pivot = 0;
  const double above = seen.most - *pivot, below = *pivot - seen.least;
  cubn_fast_prescale(channels, channels->prescale, i,
                     cubn_fast_get_prescale(call, above > below ? above : below, *pivot));
}

CUBN_CLONES static void make_pivots_finite(cubn_channels *channels) {
  CUBN_INDEPENDENT
  for (int64_t i = 0; i < channels->count; ++i) {
    const double pivot = channels->pivot[i];
    channels->pivot[i] = isfinite(pivot) ? pivot : 0;
  }
}

void cubn_fast_load_pivots(const cubn_call *call, cubn_channels *channels) {
  const cubn_problem *problem = call->problem;
  const bool are_few = problem->c * problem->s <= FEW_COLUMNS && problem->n >= ROWS_MIN;
  load_values(call, channels, 0, 0, channels->pivot);
  if (cubn_count(problem) < LOOK_MIN) {
    make_pivots_finite(channels);
    return;
  }
  load_spread(call, channels);
  for (int64_t i = 0; i < channels->count; ++i)
    choose_pivot(call, channels, i, problem->s >= NEIGHBORS || are_few);
}

/* ---- when the sums are known */

/* With this prescale, no sum of squares overflows. */
static double safe_prescale(const cubn_call *call) {
  return cubn_is_single(call->param_type) ? CUBN_PRESCALE_MIN : CUBN_PRESCALE_MIN_DOUBLE;
}

/* Whether sums that are not finite can be those of finite values. Half does not overflow. */
static bool can_overflow(const cubn_call *call, double prescale) {
  return call->problem->type != CUBN_DATA_HALF && prescale > safe_prescale(call);
}

/* Whether it takes a look at the values to know why the sums of channel i are not finite. */
static bool is_doubtful(const cubn_call *call, const cubn_channels *channels, int64_t i) {
  if (call->sums == 2)
    return isinf(channels->sums[1][i]) && can_overflow(call, channels->prescale[i]);
  return !cubn_fast_are_finite(channels, i) && !isnan(channels->inv_std[i]) &&
         can_overflow(call, channels->dy_prescale[i]);
}

/* Finds the channels in which NaN or infinity explain the sums. */
static void explain_sums(const cubn_call *call, cubn_channels *channels) {
  bool any = false;
  for (int64_t i = 0; i < channels->count; ++i) {
    channels->explained[i] = !is_doubtful(call, channels, i);
    if (channels->explained[i] == 0) any = true;
  }
  if (!any) return;
  if (call->sums == 3) cubn_fast_find_nonfinite(call, channels, CUBN_ARRAY_DY, channels->explained);
  cubn_fast_find_nonfinite(call, channels, CUBN_ARRAY_X, channels->explained);
}

/* Whether the sums of the statistics of channel i are formed again. */
static bool adjust_moments(const cubn_call *call, const cubn_sum_criteria *criteria,
                           cubn_channels *channels, int64_t i) {
  const double pivot = channels->pivot[i], prescale = channels->prescale[i];
  const double square = channels->sums[1][i] / criteria->m,
               distance = channels->sums[0][i] / criteria->m;
  double next = prescale;
  if (cubn_fast_sums_suffice(criteria, channels, i) || cubn_fast_shows_nan(channels, i))
    return false;
  if (!isfinite(square)) {
    next = safe_prescale(call);
  } else {
    const double var = square - distance * distance;
    channels->pivot[i] = cubn_to_real(call, pivot + distance / prescale);
    if (cubn_fast_is_small(criteria, channels, i))
      next = limit_prescale(call, ldexp(prescale, get_range(call).enlarging), channels->pivot[i]);
    else if (var > 0)
      next = cubn_fast_get_prescale(call, sqrt(var) / prescale, channels->pivot[i]);
  }
  cubn_fast_prescale(channels, channels->prescale, i, next);
  return channels->pivot[i] != pivot || next != prescale;
}

/* The same for backward. */
static bool adjust_gradients(const cubn_call *call, cubn_channels *channels, int64_t i) {
  if (channels->explained[i] != 0) return false;
  cubn_fast_prescale(channels, channels->dy_prescale, i, safe_prescale(call));
  return true;
}

CUBN_CLONES static bool all_suffice(const cubn_call *call, const cubn_channels *channels) {
  const cubn_sum_criteria criteria = cubn_fast_criteria(call);
  int64_t others = 0;
  for (int64_t i = 0; i < channels->count; ++i)
    others |= !cubn_fast_sums_suffice(&criteria, channels, i);
  return others == 0;
}

CUBN_CLONES static bool all_are_finite(const cubn_channels *channels) {
  int64_t others = 0;
  for (int64_t i = 0; i < channels->count; ++i) others |= !cubn_fast_are_finite(channels, i);
  return others == 0;
}

/* Whether all sums are of use. */
static bool are_good(const cubn_call *call, const cubn_channels *channels) {
  return call->sums == 2 ? all_suffice(call, channels) : all_are_finite(channels);
}

bool cubn_fast_sum_again(const cubn_call *call, cubn_channels *channels, cubn_channels *again) {
  const cubn_sum_criteria criteria = cubn_fast_criteria(call);
  int64_t first = channels->count, end = 0;
  if (!call->sums || channels->rounds >= ROUNDS || are_good(call, channels)) return false;
  ++channels->rounds;
  explain_sums(call, channels);
  for (int64_t i = 0; i < channels->count; ++i) {
    const bool is_again = call->sums == 2 ? adjust_moments(call, &criteria, channels, i)
                                          : adjust_gradients(call, channels, i);
    if (!is_again) continue;
    if (first > i) first = i;
    end = i + 1;
  }
  if (end == 0) return false;
  *again = cubn_channels_from(channels, first, end - first);
  return true;
}
