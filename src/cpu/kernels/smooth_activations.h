/* Smooth activations and their slopes, on vectors. All targets compute the same bits: only sums,
 * products, quotients and integer operations are used, and each is rounded for itself.
 *
 * The coefficients of the polynomials minimize the relative error (Remez's exchange in numbers of
 * 50 digits) and are then rounded:
 *   EXP_TAIL     q in exp(r) = 1 + r + r^2 q(r), |r| <= ln(2) / 2
 *   NORMAL_TAIL  n in Q(a) exp(a^2 / 2) = n(t) / (a + 4), t = (a - 4) / (a + 4),
 *                0 <= a <= TAIL_MAX. Q(a) is the probability above a in the normal distribution.
 * The polynomials' own errors are below half a unit in the last place. */
#ifndef CUBN_CPU_KERNELS_SMOOTH_ACTIVATIONS_H
#define CUBN_CPU_KERNELS_SMOOTH_ACTIVATIONS_H

#include <math.h>

#include "cpu/kernels/masks.h"

#if defined(CUBN_ELEMENT_F64)
typedef uint64_t word;
enum { FRACTION_BITS = 52, BIAS = 1023, LOW_BITS = 27 };
/* exp is 0 below EXP_MIN, and Q is 0 above TAIL_MAX. */
static const real ROUNDER = 0x1.8p52, EXP_MIN = -746, TAIL_MAX = 39;
static const real LOG2_E = 0x1.71547652b82fep+0, LN_2_HIGH = 0x1.62e42fefa2p-1,
                  LN_2_LOW = 0x1.9ef35793c7673p-41;
static const real INV_SQRT_2_PI = 0x1.9884533d43651p-2;
static const real EXP_TAIL[] = {0x1p-1,
                                0x1.5555555555559p-3,
                                0x1.555555555555ap-5,
                                0x1.111111110f648p-7,
                                0x1.6c16c16c143abp-10,
                                0x1.a01a01b01313fp-13,
                                0x1.a01a01b0ea334p-16,
                                0x1.71ddf7d3d94a2p-19,
                                0x1.27e4c53357917p-22,
                                0x1.af5fb117f074dp-26,
                                0x1.1f960cd7f699bp-29};
static const real NORMAL_TAIL[] = {
    0x1.82b4bb8c94dcep-1,  -0x1.373e3a893c28ap-1,  0x1.8c6dbf2cfc2b3p-2,   -0x1.7dff2bff68368p-3,
    0x1.eec4cc3e4d407p-5,  -0x1.ee2761048d98dp-8,  -0x1.c81719d5677afp-9,  0x1.ab825fc4ca9a8p-10,
    0x1.17a4ae45e0606p-13, -0x1.e4a4268b2afdfp-13, -0x1.001e783de2695p-19, 0x1.26d0b2cb8b1b3p-15,
    0x1.80b4ee02d790ep-21, -0x1.8d4e03db4de5dp-18, -0x1.51efee9517983p-21, 0x1.12528303c7b89p-20,
    0x1.237444dc31facp-22, -0x1.4e496148c81p-23,   -0x1.6d92ba6b8ab08p-24, 0x1.e3e4d8400a662p-27,
    0x1.50711a23790fap-26, 0x1.80ef036f7ce7ep-30,  -0x1.69ea809c460eap-29, -0x1.4025fbf12a6e8p-31,
    0x1.fd5f0c7d16f2fp-35};
#else
typedef uint32_t word;
enum { FRACTION_BITS = 23, BIAS = 127, LOW_BITS = 12 };
static const real ROUNDER = 0x1.8p23f, EXP_MIN = -104, TAIL_MAX = 14.5f;
static const real LOG2_E = 0x1.715476p+0f, LN_2_HIGH = 0x1.62e4p-1f, LN_2_LOW = 0x1.7f7d1cp-20f;
static const real INV_SQRT_2_PI = 0x1.988454p-2f;
static const real EXP_TAIL[] = {0x1p-1f, 0x1.5554aep-3f, 0x1.555486p-5f, 0x1.122904p-7f,
                                0x1.6d990cp-10f};
static const real NORMAL_TAIL[] = {
    0x1.82b4bcp-1f,  -0x1.373e38p-1f, 0x1.8c6d9ep-2f,  -0x1.7e0006p-3f, 0x1.eed3e2p-5f,
    -0x1.ed28a2p-8f, -0x1.cc5622p-9f, 0x1.9b7548p-10f, 0x1.76198ep-13f, -0x1.15b77p-13f};
#endif

typedef word words __attribute__((vector_size(VECTOR_BYTES)));

#define SIGN_BIT ((word)1 << (8 * sizeof(word) - 1))

/* The polynomial in x whose coefficients are the array c. */
#define POLYNOMIAL(x, c) polynomial(x, c, (int)(sizeof(c) / sizeof *(c)))
INLINED vec polynomial(vec x, const real *coefficients, int count) {
  vec sum = vec_all(coefficients[count - 1]);
  for (int i = count - 2; i >= 0; --i) sum = sum * x + coefficients[i];
  return sum;
}

INLINED vec magnitude(vec v) {
  return (vec)((words)v & (SIGN_BIT - 1));
}

/* v, but at least or at most `limit`. NaN stays NaN. */
INLINED vec at_least(vec v, real limit) {
  return vec_choose(is_above(vec_all(limit), v), vec_all(limit), v);
}

INLINED vec at_most(vec v, real limit) {
  return vec_choose(is_above(v, vec_all(limit)), vec_all(limit), v);
}

/* x + low = exponent * ln 2 + remainder. `low` is small, the low part of x. The exponent is an
 * integer in two's complement. */
typedef struct reduced {
  vec remainder;
  words exponent;
} reduced;

INLINED reduced reduce(vec x, vec low) {
  const vec shifted = (x + low) * LOG2_E + ROUNDER, n = shifted - ROUNDER;
  return (reduced){((x - n * LN_2_HIGH) - n * LN_2_LOW) + low,
                   (words)shifted - (words)vec_all(ROUNDER)};
}

/* exp(x + low) where x is not positive. The power of two is applied as two factors, so that results
 * below the normal numbers are rounded once. */
INLINED vec exp_of_sum(vec x, vec low) {
  const reduced sum = reduce(at_least(x, EXP_MIN), low);
  const vec r = sum.remainder, significand = 1 + (r + r * r * POLYNOMIAL(r, EXP_TAIL));
  const words biased = sum.exponent + 2 * (word)BIAS, half = biased >> 1;
  return significand * (vec)(half << FRACTION_BITS) * (vec)((biased - half) << FRACTION_BITS);
}

INLINED vec exp_of(vec x) {
  return exp_of_sum(x, (vec){0});
}

/* exp(x) - 1 where x is not positive: 2^exponent * (exp(remainder) - 1) + (2^exponent - 1). */
INLINED vec expm1_of(vec x) {
  const reduced sum = reduce(at_least(x, -40), (vec){0});
  const vec r = sum.remainder, power = (vec)((sum.exponent + (word)BIAS) << FRACTION_BITS);
  return power * (r + r * r * POLYNOMIAL(r, EXP_TAIL)) + (power - 1);
}

/* sigmoid(t) and its complement 1 - sigmoid(t). exp(-|t|) does not overflow. Nothing cancels. */
typedef struct logistic {
  vec sigmoid, complement;
} logistic;

INLINED logistic logistic_of(vec t) {
  const vec e = exp_of(-magnitude(t)), large = 1 / (1 + e), small = e * large;
  const flags negative = is_above((vec){0}, t);
  return (logistic){vec_choose(negative, small, large), vec_choose(negative, large, small)};
}

INLINED vec sigmoid_of(vec p) {
  return logistic_of(p).sigmoid;
}

INLINED vec sigmoid_slope(vec p) {
  const logistic s = logistic_of(p);
  return s.sigmoid * s.complement;
}

/* tanh(|p|) = -m / (2 + m), m = exp(-2 |p|) - 1 */
INLINED vec tanh_of(vec p) {
  const vec m = expm1_of(-2 * magnitude(p)), size = -m / (2 + m);
  return (vec)((words)size | ((words)p & SIGN_BIT));
}

INLINED vec tanh_slope(vec p) {
  return 4 * sigmoid_slope(2 * p);
}

/* p * sigmoid(beta * p), which is 0 where the sigmoid is 0, even if p is infinite. */
INLINED vec swish_of(vec p, vec beta) {
  const vec sigmoid = sigmoid_of(beta * p);
  return vec_choose(is_within(sigmoid, (vec){0}, (vec){0}), (vec){0}, p * sigmoid);
}

INLINED vec swish_slope(vec p, vec beta) {
  const vec t = at_most(at_least(beta * p, EXP_MIN), -EXP_MIN);
  const logistic s = logistic_of(t);
  return s.sigmoid + t * (s.sigmoid * s.complement);
}

INLINED vec elu_of(vec p, vec coef) {
  return vec_choose(is_above(p, (vec){0}), p, coef * expm1_of(p));
}

/* `least` is the smallest p that an element stores as a positive number. */
INLINED vec elu_slope(vec p, vec coef, vec least) {
  const flags passes = is_within(p, least, vec_all((real)INFINITY));
  return vec_choose(passes, vec_all(1), coef * exp_of(p));
}

/* Q(a) = ratio * density, where density = exp(-a^2 / 2) and a = |p|, but at most TAIL_MAX. */
typedef struct normal_tail {
  vec a, ratio, density;
} normal_tail;

/* a^2 as the square of the high half of a, which is exact, plus a low part. */
INLINED normal_tail normal_tail_of(vec p) {
  const vec a = at_most(magnitude(p), TAIL_MAX), inverse = 1 / (a + 4);
  const vec high = (vec)((words)a & ~(((word)1 << LOW_BITS) - 1));
  const vec low = (a - high) * (a + high), factor = vec_all(-(real)1 / 2);
  const vec ratio = POLYNOMIAL((a - 4) * inverse, NORMAL_TAIL) * inverse;
  return (normal_tail){a, ratio, exp_of_sum(high * high * factor, low * factor)};
}

/* p * (1 - Q(p)) where p is positive, else p * Q(-p) */
INLINED vec gelu_of(vec p) {
  const normal_tail tail = normal_tail_of(p);
  return vec_choose(is_above(p, (vec){0}), p, (vec){0}) - tail.a * tail.ratio * tail.density;
}

INLINED vec gelu_slope(vec p) {
  const normal_tail tail = normal_tail_of(p);
  const vec negative_slope = (tail.ratio - tail.a * INV_SQRT_2_PI) * tail.density;
  return vec_choose(is_above((vec){0}, p), negative_slope, 1 - negative_slope);
}

#endif /* CUBN_CPU_KERNELS_SMOOTH_ACTIVATIONS_H */
