/* Activations. Those that select are computed without branches, so that their loops vectorize. The
 * smooth ones spend their time in the functions of the C library. */
#include "cpu/common/activation.h"

#include <math.h>
#include <string.h>

#include "cpu/common/clones.h"

/* An infinite p times 0 gives 0. */
static double times(double p, double factor) {
  return factor == 0 ? 0 : p * factor;
}

/* exp(-|p|) overflows for no p, and 1 - sigmoid does not cancel. */
static double sigmoid(double p) {
  const double e = exp(-fabs(p));
  return (p < 0 ? e : 1) / (1 + e);
}

static double sigmoid_slope(double p) {
  const double e = exp(-fabs(p));
  return e / ((1 + e) * (1 + e));
}

static double value_of_sigmoid(const cubn_activator *activator, double p) {
  (void)activator;
  return sigmoid(p);
}

static double slope_of_sigmoid(const cubn_activator *activator, double p) {
  (void)activator;
  return sigmoid_slope(p);
}

static double value_of_tanh(const cubn_activator *activator, double p) {
  (void)activator;
  return tanh(p);
}

/* tanh(p) = 2 * sigmoid(2 * p) - 1. */
static double slope_of_tanh(const cubn_activator *activator, double p) {
  (void)activator;
  return 4 * sigmoid_slope(2 * p);
}

static double value_of_swish(const cubn_activator *activator, double p) {
  return times(p, sigmoid(activator->options.swish_beta * p));
}

static double slope_of_swish(const cubn_activator *activator, double p) {
  const double scaled = activator->options.swish_beta * p;
  return sigmoid(scaled) + times(scaled, sigmoid_slope(scaled));
}

static double value_of_elu(const cubn_activator *activator, double p) {
  return p > 0 ? p : activator->options.coef * expm1(p);
}

static double slope_of_elu(const cubn_activator *activator, double p) {
  return p >= activator->least ? 1 : activator->options.coef * exp(p);
}

static const double SQRT_HALF = 0.70710678118654752440, INV_SQRT_2_PI = 0.39894228040143267794;

/* The normal distribution. It takes erfc because 1 + erf would cancel. */
static double normal_below(double p) {
  return 0.5 * erfc(-p * SQRT_HALF);
}

static double value_of_gelu(const cubn_activator *activator, double p) {
  (void)activator;
  return times(p, normal_below(p));
}

static double slope_of_gelu(const cubn_activator *activator, double p) {
  (void)activator;
  return normal_below(p) + times(p, INV_SQRT_2_PI * exp(-0.5 * p * p));
}

/* The greatest number that is stored as something less than `limit`, or 0. It bisects the bits,
 * which have the order of the numbers. */
static double most_below(double limit, const cubn_conversion *type) {
  const double infinity = INFINITY;
  uint64_t below = 0, above;
  memcpy(&above, &infinity, sizeof above);
  while (above - below > 1) {
    const uint64_t middle = below + (above - below) / 2;
    double stored;
    memcpy(&stored, &middle, sizeof stored);
    type->round(&stored, 1);
    *(stored < limit ? &below : &above) = middle;
  }
  double most;
  memcpy(&most, &below, sizeof most);
  return most;
}

cubn_activator cubn_activator_of(const cubn_activation *activation, const cubn_conversion *type) {
  cubn_activator result = {.options = *activation,
                           .nan_passes = activation->propagates_nan,
                           .least = type->least,
                           .most = INFINITY};
  switch (activation->mode) {
    case CUBN_ACTIVATION_SIGMOID:
      result.value = value_of_sigmoid, result.slope = slope_of_sigmoid;
      break;
    case CUBN_ACTIVATION_TANH:
      result.value = value_of_tanh, result.slope = slope_of_tanh;
      break;
    case CUBN_ACTIVATION_ELU:
      result.value = value_of_elu, result.slope = slope_of_elu;
      break;
    case CUBN_ACTIVATION_SWISH:
      result.value = value_of_swish, result.slope = slope_of_swish;
      break;
    case CUBN_ACTIVATION_GELU:
      result.value = value_of_gelu, result.slope = slope_of_gelu;
      break;
    case CUBN_ACTIVATION_RELU:
      result.selects = true;
      break;
    case CUBN_ACTIVATION_CLIPPED_RELU:
      result.selects = true;
      result.most = most_below(activation->coef, type);
      break;
    case CUBN_ACTIVATION_LEAKY_RELU:
      result.selects = result.nan_passes = true;
      break;
    case CUBN_ACTIVATION_IDENTITY:
      break;
  }
  return result;
}

/* Selection by mask: gcc does not vectorize a ?: between floating-point expressions. */
CUBN_INLINED double select(uint64_t mask, double yes, double no) {
  uint64_t yes_bits, no_bits;
  memcpy(&yes_bits, &yes, sizeof yes);
  memcpy(&no_bits, &no, sizeof no);
  const uint64_t bits = (yes_bits & mask) | (no_bits & ~mask);
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

CUBN_INLINED uint64_t mask_if(bool condition) {
  return 0 - (uint64_t)condition;
}

CUBN_CLONES void cubn_tile_decide(const cubn_activator *activator, const double *restrict p,
                                  int64_t count, uint64_t *restrict passes) {
  const double least = activator->least, most = activator->most;
  if (activator->nan_passes)
    for (int64_t i = 0; i < count; ++i) passes[i] = mask_if(!(p[i] < least) & !(p[i] > most));
  else
    for (int64_t i = 0; i < count; ++i) passes[i] = mask_if((p[i] >= least) & (p[i] <= most));
}

CUBN_CLONES static void activate_selecting(const cubn_activator *activator, double *restrict p,
                                           int64_t count, double alpha) {
  const bool is_clipped = activator->options.mode == CUBN_ACTIVATION_CLIPPED_RELU;
  const double coef = activator->options.coef, ceiling = is_clipped ? coef : INFINITY;
  if (activator->options.mode == CUBN_ACTIVATION_LEAKY_RELU)
    for (int64_t i = 0; i < count; ++i) p[i] = alpha * select(mask_if(p[i] > 0), p[i], coef * p[i]);
  else if (activator->nan_passes)
    for (int64_t i = 0; i < count; ++i)
      p[i] = alpha * select(mask_if(p[i] > ceiling), ceiling, select(mask_if(p[i] <= 0), 0, p[i]));
  else
    for (int64_t i = 0; i < count; ++i)
      p[i] = alpha * select(mask_if(p[i] > ceiling), ceiling, select(mask_if(p[i] > 0), p[i], 0));
}

void cubn_tile_activate(const cubn_activator *activator, double *p, int64_t count, double alpha) {
  if (activator->selects)
    activate_selecting(activator, p, count, alpha);
  else if (activator->value)
    for (int64_t i = 0; i < count; ++i) p[i] = alpha * activator->value(activator, p[i]);
  else
    for (int64_t i = 0; i < count; ++i) p[i] *= alpha;
}

CUBN_CLONES void cubn_tile_select_gradient(const cubn_activator *activator, double *restrict dy,
                                           int64_t count, const uint64_t *restrict passes) {
  const double coef = activator->options.coef;
  if (activator->options.mode == CUBN_ACTIVATION_LEAKY_RELU)
    for (int64_t i = 0; i < count; ++i) dy[i] = select(passes[i], dy[i], coef * dy[i]);
  else
    for (int64_t i = 0; i < count; ++i) dy[i] = select(passes[i], dy[i], 0);
}

void cubn_tile_multiply_slope(const cubn_activator *activator, double *dy, int64_t count,
                              const double *p) {
  for (int64_t i = 0; i < count; ++i) dy[i] *= activator->slope(activator, p[i]);
}
