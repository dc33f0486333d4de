/* Size queries, for both of cuDNN's interfaces. */
#ifndef CUBN_HOST_SIZES_H
#define CUBN_HOST_SIZES_H

#include "core/backend.h"

typedef struct cubn_size_query {
  const char *function;
  cubnHandle_t handle;
  cubn_pass pass;
  cubnBatchNormMode_t mode;
  cubnBatchNormOps_t ops;
  cubnActivationDescriptor_t activation;
} cubn_size_query;

/* Validates the description of a call. z is dz, and output dx, in backward. */
cubnStatus_t cubn_workspace_size(const cubn_size_query *query, const cubnTensorDescriptor_t x_desc,
                                 const cubnTensorDescriptor_t z_desc,
                                 const cubnTensorDescriptor_t output_desc,
                                 const cubnTensorDescriptor_t dy_desc,
                                 const cubnTensorDescriptor_t param_desc, size_t *size);

cubnStatus_t cubn_reserve_size(const cubn_size_query *query, const cubnTensorDescriptor_t x_desc,
                               size_t *size);

#endif /* CUBN_HOST_SIZES_H */
