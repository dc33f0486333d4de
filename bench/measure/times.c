#include "measure/times.h"

#include <stdlib.h>

static int compare_doubles(const void *a, const void *b) {
  const double left = *(const double *)a, right = *(const double *)b;
  return (left > right) - (left < right);
}

/* Quantile of sorted values, interpolated linearly. */
static double quantile(const double *sorted, int count, double fraction) {
  const double position = fraction * (count - 1);
  const int below = (int)position;
  if (below + 1 >= count) return sorted[count - 1];
  return sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]);
}

bench_times bench_summarize(double *samples, int count) {
  bench_times times = {.repeats = count};
  if (!count) return times;
  qsort(samples, (size_t)count, sizeof *samples, compare_doubles);
  times.median = quantile(samples, count, 0.5);
  times.min = samples[0];
  times.p5 = quantile(samples, count, 0.05);
  times.p25 = quantile(samples, count, 0.25);
  times.p75 = quantile(samples, count, 0.75);
  times.p90 = quantile(samples, count, 0.90);
  times.p95 = quantile(samples, count, 0.95);
  times.spread = times.p75 - times.p25;
  return times;
}
