/* Activations and their derivatives, on tiles. */
#ifndef CUBN_CPU_COMMON_ACTIVATION_H
#define CUBN_CPU_COMMON_ACTIVATION_H

#include "core/backend.h"
#include "cpu/common/convert.h"

/* An activation of tensors of one type. It either selects (RELU, CLIPPED_RELU, LEAKY_RELU: p
 * passes, or something else takes its place) or is smooth (`value` and `slope`); the identity does
 * neither. Whether p passes is decided on p as it would be stored, though p is not rounded for
 * that. */
typedef struct cubn_activator {
  cubn_activation options;
  bool selects;    /* it is RELU, CLIPPED_RELU or LEAKY_RELU */
  bool nan_passes; /* a NaN passes */
  double least;    /* the least p that is positive when it is stored */
  double most;     /* the greatest p that is below coef when it is stored, or infinity */
  /* The smooth activation at p; NULL for the others. */
  double (*value)(const struct cubn_activator *activator, double p);
  /* The derivative of the smooth activation at p; NULL for the others. */
  double (*slope)(const struct cubn_activator *activator, double p);
} cubn_activator;

cubn_activator cubn_activator_of(const cubn_activation *activation, const cubn_conversion *type);

/* Of an activation that selects: passes[i] has all bits set where p[i] passes, and is 0
 * elsewhere. */
void cubn_tile_decide(const cubn_activator *activator, const double *p, int64_t count,
                      uint64_t *passes);

/* p becomes alpha * activation(p). */
void cubn_tile_activate(const cubn_activator *activator, double *p, int64_t count, double alpha);

/* dy becomes dp, not yet rounded, of an activation that selects. */
void cubn_tile_select_gradient(const cubn_activator *activator, double *dy, int64_t count,
                               const uint64_t *passes);

/* dy becomes dp, not yet rounded, of a smooth activation. */
void cubn_tile_multiply_slope(const cubn_activator *activator, double *dy, int64_t count,
                              const double *p);

#endif /* CUBN_CPU_COMMON_ACTIVATION_H */
