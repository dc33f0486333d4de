/* Element types: conversion to and from double, the only type in which the CPU backend computes. */
#ifndef CUBN_CPU_CONVERT_H
#define CUBN_CPU_CONVERT_H

#include "core/backend.h"

/* Elements in memory: rows of `count` elements, all at fixed distances, in elements. */
typedef struct cubn_patch {
  int64_t offset; /* of the first element */
  int64_t rows, row_stride;
  int64_t count, stride;
} cubn_patch;

typedef struct cubn_conversion {
  size_t bytes; /* of an element */
  double least; /* the least number that is not rounded to 0 */
  /* Converts a patch of an array to or from packed doubles. Storing rounds once, to nearest even;
   * what is too large becomes infinity. */
  void (*load)(const void *array, cubn_patch patch, double *to);
  void (*store)(const double *from, cubn_patch patch, void *array);
  /* Rounds values to what would be stored. */
  void (*round)(double *values, int64_t count);
} cubn_conversion;

/* Of tensors of this type; NULL if the CPU backend does not know it. */
const cubn_conversion *cubn_conversion_of(cubnDataType_t type);

/* Of the per-channel arrays that go with tensors of this type. */
const cubn_conversion *cubn_conversion_of_param(cubnDataType_t type);

#endif /* CUBN_CPU_CONVERT_H */
