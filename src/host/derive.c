/* Parameter descriptors: of the per-channel arrays that go with x and a mode. */
#include "core/check.h"
#include "host/descriptor.h"

cubnStatus_t cubn_check_mode(cubnBatchNormMode_t mode, const char *function) {
  CUBN_REQUIRE(mode >= CUBN_BATCHNORM_PER_ACTIVATION && mode <= CUBN_BATCHNORM_SPATIAL_PERSISTENT,
               function, "mode is %d, which is no cubnBatchNormMode_t", (int)mode);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_derive(cubnTensorDescriptor_t derived, const cubnTensorDescriptor_t x,
                         cubnBatchNormMode_t mode, const char *function) {
  CUBN_REQUIRE(derived, function, "derived is NULL");
  CUBN_TRY(cubn_check_set(function, "x", x));
  CUBN_TRY(cubn_check_mode(mode, function));
  const cubnDataType_t type = x->type == CUBN_DATA_DOUBLE ? CUBN_DATA_DOUBLE : CUBN_DATA_FLOAT;
  int64_t dims[CUBN_DIM_MAX] = {1, x->dims[1]};
  for (int i = 2; i < x->rank; ++i)
    dims[i] = mode == CUBN_BATCHNORM_PER_ACTIVATION ? x->dims[i] : 1;
  return cubn_set_packed(function, derived, type, x->rank, dims);
}

cubnStatus_t cubnDeriveBNTensorDescriptor(cubnTensorDescriptor_t derived,
                                          const cubnTensorDescriptor_t x,
                                          cubnBatchNormMode_t mode) {
  return cubn_derive(derived, x, mode, __func__);
}
