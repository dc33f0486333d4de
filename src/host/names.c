/* Names of enumerators. */
#include "host/names.h"

const char *cubn_type_name(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_FLOAT:
      return "CUBN_DATA_FLOAT";
    case CUBN_DATA_DOUBLE:
      return "CUBN_DATA_DOUBLE";
    case CUBN_DATA_HALF:
      return "CUBN_DATA_HALF";
    case CUBN_DATA_INT8:
      return "CUBN_DATA_INT8";
    case CUBN_DATA_BFLOAT16:
      return "CUBN_DATA_BFLOAT16";
  }
  return "no cubnDataType_t";
}

const char *cubn_ops_name(cubnBatchNormOps_t ops) {
  switch (ops) {
    case CUBN_BATCHNORM_OPS_BN:
      return "CUBN_BATCHNORM_OPS_BN";
    case CUBN_BATCHNORM_OPS_BN_ACTIVATION:
      return "CUBN_BATCHNORM_OPS_BN_ACTIVATION";
    case CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION:
      return "CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION";
  }
  return "no cubnBatchNormOps_t";
}

const char *cubn_activation_name(cubnActivationMode_t mode) {
  switch (mode) {
    case CUBN_ACTIVATION_SIGMOID:
      return "CUBN_ACTIVATION_SIGMOID";
    case CUBN_ACTIVATION_RELU:
      return "CUBN_ACTIVATION_RELU";
    case CUBN_ACTIVATION_TANH:
      return "CUBN_ACTIVATION_TANH";
    case CUBN_ACTIVATION_CLIPPED_RELU:
      return "CUBN_ACTIVATION_CLIPPED_RELU";
    case CUBN_ACTIVATION_ELU:
      return "CUBN_ACTIVATION_ELU";
    case CUBN_ACTIVATION_IDENTITY:
      return "CUBN_ACTIVATION_IDENTITY";
    case CUBN_ACTIVATION_SWISH:
      return "CUBN_ACTIVATION_SWISH";
    case CUBN_ACTIVATION_LEAKY_RELU:
      return "CUBN_ACTIVATION_LEAKY_RELU";
    case CUBN_ACTIVATION_GELU:
      return "CUBN_ACTIVATION_GELU";
  }
  return "no cubnActivationMode_t";
}
