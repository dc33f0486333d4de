/* The call of a problem line: a function of cuDNN if it can express the line, else the extended
 * interface. */
#ifndef CUBN_TESTS_RUN_CALL_H
#define CUBN_TESTS_RUN_CALL_H

#include "kit/data.h"

typedef struct run_context {
  cubnHandle_t handle;
  line_problem problem;
  cubnBuffer_t buffers[DATA_ARRAYS];
  void *pointers[DATA_ARRAYS]; /* first elements; NULL if the call has no such array */
  cubnTensorDescriptor_t tensors[LINE_TENSORS], params, mask;
  cubnActivationDescriptor_t activation;
  cubnBatchNormDescriptor_t batch_norm;
  size_t reserve_bytes;
} run_context;

/* Makes the call, by the function that the line asks for; it does not wait. */
cubnStatus_t run_call(const run_context *run);
/* The same by other functions: the extended interface, which has every line, and cuDNN's
 * Normalization functions (run_interfaces.c). */
cubnStatus_t run_extended(const run_context *run);
bool run_has_normalization(const line_problem *problem);
cubnStatus_t run_normalization(const run_context *run);
/* The tensors of a call of the extended interface. */
cubnBatchNormTensors_t run_tensors(const run_context *run);

#endif /* CUBN_TESTS_RUN_CALL_H */
