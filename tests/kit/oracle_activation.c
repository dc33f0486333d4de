#include "kit/oracle_activation.h"

#include <math.h>

#include "kit/data.h"

static long double sigmoid(long double p) {
  return 1 / (1 + expl(-p));
}

/* The distribution function and the density of the standard normal distribution. */
static long double normal_share(long double p) {
  return erfcl(-p * sqrtl(0.5L)) / 2;
}

static long double normal_density(long double p) {
  const long double pi = 3.14159265358979323846264338327950288L;
  return expl(-p * p / 2) / sqrtl(2 * pi);
}

/* Not with max and min, which ignore NaN. */
static long double relu(const line_problem *problem, long double p) {
  if (isnan(p)) return problem->drops_nan ? 0 : p;
  if (p <= 0) return 0;
  const bool clips = problem->activation == CUBN_ACTIVATION_CLIPPED_RELU;
  return clips && p > (long double)problem->coef ? (long double)problem->coef : p;
}

long double oracle_activate(const line_problem *problem, long double p) {
  const long double coef = (long double)problem->coef;
  switch (problem->activation) {
    case CUBN_ACTIVATION_RELU:
    case CUBN_ACTIVATION_CLIPPED_RELU:
      return relu(problem, p);
    case CUBN_ACTIVATION_LEAKY_RELU:
      return p > 0 ? p : coef * p;
    case CUBN_ACTIVATION_ELU:
      return p > 0 ? p : coef * expm1l(p);
    case CUBN_ACTIVATION_SIGMOID:
      return sigmoid(p);
    case CUBN_ACTIVATION_TANH:
      return tanhl(p);
    case CUBN_ACTIVATION_SWISH:
      return p * sigmoid((long double)problem->swish_beta * p);
    case CUBN_ACTIVATION_GELU:
      return p * normal_share(p);
    default:
      return p;
  }
}

long double oracle_slope(const line_problem *problem, long double p, bool passes) {
  const long double coef = (long double)problem->coef;
  long double s, t;
  switch (problem->activation) {
    case CUBN_ACTIVATION_RELU:
    case CUBN_ACTIVATION_CLIPPED_RELU:
      return passes ? 1 : 0;
    case CUBN_ACTIVATION_LEAKY_RELU:
      return passes ? 1 : coef;
    case CUBN_ACTIVATION_ELU:
      return passes && !isnan(p) ? 1 : coef * expl(p);
    case CUBN_ACTIVATION_SIGMOID:
      /* 1 - s would lose all digits for large p. */
      return sigmoid(p) * sigmoid(-p);
    case CUBN_ACTIVATION_TANH:
      t = tanhl(p);
      return (1 - t) * (1 + t);
    case CUBN_ACTIVATION_SWISH:
      t = (long double)problem->swish_beta * p;
      s = sigmoid(t);
      return s + t * s * sigmoid(-t);
    case CUBN_ACTIVATION_GELU:
      return normal_share(p) + p * normal_density(p);
    default:
      return 1;
  }
}

long double oracle_inverse(const line_problem *problem, long double y) {
  const long double ratio = y / (long double)problem->coef;
  const long double least = (long double)data_roundoff(problem->type) - 1;
  if (y > 0) return y;
  if (problem->activation == CUBN_ACTIVATION_LEAKY_RELU) return ratio;
  return log1pl(ratio < least ? least : ratio);
}
