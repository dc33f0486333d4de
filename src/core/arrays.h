/* The arrays of a problem, and how their elements lie in memory. */
#ifndef CUBN_CORE_ARRAYS_H
#define CUBN_CORE_ARRAYS_H

#include <stdint.h>

#include "cubn.h"

/* How the elements of a problem lie in memory; see cubn_problem. */
typedef enum { CUBN_LAYOUT_ROWS, CUBN_LAYOUT_COLUMNS, CUBN_LAYOUT_STRIDED } cubn_layout;

/* The arrays of a problem that have strides.
 *   OUTPUT  y, or dx in backward, or gx in double backward
 *   DY      in backward and double backward
 *   Z       z, or dz in backward, or ddx in double backward
 *   PLACE   not an array of the caller: the elements of x numbered in memory order, without gaps.
 *           The reserve space is indexed by it.
 *   PARAM   scale, bias and all other per-channel arrays
 *   DDY     in double backward only
 *   VALID   where an element's validity is, see cubn_validity */
typedef enum {
  CUBN_ARRAY_X,
  CUBN_ARRAY_OUTPUT,
  CUBN_ARRAY_DY,
  CUBN_ARRAY_Z,
  CUBN_ARRAY_PLACE,
  CUBN_ARRAY_PARAM,
  CUBN_ARRAY_DDY,
  CUBN_ARRAY_VALID,
  CUBN_ARRAY_COUNT
} cubn_array;

/* Some dimensions of a problem, merged where all arrays allow it, the fastest of x last. */
typedef struct cubn_axes {
  int rank; /* 0 stands for one element */
  int64_t size[CUBN_DIM_MAX];
  int64_t stride[CUBN_ARRAY_COUNT][CUBN_DIM_MAX]; /* elements */
} cubn_axes;

#endif /* CUBN_CORE_ARRAYS_H */
