/* What programs for cuDNN do with its headers: types declared beforehand, one header included under
 * several names, versions compared, types of data in a switch, functions declared again. It is
 * compiled only. */
typedef struct cudnnContext *cudnnHandle_t;
typedef struct cudnnTensorStruct *cudnnTensorDescriptor_t;
typedef struct cudnnActivationStruct *cudnnActivationDescriptor_t;

#include <cudnn_ops_infer.h>
#include <cudnn_v8.h>
#include <cudnn_version.h>
#include "cudnn.h"
#include "cudnn_ops.h"

#if !defined(CUDNN_MAJOR) || CUDNN_MAJOR < 7 || CUDNN_VERSION < 8000
#error "version 8 or later is needed"
#endif

#ifdef __cplusplus
extern "C" {
#endif
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle);
const char *cudnnGetErrorString(cudnnStatus_t status);
int bytes_of(cudnnDataType_t type);
cudnnStatus_t check_versions(void);
#ifdef __cplusplus
}
#endif

int bytes_of(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_HALF:
    case CUDNN_DATA_BFLOAT16:
      return 2;
    case CUDNN_DATA_FLOAT:
    case CUDNN_DATA_INT32:
    case CUDNN_DATA_INT8x4:
      return 4;
    case CUDNN_DATA_DOUBLE:
    case CUDNN_DATA_INT64:
      return 8;
    default:
      return 1;
  }
}

cudnnStatus_t check_versions(void) {
  cudnnStatus_t (*destroy)(cudnnHandle_t) = cudnnDestroy;
  int major = 0;
  if (!destroy || cudnnGetVersion() < 8000) return CUDNN_STATUS_VERSION_MISMATCH;
  if (cudnnGetProperty(MAJOR_VERSION, &major) != CUDNN_STATUS_SUCCESS || major != CUDNN_MAJOR)
    return CUDNN_STATUS_VERSION_MISMATCH;
  if (cudnnOpsInferVersionCheck() != CUDNN_STATUS_SUCCESS) return CUDNN_STATUS_INTERNAL_ERROR;
  return cudnnOpsTrainVersionCheck();
}
