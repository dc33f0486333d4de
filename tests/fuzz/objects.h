/* The objects that a sequence of calls works on, and the calls that create, change and ask them:
 * any values, also those that are refused. A setter that refuses must leave its object as it was;
 * one that succeeds must have set what was asked. */
#ifndef CUBN_TESTS_FUZZ_OBJECTS_H
#define CUBN_TESTS_FUZZ_OBJECTS_H

#include "cubn.h"
#include "fuzz/input.h"

enum { TENSORS = 5, ACTIVATIONS = 2, BATCH_NORMS = 2, BUFFERS = 2 };

typedef struct fuzz_objects {
  cubnHandle_t handle;
  cubnTensorDescriptor_t tensors[TENSORS];
  cubnActivationDescriptor_t activations[ACTIVATIONS];
  cubnBatchNormDescriptor_t batch_norms[BATCH_NORMS];
  cubnBuffer_t buffers[BUFFERS];
} fuzz_objects;

void fuzz_objects_open(fuzz_objects *objects, cubnHandle_t handle);
void fuzz_objects_close(fuzz_objects *objects);

/* Sets or derives a tensor descriptor. */
void fuzz_change_tensor(fuzz_input *input, fuzz_objects *objects);
/* Sets an activation, an attribute, or a batch norm's activation. */
void fuzz_change_settings(fuzz_input *input, fuzz_objects *objects);
/* Creates, fills, copies or destroys a buffer. */
void fuzz_use_buffer(fuzz_input *input, fuzz_objects *objects);

/* A refusal must come with a status of the header and a message of this thread. */
void fuzz_check_status(cubnStatus_t status, const char *function);
/* Sometimes NULL. */
cubnTensorDescriptor_t fuzz_pick_tensor(fuzz_input *input, const fuzz_objects *objects);

/* What a descriptor says. */
typedef struct tensor_view {
  bool is_set;
  cubnDataType_t type;
  int rank;
  int64_t dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX];
  size_t bytes;
} tensor_view;
tensor_view fuzz_view(cubnTensorDescriptor_t descriptor);
size_t fuzz_type_bytes(cubnDataType_t type);

#endif /* CUBN_TESTS_FUZZ_OBJECTS_H */
