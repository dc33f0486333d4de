#include "suites/support/smooth_exact.h"

#include <math.h>

#include "cpu/kernels/kernels.h"

static long double times(long double p, long double share) {
  return share == 0 ? 0 : p * share;
}

static smooth_exact single(long double value) {
  return (smooth_exact){value, fabsl(value)};
}

static smooth_exact sum_of(long double a, long double b) {
  return (smooth_exact){a + b, fabsl(a) + fabsl(b)};
}

smooth_exact smooth_value(int smooth, long double p) {
  switch (smooth) {
    case CUBN_SMOOTH_ELU:
      return single(p > 0 ? p : expm1l(p));
    case CUBN_SMOOTH_SIGMOID:
      return single(1 / (1 + expl(-p)));
    case CUBN_SMOOTH_TANH:
      return single(tanhl(p));
    case CUBN_SMOOTH_SWISH:
      return single(times(p, 1 / (1 + expl(-p))));
    default:
      return single(times(p, erfcl(-p * sqrtl(0.5L)) / 2));
  }
}

smooth_exact smooth_slope(int smooth, long double p) {
  const long double here = 1 / (1 + expl(-p)), other = 1 / (1 + expl(p)),
                    twice = expl(-2 * fabsl(p));
  const long double density = 0.39894228040143267793994605993438L * expl(-p * p / 2);
  switch (smooth) {
    case CUBN_SMOOTH_ELU:
      return single(p > 0 ? 1 : expl(p));
    case CUBN_SMOOTH_SIGMOID:
      return single(here * other);
    case CUBN_SMOOTH_TANH:
      return single(4 * twice / ((1 + twice) * (1 + twice)));
    case CUBN_SMOOTH_SWISH:
      return sum_of(here, times(p, here * other));
    default:
      return sum_of(erfcl(-p * sqrtl(0.5L)) / 2, times(p, density));
  }
}
