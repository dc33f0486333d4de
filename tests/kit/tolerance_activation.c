/* The allowed errors of activations and their derivatives. Nothing is fitted to results.
 *
 * An elementary function (exp, expm1, tanh, erfc) of working precision may be wrong by f = 10u:
 * five units in the last place, the worst that CUDA documents for one of these (erfc); C libraries
 * are better. An argument that was computed with an error d moves it by d times its derivative.
 * Results below the least normal number of the arithmetic may be lost.
 *
 * With s = sigmoid(t) and t = beta p (t = p for SIGMOID), whose rounding is u |t|:
 *   SIGMOID  exp(-t), 1 + exp, 1 / (...): s (1 - s) (f + u |t|) + 2u s
 *   TANH     f |tanh|
 *   SWISH    |p| times the error of s, and u |swish|
 *   GELU     p Phi(p), Phi(p) = erfc(-p / sqrt 2) / 2: f Phi, and 2u of the argument,
 *            |p| phi(p) 2u, phi being the normal density; times |p|, and 2u |gelu|
 *   ELU      coef expm1(p): (f + 2u) |elu|, coef being rounded
 *   LEAKY    2u |coef p|
 *
 * and of derivatives
 *   SIGMOID  s (1 - s), 1 - s rounded or computed from exp: twice the error of s, and 2u s
 *   TANH     1 - tanh^2: twice the error of tanh, and 2u
 *   SWISH    s + t s (1 - s): the error of s times |1 + t (1 - 2s)| <= 1 + |t|, u s |t| of 1 - s,
 *            and 4u (s + |t| s (1 - s)) of the products
 *   GELU     Phi(p) + p phi(p), phi(p) = c exp(-p^2 / 2): the error of Phi, and (f + u p^2 + 4u)
 *            |p| phi(p); u of the sum of both
 *   ELU      coef exp(p): (f + 2u) of it
 *   LEAKY    u |coef|
 *
 * Backward from y is in double, w = 2^-53: t = y / coef is rounded, by w |t|, and so is 1 + t, of
 * which the derivative is coef times: 3w of it, and w coef |t|. p is t for LEAKY and log1p(t) for
 * ELU: w |t| / (1 + t) = w (exp(-p) - 1) and, for log1p and what follows, 10w |p|.
 *
 * An error e of p moves the value by |slope(p)| e + bend e^2 / 2, bend being the largest second
 * derivative; by the largest slope times e for functions with a kink. It moves the derivative by
 * bend e. */
#include "kit/tolerance_activation.h"

#include <math.h>

#include "kit/oracle_activation.h"

static long double normal_density(long double p) {
  return 0.39894228040143267794L * expl(-p * p / 2);
}

/* Least normal number: what is smaller may be 0. */
static long double underflow(const line_problem *problem) {
  return problem->type == CUBN_DATA_DOUBLE ? 0x1p-1022L : 0x1p-126L;
}

static long double elementary(long double u) {
  return 10 * u;
}

/* The largest second derivative, rounded up. */
static long double bend(const line_problem *problem) {
  switch (problem->activation) {
    case CUBN_ACTIVATION_SIGMOID: /* sqrt(3) / 18 */
      return 0.0963L;
    case CUBN_ACTIVATION_TANH: /* 4 / (3 sqrt(3)) */
      return 0.77L;
    case CUBN_ACTIVATION_SWISH: /* beta / 2, at 0 */
      return fabsl((long double)problem->swish_beta) / 2;
    case CUBN_ACTIVATION_GELU: /* 2 phi(0) */
      return 0.798L;
    case CUBN_ACTIVATION_ELU: /* where the derivative is coef exp(p) */
      return fabsl((long double)problem->coef);
    default:
      return 0;
  }
}

static long double sigmoid_error(long double u, long double t) {
  const long double s = 1 / (1 + expl(-t)), other = 1 / (1 + expl(t));
  return s * other * (elementary(u) + u * fabsl(t)) + 2 * u * s;
}

static long double normal_share_error(long double u, long double p) {
  return elementary(u) * erfcl(-p * sqrtl(0.5L)) / 2 + 2 * u * fabsl(p) * normal_density(p);
}

static long double moved_by(const line_problem *problem, long double p, long double p_error) {
  const long double coef = fabsl((long double)problem->coef);
  switch (problem->activation) {
    case CUBN_ACTIVATION_SIGMOID:
    case CUBN_ACTIVATION_TANH:
    case CUBN_ACTIVATION_SWISH:
    case CUBN_ACTIVATION_GELU:
      return tolerance_times(p_error, fabsl(oracle_slope(problem, p, false))) +
             tolerance_times(p_error * p_error / 2, bend(problem));
    case CUBN_ACTIVATION_LEAKY_RELU:
    case CUBN_ACTIVATION_ELU:
      return fmaxl(1, coef) * p_error;
    default:
      return p_error;
  }
}

long double activation_error(const line_problem *problem, long double u, long double p,
                             long double p_error) {
  const long double value = fabsl(oracle_activate(problem, p)), f = elementary(u);
  if (!isfinite(p)) return 0;
  const long double moved = moved_by(problem, p, p_error);
  switch (problem->activation) {
    case CUBN_ACTIVATION_SIGMOID:
      return moved + sigmoid_error(u, p) + underflow(problem);
    case CUBN_ACTIVATION_TANH:
      return moved + f * value + underflow(problem);
    case CUBN_ACTIVATION_SWISH:
      return moved + u * value +
             fabsl(p) *
                 (sigmoid_error(u, (long double)problem->swish_beta * p) + underflow(problem));
    case CUBN_ACTIVATION_GELU:
      return moved + 2 * u * value + fabsl(p) * (normal_share_error(u, p) + underflow(problem));
    case CUBN_ACTIVATION_ELU:
      return moved + (p > 0 ? 0 : (f + 2 * u) * value + underflow(problem));
    case CUBN_ACTIVATION_LEAKY_RELU:
      return moved + (p > 0 ? 0 : 2 * u * value);
    default:
      return moved;
  }
}

long double inverse_error(const line_problem *problem, long double p) {
  const long double w = 0x1p-53L;
  if (!problem->from_y || problem->activation == CUBN_ACTIVATION_IDENTITY || p > 0) return 0;
  if (!isfinite(p)) return 0;
  const bool is_elu = problem->activation == CUBN_ACTIVATION_ELU;
  return elementary(w) * fabsl(p) + (is_elu ? w * expm1l(-p) : 0);
}

static long double inverse_slope_error(const line_problem *problem, long double p) {
  const long double w = 0x1p-53L;
  if (problem->activation != CUBN_ACTIVATION_ELU || p > 0) return 0;
  return (long double)problem->coef * w * (3 * expl(p) - expm1l(p));
}

long double slope_error(const line_problem *problem, long double u, long double p,
                        long double p_error) {
  const long double value = fabsl(oracle_slope(problem, p, false)), f = elementary(u);
  const long double t = (long double)problem->swish_beta * p;
  if (!isfinite(p)) return 0;
  if (problem->from_y) return inverse_slope_error(problem, p);
  const long double moved = tolerance_times(p_error, bend(problem));
  const long double s = 1 / (1 + expl(-t)), product = fabsl(t) * s / (1 + expl(t));
  switch (problem->activation) {
    case CUBN_ACTIVATION_SIGMOID:
      return moved + 2 * sigmoid_error(u, p) + 2 * u / (1 + expl(-p)) + underflow(problem);
    case CUBN_ACTIVATION_TANH:
      return moved + 2 * f * fabsl(tanhl(p)) + 2 * u;
    case CUBN_ACTIVATION_SWISH:
      return moved + (sigmoid_error(u, t) + underflow(problem)) * (1 + fabsl(t)) +
             u * s * fabsl(t) + 4 * u * (s + product);
    case CUBN_ACTIVATION_GELU:
      return moved + normal_share_error(u, p) + underflow(problem) + u * value +
             (f + u * p * p + 4 * u) * fabsl(p) * normal_density(p);
    case CUBN_ACTIVATION_ELU:
      return moved + (f + 2 * u) * value + underflow(problem);
    case CUBN_ACTIVATION_LEAKY_RELU:
      return u * fabsl((long double)problem->coef);
    default:
      return 0;
  }
}
