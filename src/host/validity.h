/* Masks and lengths of a call. */
#ifndef CUBN_HOST_VALIDITY_H
#define CUBN_HOST_VALIDITY_H

#include "core/backend.h"

/* "mask" or "lengths". */
static inline const char *cubn_validity_name(const cubn_problem *problem) {
  return problem->validity.kind == CUBN_VALID_LENGTHS ? "lengths" : "mask";
}

/* Checks that the mask, or the dimension of the lengths, fits x, whose descriptor is checked;
 * completes problem->validity. */
cubnStatus_t cubn_check_validity(cubn_problem *problem, const char *function);

#endif /* CUBN_HOST_VALIDITY_H */
