/* The reserve space, which forward writes and backward reads. */
#ifndef CUBN_HOST_RESERVE_H
#define CUBN_HOST_RESERVE_H

#include "core/backend.h"

/* What a problem keeps there, from activation, adds, pass and is_frozen. */
cubn_reserve cubn_reserve_kind(const cubn_problem *problem);

/* How the caller knows it: as an argument of cuDNN's functions, or as a member of
 * cubnBatchNormTensors_t. */
const char *cubn_reserve_name(const cubn_problem *problem);

/* Its bytes, of a collapsed problem. */
size_t cubn_reserve_bytes(cubn_problem *problem);

/* Lets backward take its statistics from the reserve space if the caller has not saved them. */
void cubn_take_reserved_statistics(cubn_problem *problem, cubn_args *args);

/* Bytes for x and a problem in which mode, activation, adds and is_frozen are set. */
cubnStatus_t cubn_reserve_query(cubn_problem *problem, const cubnTensorDescriptor_t x_desc,
                                const char *function, size_t *bytes);

#endif /* CUBN_HOST_RESERVE_H */
