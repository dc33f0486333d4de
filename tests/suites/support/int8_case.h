/* A call of cubnBatchNormForwardInt8, and its results by the documented arithmetic and in long
 * double. */
#ifndef CUBN_TESTS_INT8_CASE_H
#define CUBN_TESTS_INT8_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "cubn.h"

/* The order of a tensor's dimensions in memory; WIDE is NCHW with gaps, WIDE_LAST the same of
 * NHWC. */
typedef enum { INT8_NCHW, INT8_NHWC, INT8_WIDE, INT8_WIDE_LAST, INT8_WHCN, INT8_ORDERS } int8_order;

enum { INT8_SCALE, INT8_BIAS, INT8_MEAN, INT8_MEAN_LOW, INT8_VAR, INT8_PARAMS };

typedef struct int8_case {
  int64_t dims[4];
  int8_order x_order, y_order;
  bool in_place;       /* y is x, in the order of x */
  int64_t skip;        /* bytes before the first element, of both */
  bool per_activation; /* else spatial */
  bool given_inv_std;  /* else the variance */
  cubnActivationMode_t activation;
  double ceiling;
  double epsilon, x_scale, y_scale;
  int x_zero_point, y_zero_point;
  bool absent[INT8_PARAMS];
  float extreme; /* if not 0: the scale of channel 0 */
  unsigned seed;
} int8_case;

typedef struct int8_run {
  int8_case c;
  int64_t channels, count;
  int64_t x_strides[4], y_strides[4], extent[2]; /* elements, without skip */
  int8_t *x, *y;                                 /* before and after the call, skip included */
  float *params[INT8_PARAMS];
  cubnBuffer_t buffers[INT8_PARAMS + 2]; /* params, x, y */
  cubnTensorDescriptor_t x_desc, y_desc, param_desc;
  cubnBatchNormDescriptor_t descriptor;
  cubnBatchNormInt8Tensors_t call;
} int8_run;

/* Creates what the call needs, with values that vary without a pattern. */
void int8_open(int8_run *run, cubnHandle_t handle, const int8_case *c);
void int8_close(int8_run *run);

/* Compares y with both references, and its gaps with what they were. */
bool int8_check(int8_run *run, const char *what);

#endif /* CUBN_TESTS_INT8_CASE_H */
