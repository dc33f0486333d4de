#include "suites/support/double_exact.h"

#include <math.h>

void double_statistics(double_channel *channel, long double epsilon) {
  long double sum = 0, squares = 0;
  for (int64_t i = 0; i < channel->count; ++i) sum += channel->x[i];
  channel->mean = sum / (long double)channel->count;
  for (int64_t i = 0; i < channel->count; ++i) {
    const long double difference = channel->x[i] - channel->mean;
    squares += difference * difference;
  }
  channel->inv_std = 1 / sqrtl(squares / (long double)channel->count + epsilon);
}

/* The means of the formulas, and those of the absolute values. */
typedef struct means {
  long double a, b, u, c, v, b_abs, c_abs, v_abs;
} means;

static long double x_hat_of(const double_channel *it, int64_t i) {
  return (it->x[i] - it->mean) * it->inv_std;
}

static means means_of(const double_channel *it) {
  const long double m = (long double)it->count;
  means of = {0};
  for (int64_t i = 0; i < it->count; ++i) {
    of.a += it->dy[i] / m;
    of.u += it->ddx[i] / m;
  }
  for (int64_t i = 0; i < it->count; ++i) {
    const long double x_hat = x_hat_of(it, i);
    of.b += (it->dy[i] - of.a) * x_hat / m;
    of.c += (it->ddx[i] - of.u) * x_hat / m;
    of.v += (it->ddx[i] - of.u) * (it->dy[i] - of.a) / m;
    of.b_abs += fabsl((it->dy[i] - of.a) * x_hat) / m;
    of.c_abs += fabsl((it->ddx[i] - of.u) * x_hat) / m;
    of.v_abs += fabsl((it->ddx[i] - of.u) * (it->dy[i] - of.a)) / m;
  }
  return of;
}

static void exact_of_given(const double_channel *it, double_results *to) {
  to->gscale = to->gscale_terms = 0;
  for (int64_t i = 0; i < it->count; ++i) {
    const long double x_hat = x_hat_of(it, i), product = it->ddx[i] * it->dy[i] * it->inv_std;
    const long double first = it->scale * it->inv_std * it->ddx[i], second = it->ddscale * x_hat;
    to->gscale += product;
    to->gscale_terms += fabsl(product);
    to->ddy[i] = first + second + it->ddbias;
    to->ddy_terms[i] = fabsl(first) + fabsl(second) + fabsl(it->ddbias);
    to->gx[i] = it->ddscale * it->inv_std * it->dy[i];
    to->gx_terms[i] = fabsl(to->gx[i]);
  }
}

void double_exact(const double_channel *it, double_results *to) {
  if (it->is_given) {
    exact_of_given(it, to);
    return;
  }
  const means of = means_of(it);
  const long double s = it->inv_std, gain = it->scale * s, m = (long double)it->count;
  to->gscale = m * s * (of.v - of.b * of.c);
  to->gscale_terms = m * s * (of.v_abs + of.b_abs * of.c_abs);
  for (int64_t i = 0; i < it->count; ++i) {
    const long double x_hat = x_hat_of(it, i), u = it->ddx[i] - of.u, v = it->dy[i] - of.a;
    to->ddy[i] = gain * (u - x_hat * of.c) + it->ddscale * x_hat + it->ddbias;
    to->ddy_terms[i] = fabsl(gain) * (fabsl(u) + fabsl(x_hat) * of.c_abs) +
                       fabsl(it->ddscale * x_hat) + fabsl(it->ddbias);
    to->gx[i] = -gain * s * (of.b * u + of.c * v + x_hat * (of.v - 3 * of.b * of.c)) +
                it->ddscale * s * (v - x_hat * of.b);
    to->gx_terms[i] = fabsl(gain) * s *
                          (of.b_abs * fabsl(u) + of.c_abs * fabsl(v) +
                           fabsl(x_hat) * (of.v_abs + 3 * of.b_abs * of.c_abs)) +
                      fabsl(it->ddscale) * s * (fabsl(v) + fabsl(x_hat) * of.b_abs);
  }
}

long double double_objective(const double_channel *it) {
  const long double m = (long double)it->count;
  long double dscale = 0, dbias = 0, objective = 0;
  for (int64_t i = 0; i < it->count; ++i) {
    dbias += it->dy[i];
    dscale += it->dy[i] * x_hat_of(it, i);
  }
  for (int64_t i = 0; i < it->count; ++i) {
    const long double through = it->is_given ? 0 : dbias / m + x_hat_of(it, i) * dscale / m;
    objective += it->ddx[i] * it->scale * it->inv_std * (it->dy[i] - through);
  }
  return objective + it->ddscale * dscale + it->ddbias * dbias;
}
