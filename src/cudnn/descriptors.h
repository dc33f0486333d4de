/* cuDNN's descriptors as cubn's. */
#ifndef CUBN_CUDNN_DESCRIPTORS_H
#define CUBN_CUDNN_DESCRIPTORS_H

#include <stdbool.h>

#include "cudnn/cudnn_api.h"

/* The descriptors of a call. Each thread has one object for each, which its next call changes. */
typedef enum cudnn_slot {
  CUDNN_SLOT_X,
  CUDNN_SLOT_Y,
  CUDNN_SLOT_Z,
  CUDNN_SLOT_DY,
  CUDNN_SLOT_DX,
  CUDNN_SLOT_DZ,
  CUDNN_SLOT_PARAM,
  CUDNN_SLOT_MEAN_VAR,
  CUDNN_SLOT_COUNT
} cudnn_slot;

/* The same tensor, or NULL if the descriptor is NULL, was never set, or has a type that cubn does
 * not compute with. */
cubnTensorDescriptor_t cudnn_translate_tensor(cudnn_slot slot,
                                              const cudnnTensorDescriptor_t descriptor);

/* The same activation, or NULL if the descriptor is NULL or has a mode unknown to cubn. */
cubnActivationDescriptor_t cudnn_translate_activation(const cudnnActivationDescriptor_t descriptor);

#endif /* CUBN_CUDNN_DESCRIPTORS_H */
