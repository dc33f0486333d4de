/* A call of a function of cuDNN's that is taken over, or passed on. */
#ifndef CUBN_CUDNN_CALL_H
#define CUBN_CUDNN_CALL_H

#include "cudnn/descriptors.h"
#include "cudnn/real.h"

/* All that the decision depends on. A forward pass, its backward pass and their size queries agree
 * in it, so that one library computes both, with a reserve space of its own format. */
typedef struct cudnn_call {
  cudnn_function function;
  cudnnHandle_t cudnn_handle;
  cubnBatchNormMode_t mode;
  cubnBatchNormOps_t ops;
  cudnnTensorDescriptor_t x_desc;
  cudnnActivationDescriptor_t activation_desc;
  int group_count; /* 1 where there are no groups */

  /* set by cudnn_take: */
  cubnHandle_t handle;
  cubnTensorDescriptor_t x;
  cubnActivationDescriptor_t activation; /* NULL where ops has none */
} cudnn_call;

/* mode and ops of the normalization family are those of batch normalization, with the same
 * values. */
cudnn_call cudnn_call_of(cudnn_function function, cudnnHandle_t handle, cubnBatchNormMode_t mode,
                         cubnBatchNormOps_t ops, const cudnnTensorDescriptor_t x_desc,
                         const cudnnActivationDescriptor_t activation_desc, int group_count);

/* Whether cubn computes the call; counts it. */
bool cudnn_take(cudnn_call *call);

/* Puts cubn's handle on the stream of cuDNN's. Should that fail, the call has failed: it cannot be
 * passed on any more. */
cubnStatus_t cudnn_set_stream(const cudnn_call *call);

/* The answer to a call that is passed on to a cuDNN that lacks the function. */
cubnStatus_t cudnn_lacks(cudnn_function function);

#endif /* CUBN_CUDNN_CALL_H */
