/* Element types: conversion to and from double. */
#ifndef CUBN_CPU_COMMON_CONVERT_H
#define CUBN_CPU_COMMON_CONVERT_H

#include "core/backend.h"

/* Elements in memory: rows of `count` elements each. Offset and strides are in elements. */
typedef struct cubn_patch {
  int64_t offset;           /* offset of the first element */
  int64_t rows, row_stride; /* the rows, and the distance from one to the next */
  int64_t count, stride;    /* the elements of a row, and the distance from one to the next */
} cubn_patch;

typedef struct cubn_conversion {
  size_t bytes; /* bytes of an element */
  double least; /* the least number that is not rounded to 0 */
  /* Converts a patch of an array to packed doubles. */
  void (*load)(const void *array, cubn_patch patch, double *to);
  /* Converts packed doubles to a patch of an array. It rounds once, to nearest even; what is too
   * large becomes infinity. */
  void (*store)(const double *from, cubn_patch patch, void *array);
  /* Rounds values to what would be stored. */
  void (*round)(double *values, int64_t count);
} cubn_conversion;

/* The conversion for tensors of this type; NULL if the CPU backend does not have it. */
const cubn_conversion *cubn_conversion_of(cubnDataType_t type);

/* The conversion for the parameters that go with tensors of this type. */
const cubn_conversion *cubn_conversion_of_param(cubnDataType_t type);

#endif /* CUBN_CPU_COMMON_CONVERT_H */
