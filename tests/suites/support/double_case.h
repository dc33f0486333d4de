/* A call of cubnBatchNormDoubleBackward with arrays of any type and strides, and its results in
 * long double. */
#ifndef CUBN_TESTS_DOUBLE_CASE_H
#define CUBN_TESTS_DOUBLE_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "cubn.h"

enum {
  DOUBLE_X,
  DOUBLE_DY,
  DOUBLE_DDX,
  DOUBLE_GX,
  DOUBLE_DDY,
  DOUBLE_TENSORS,
  DOUBLE_SCALE = DOUBLE_TENSORS, /* one value per channel from here on */
  DOUBLE_DDSCALE,
  DOUBLE_DDBIAS,
  DOUBLE_GSCALE,
  DOUBLE_MEAN, /* the saved or the given one */
  DOUBLE_MEAN_LOW,
  DOUBLE_INV_STD, /* of given statistics the variance */
  DOUBLE_ARRAYS
};

/* The order of a tensor's dimensions in memory; WIDE is NCHW with gaps. */
typedef enum { DOUBLE_NCHW, DOUBLE_NHWC, DOUBLE_WIDE, DOUBLE_WHCN, DOUBLE_ORDERS } double_order;

typedef struct double_case {
  cubnDataType_t type;
  int64_t dims[4];
  cubnBatchNormMode_t mode;
  cubnBatchNormStatistics_t statistics;
  double epsilon;
  double means[DOUBLE_DDX + 1]; /* of x, dy and ddx, whose standard deviation is about 1 */
  double_order order[DOUBLE_TENSORS];
  bool in_place[DOUBLE_TENSORS]; /* of gx and ddy: in the memory of `home` */
  int home[DOUBLE_TENSORS];      /* DOUBLE_X, DOUBLE_DY or DOUBLE_DDX, which then has its order */
  bool absent[DOUBLE_ARRAYS];
  unsigned seed;
} double_case;

typedef struct double_array {
  cubnDataType_t type;
  int64_t extent, strides[4]; /* elements */
  unsigned char *values;      /* host memory; 0xff where no element is */
  cubnBuffer_t buffer;
  void *pointer;
} double_array;

typedef struct double_run {
  double_case c;
  int64_t channels, count;
  double_array arrays[DOUBLE_ARRAYS];
  int home[DOUBLE_ARRAYS]; /* the array whose memory this one has: its own, or that of an input */
  cubnTensorDescriptor_t tensors[DOUBLE_TENSORS], params;
  cubnBatchNormDescriptor_t descriptor;
  cubnBatchNormDoubleBackwardTensors_t call;
} double_run;

/* Fills the arrays and uploads them. */
void double_open(double_run *run, cubnHandle_t handle, const double_case *c);
void double_close(double_run *run);

/* The bytes that an array has on the device; the caller frees them. */
unsigned char *double_download(const double_run *run, int array);

/* The values of a channel as double_exact wants them, with the statistics of x; the caller frees
 * what is returned. And the statistics that the call uses, in place of those. */
struct double_channel;
long double *double_gather(const double_run *run, int64_t channel, struct double_channel *to);
void double_use_statistics(const double_run *run, int64_t channel, struct double_channel *to);

/* Compares all results with double_exact, and everything else with what it was. */
bool double_check(const double_run *run, const char *what);

/* An element of a channel. */
int64_t double_offset(const double_run *run, int array, int64_t channel, int64_t index);

#endif /* CUBN_TESTS_DOUBLE_CASE_H */
