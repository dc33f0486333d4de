/* Tensor descriptors, as the rest of the host sees them. */
#ifndef CUBN_HOST_DESCRIPTOR_H
#define CUBN_HOST_DESCRIPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/object.h"
#include "cubn.h"

struct cubnTensorStruct {
  cubn_object object;
  bool is_set;
  cubnDataType_t type;
  int rank;
  int64_t dims[CUBN_DIM_MAX];
  int64_t strides[CUBN_DIM_MAX]; /* elements */
};

/* Strides of a packed tensor whose dimensions follow each other in memory in the order `order`,
 * slowest first. False if the number of elements overflows. */
bool cubn_packed_strides(int rank, const int64_t dims[], const int order[], int64_t strides[]);

/* Whether it has no elements. */
static inline bool cubn_is_empty(const struct cubnTensorStruct *tensor) {
  for (int i = 0; i < tensor->rank; ++i)
    if (tensor->dims[i] == 0) return true;
  return false;
}

/* BAD_PARAM if the descriptor is NULL or was never set; `argument` names it in the message. */
cubnStatus_t cubn_check_set(const char *function, const char *argument,
                            const struct cubnTensorStruct *descriptor);

/* Sets a packed descriptor in NCHW order; the message of a failure names dims[i]. */
cubnStatus_t cubn_set_packed(const char *function, cubnTensorDescriptor_t descriptor,
                             cubnDataType_t type, int rank, const int64_t dims[]);

/* ---- derive.c */
/* BAD_PARAM unless the mode is one. */
cubnStatus_t cubn_check_mode(cubnBatchNormMode_t mode, const char *function);

/* cubnDeriveBNTensorDescriptor, on behalf of a public function. */
cubnStatus_t cubn_derive(cubnTensorDescriptor_t derived, const cubnTensorDescriptor_t x,
                         cubnBatchNormMode_t mode, const char *function);

#endif /* CUBN_HOST_DESCRIPTOR_H */
