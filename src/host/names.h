/* Names of enumerators in messages, as the public headers spell them. */
#ifndef CUBN_HOST_NAMES_H
#define CUBN_HOST_NAMES_H

#include "cubn.h"

/* "CUBN_DATA_FLOAT"; "no cubnDataType_t" for other values. */
const char *cubn_type_name(cubnDataType_t type);

/* "CUBN_BATCHNORM_OPS_BN_ACTIVATION"; "no cubnBatchNormOps_t" for other values. */
const char *cubn_ops_name(cubnBatchNormOps_t ops);

/* "CUBN_ACTIVATION_TANH"; "no cubnActivationMode_t" for other values. */
const char *cubn_activation_name(cubnActivationMode_t mode);

#endif /* CUBN_HOST_NAMES_H */
