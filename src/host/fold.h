/* What folding into the layer in front and into the layer behind share. */
#ifndef CUBN_HOST_FOLD_H
#define CUBN_HOST_FOLD_H

#include "core/handle.h"
#include "host/descriptor.h"

/* A call as the caller gave it. */
typedef struct cubn_fold {
  const char *function;
  cubnHandle_t handle;
  cubnTensorDescriptor_t weights_desc, folded_desc; /* folded_desc: NULL: weights_desc */
  const void *weights, *layer_bias, *scale, *bias, *mean, *var;
  double epsilon;
  void *folded_weights, *folded_bias, *padding;
} cubn_fold;

/* BAD_PARAM or NOT_SUPPORTED for a descriptor or epsilon that cannot be; sets folded_desc. */
cubnStatus_t cubn_fold_check(cubn_fold *fold);

/* The same for pointers; there are `channels` channels, for which there must be statistics. */
cubnStatus_t cubn_fold_check_pointers(const cubn_fold *fold, int64_t channels);

/* A descriptor of per-channel arrays, packed: 1 x channels of rank 2. */
struct cubnTensorStruct cubn_fold_per_channel(cubnDataType_t type, int64_t channels);

/* Where the result is wider than the values: converts these to where it will be, from where it is
 * then computed in place. */
cubnStatus_t cubn_fold_widen(const cubn_fold *fold, struct cubnTensorStruct *from,
                             struct cubnTensorStruct *to, const void **values, void *folded);

/* Pointers of a part of the weights, and which channel it begins with. */
typedef struct cubn_fold_part {
  struct cubnTensorStruct weights, folded; /* dimension 1 is that of the channels */
  const void *from;
  void *to;
  int64_t first_channel;
} cubn_fold_part;

/* folded = weights * scale * inv_std: a gradient that passes through constant statistics. */
cubnStatus_t cubn_fold_scale_weights(const cubn_fold *fold, cubn_fold_part *part);

#endif /* CUBN_HOST_FOLD_H */
