/* Results of double backward, beside the exact ones. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kit/data_types.h"
#include "suites/support/double_case.h"
#include "suites/support/double_exact.h"
#include "suites/support/suite.h"

static size_t bytes_of(const double_run *run, int array) {
  const double_array *const it = &run->arrays[run->home[array]];
  return (size_t)it->extent * data_type_bytes(it->type);
}

unsigned char *double_download(const double_run *run, int array) {
  const size_t bytes = bytes_of(run, array);
  unsigned char *const values = malloc(bytes + 1);
  CU_ASSERT_FATAL(values != NULL);
  CU_ASSERT(!cubnDownloadBuffer(run->arrays[run->home[array]].buffer, 0, values, bytes));
  return values;
}

/* Whether the call writes to the memory of this array. */
static bool is_written(const double_run *run, int array) {
  static const int outputs[] = {DOUBLE_GX, DOUBLE_DDY, DOUBLE_GSCALE};
  for (int i = 0; i < 3; ++i)
    if (!run->c.absent[outputs[i]] && run->home[outputs[i]] == run->home[array]) return true;
  return false;
}

static bool check_untouched(const double_run *run, const char *what) {
  bool good = true;
  for (int a = 0; a < DOUBLE_ARRAYS; ++a) {
    if (run->home[a] != a || is_written(run, a)) continue;
    unsigned char *const now = double_download(run, a);
    good &= SUITE_CHECK(memcmp(now, run->arrays[a].values, bytes_of(run, a)) == 0,
                        "%s: array %d was written", what, a);
    free(now);
  }
  return good;
}

/* Everything but the elements is as it was. */
static bool check_gaps(const double_run *run, int array, const unsigned char *now,
                       const char *what) {
  const double_array *const it = &run->arrays[run->home[array]];
  const size_t bytes = bytes_of(run, array), element = data_type_bytes(it->type);
  const int64_t count = array < DOUBLE_TENSORS ? run->count : 1;
  unsigned char *const wanted = malloc(bytes + 1);
  CU_ASSERT_FATAL(wanted != NULL);
  memcpy(wanted, it->values, bytes);
  for (int64_t channel = 0; channel < run->channels; ++channel)
    for (int64_t i = 0; i < count; ++i) {
      const size_t at = (size_t)double_offset(run, run->home[array], channel, i) * element;
      memcpy(wanted + at, now + at, element);
    }
  const bool good = SUITE_CHECK(memcmp(wanted, now, bytes) == 0,
                                "%s: gaps of array %d were written", what, array);
  free(wanted);
  return good;
}

/* The arithmetic is in double: each sum of m values adds at most m roundings of its terms, and the
 * rest of the formulas, with a pivot that is up to twice a deviation away, some tens. The result is
 * rounded once more, to its type. */
static bool check_value(const double_run *run, int array, const unsigned char *now, int64_t channel,
                        int64_t index, long double exact, long double terms, const char *what) {
  const cubnDataType_t type = run->arrays[array].type;
  const int64_t offset = double_offset(run, run->home[array], channel, index);
  const long double got = (long double)data_load(type, now, offset);
  const long double slack = (long double)data_roundoff(type) * fabsl(exact) +
                            (8 * (long double)run->count + 64) * 0x1p-53L * terms +
                            (long double)data_least(type);
  return SUITE_CHECK(fabsl(got - exact) <= slack,
                     "%s: array %d, channel %lld, value %lld is %.17Lg, wanted %.17Lg +- %.3Lg",
                     what, array, (long long)channel, (long long)index, got, exact, slack);
}

static bool check_channel(const double_run *run, int64_t channel, unsigned char *const *now,
                          const char *what) {
  const int64_t count = run->count;
  double_channel of;
  long double *const values = double_gather(run, channel, &of);
  double_use_statistics(run, channel, &of);
  long double *const results = calloc((size_t)count * 4 + 1, sizeof *results);
  CU_ASSERT_FATAL(results != NULL);
  double_results to = {.gx = results,
                       .ddy = results + count,
                       .gx_terms = results + 2 * count,
                       .ddy_terms = results + 3 * count};
  double_exact(&of, &to);
  bool good = true;
  for (int64_t i = 0; i < count && good; ++i) {
    if (now[0])
      good &= check_value(run, DOUBLE_GX, now[0], channel, i, to.gx[i], to.gx_terms[i], what);
    if (now[1])
      good &= check_value(run, DOUBLE_DDY, now[1], channel, i, to.ddy[i], to.ddy_terms[i], what);
  }
  if (now[2] && good)
    good = check_value(run, DOUBLE_GSCALE, now[2], channel, 0, to.gscale, to.gscale_terms, what);
  free(values);
  free(results);
  return good;
}

bool double_check(const double_run *run, const char *what) {
  static const int outputs[] = {DOUBLE_GX, DOUBLE_DDY, DOUBLE_GSCALE};
  unsigned char *now[3] = {NULL, NULL, NULL};
  bool good = check_untouched(run, what);
  for (int i = 0; i < 3; ++i) {
    if (run->c.absent[outputs[i]]) continue;
    now[i] = double_download(run, outputs[i]);
    good &= check_gaps(run, outputs[i], now[i], what);
  }
  for (int64_t channel = 0; channel < run->channels && good; ++channel)
    good = check_channel(run, channel, now, what);
  for (int i = 0; i < 3; ++i) free(now[i]);
  return good;
}
