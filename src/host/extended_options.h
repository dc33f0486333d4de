/* What few calls of the extended interface ask for: each function reads its attributes and tensors,
 * and refuses what it does not go together with. */
#ifndef CUBN_HOST_EXTENDED_OPTIONS_H
#define CUBN_HOST_EXTENDED_OPTIONS_H

#include "host/extended.h"
#include "host/joint.h"

/* Which elements take part; completed by cubn_check_validity. */
cubnStatus_t cubn_describe_validity(cubn_call *call, const cubnBatchNormDescriptor_t descriptor,
                                    const cubnBatchNormTensors_t *tensors, bool is_exchanged);

/* Batch renormalization, which CUBN_BATCHNORM_R_MAX and _D_MAX ask for, or the arrays. */
cubnStatus_t cubn_describe_renormalization(const cubnBatchNormDescriptor_t descriptor,
                                           const cubnBatchNormTensors_t *tensors,
                                           const char *function, cubn_problem *problem,
                                           cubn_args *args);

/* Backward that reads y in place of x. */
cubnStatus_t cubn_describe_from_y(const cubnBatchNormDescriptor_t descriptor,
                                  const cubnBatchNormTensors_t *tensors, const char *function,
                                  cubn_problem *problem, cubn_args *args);

/* Virtual batches have statistics and sums of their own, so they have nothing to do with those of
 * other ranks, or given ones. */
cubnStatus_t cubn_check_virtual_batch(const cubn_call *call, bool is_exchanged);

#endif /* CUBN_HOST_EXTENDED_OPTIONS_H */
