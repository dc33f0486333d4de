/* The results of chunks, put together. */
#include <string.h>

#include "cpu/plain/job.h"

void cubn_moments_append(cubn_moments *moments, const cubn_moments *further, int64_t width) {
  if (further->count == 0) return;
  if (moments->count == 0) {
    moments->count = further->count;
    memcpy(moments->mean, further->mean, (size_t)width * sizeof *moments->mean);
    memcpy(moments->squares, further->squares, (size_t)width * sizeof *moments->squares);
    return;
  }
  const double a = (double)moments->count, b = (double)further->count;
  const double fraction = b / (a + b), weight = a * fraction;
  for (int64_t j = 0; j < width; ++j) {
    const double delta = further->mean[j] - moments->mean[j];
    moments->mean[j] += delta * fraction;
    moments->squares[j] += further->squares[j] + delta * delta * weight;
  }
  moments->count += further->count;
}

void cubn_gradient_sums_append(cubn_gradient_sums *sums, const cubn_gradient_sums *further,
                               int64_t width) {
  sums->count += further->count;
  for (int64_t j = 0; j < width; ++j) {
    sums->dy[j] += further->dy[j];
    sums->dy_x_hat[j] += further->dy_x_hat[j];
    sums->x[j] += further->x[j];
  }
}
