/* Which strides the operations take, of those that a descriptor keeps. */
#ifndef CUBN_HOST_STRIDES_H
#define CUBN_HOST_STRIDES_H

#include "cubn.h"

/* NOT_SUPPORTED for a negative stride. `name` is that of the tensor, without _desc. */
cubnStatus_t cubn_check_strides(const char *function, const char *name,
                                const struct cubnTensorStruct *tensor);

/* BAD_PARAM for strides with which elements would be the same, for outputs: 0, or two dimensions
 * whose steps meet. In an empty tensor
 * strides that are products of dimensions may be 0. */
cubnStatus_t cubn_check_distinct(const char *function, const char *name,
                                 const struct cubnTensorStruct *tensor);

#endif /* CUBN_HOST_STRIDES_H */
