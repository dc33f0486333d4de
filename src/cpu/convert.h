/* Element types: conversion to and from double, the only type in which the CPU backend computes. */
#ifndef CUBN_CPU_CONVERT_H
#define CUBN_CPU_CONVERT_H

#include "host/backend.h"

typedef struct cubn_conversion {
  size_t bytes; /* of an element */
  /* Converts count elements, `stride` elements apart in memory, packed as doubles. Storing rounds
   * once, to nearest even; what is too large becomes infinity. */
  void (*load)(const void *from, int64_t stride, int64_t count, double *to);
  void (*store)(const double *from, int64_t stride, int64_t count, void *to);
} cubn_conversion;

/* Of tensors of this type; NULL if the CPU backend does not know it. */
const cubn_conversion *cubn_conversion_of(cubnDataType_t type);

/* Of the per-channel arrays that go with tensors of this type. */
const cubn_conversion *cubn_conversion_of_param(cubnDataType_t type);

/* Address of the element `offset` elements behind base. */
static inline const void *cubn_element_at(const cubn_conversion *type, const void *base,
                                          int64_t offset) {
  return (const char *)base + offset * (int64_t)type->bytes;
}

static inline void *cubn_mutable_element_at(const cubn_conversion *type, void *base,
                                            int64_t offset) {
  return (char *)base + offset * (int64_t)type->bytes;
}

#endif /* CUBN_CPU_CONVERT_H */
