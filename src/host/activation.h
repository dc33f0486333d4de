/* Activation descriptors, as the rest of the host sees them. */
#ifndef CUBN_HOST_ACTIVATION_H
#define CUBN_HOST_ACTIVATION_H

#include "core/backend.h"
#include "core/object.h"

struct cubnActivationStruct {
  cubn_object object;
  cubn_activation value;
};

extern const cubn_activation cubn_identity;

/* Sets what a problem fuses, from ops and, where they have one, the activation. */
cubnStatus_t cubn_set_ops(cubn_problem *problem, cubnBatchNormOps_t ops,
                          const cubnActivationDescriptor_t activation, const char *function);

#endif /* CUBN_HOST_ACTIVATION_H */
