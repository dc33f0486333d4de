/* Activations and their derivatives, on tiles. */
#ifndef CUBN_CPU_ACTIVATION_H
#define CUBN_CPU_ACTIVATION_H

#include "core/backend.h"
#include "cpu/common/convert.h"

/* An activation on tensors of a type. Whether p passes is decided on p as it would be stored, though
 * p is not rounded for that: stored it is positive from `least` on, and below coef up to `most`. */
typedef struct cubn_activator {
  cubn_activation is;
  bool selects; /* RELU, CLIPPED_RELU, LEAKY_RELU: a value passes, or something else does */
  bool nan_passes;
  double least, most;
  double (*value)(const struct cubn_activator *activator, double p); /* NULL if it selects */
  double (*slope)(const struct cubn_activator *activator, double p);
} cubn_activator;

cubn_activator cubn_activator_of(const cubn_activation *activation, const cubn_conversion *type);

/* For those that select: passes[i] = all bits set where p[i] passes, else 0. */
void cubn_tile_decide(const cubn_activator *activator, const double *p, int64_t count,
                      uint64_t *passes);

/* p becomes alpha * activation(p). */
void cubn_tile_activate(const cubn_activator *activator, double *p, int64_t count, double alpha);

/* dy becomes dp, not yet rounded. For those that select, and for the others. */
void cubn_tile_select_gradient(const cubn_activator *activator, double *dy, int64_t count,
                               const uint64_t *passes);
void cubn_tile_multiply_slope(const cubn_activator *activator, double *dy, int64_t count,
                              const double *p);

#endif /* CUBN_CPU_ACTIVATION_H */
