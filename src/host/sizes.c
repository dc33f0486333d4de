/* The size queries of cuDNN's interface. */
#include "host/sizes.h"

#include "core/check.h"
#include "host/activation.h"
#include "host/descriptor.h"
#include "host/problem.h"
#include "host/reserve.h"

cubnStatus_t cubn_workspace_size(const cubn_size_query *query, const cubnTensorDescriptor_t x_desc,
                                 const cubnTensorDescriptor_t z_desc,
                                 const cubnTensorDescriptor_t output_desc,
                                 const cubnTensorDescriptor_t dy_desc,
                                 const cubnTensorDescriptor_t param_desc, size_t *size) {
  const char *const function = query->function;
  CUBN_REQUIRE_HANDLE(query->handle, function);
  CUBN_REQUIRE(size, function, "size is NULL");
  cubn_problem problem = {.pass = query->pass, .mode = query->mode, .has_output = true};
  CUBN_TRY(cubn_set_ops(&problem, query->ops, query->activation, function));
  problem.has_dz = problem.adds && query->pass == CUBN_PASS_BACKWARD;
  problem.descriptors[CUBN_ARRAY_X] = x_desc;
  problem.descriptors[CUBN_ARRAY_OUTPUT] = output_desc;
  problem.descriptors[CUBN_ARRAY_DY] = dy_desc;
  problem.descriptors[CUBN_ARRAY_Z] = problem.adds ? z_desc : NULL;
  problem.descriptors[CUBN_ARRAY_PARAM] = param_desc;
  CUBN_TRY(cubn_problem_describe(&problem, function));
  *size = 0; /* the backend keeps the workspace */
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_reserve_size(const cubn_size_query *query, const cubnTensorDescriptor_t x_desc,
                               size_t *size) {
  const char *const function = query->function;
  CUBN_REQUIRE_HANDLE(query->handle, function);
  CUBN_REQUIRE(size, function, "size is NULL");
  cubn_problem problem = {.pass = CUBN_PASS_TRAIN, .mode = query->mode};
  CUBN_TRY(cubn_check_mode(query->mode, function));
  CUBN_TRY(cubn_set_ops(&problem, query->ops, query->activation, function));
  return cubn_reserve_query(&problem, x_desc, function, size);
}

cubnStatus_t cubnGetBatchNormalizationForwardTrainingExWorkspaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t z_desc,
    const cubnTensorDescriptor_t y_desc, const cubnTensorDescriptor_t param_desc,
    const cubnActivationDescriptor_t activation_desc, size_t *size) {
  const cubn_size_query query = {__func__, handle, CUBN_PASS_TRAIN, mode, ops, activation_desc};
  return cubn_workspace_size(&query, x_desc, z_desc, y_desc, NULL, param_desc, size);
}

cubnStatus_t cubnGetBatchNormalizationBackwardExWorkspaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnTensorDescriptor_t x_desc, const cubnTensorDescriptor_t y_desc,
    const cubnTensorDescriptor_t dy_desc, const cubnTensorDescriptor_t dz_desc,
    const cubnTensorDescriptor_t dx_desc, const cubnTensorDescriptor_t param_desc,
    const cubnActivationDescriptor_t activation_desc, size_t *size) {
  (void)y_desc;
  const cubn_size_query query = {__func__, handle, CUBN_PASS_BACKWARD, mode, ops, activation_desc};
  return cubn_workspace_size(&query, x_desc, dz_desc, dx_desc, dy_desc, param_desc, size);
}

cubnStatus_t cubnGetBatchNormalizationTrainingExReserveSpaceSize(
    cubnHandle_t handle, cubnBatchNormMode_t mode, cubnBatchNormOps_t ops,
    const cubnActivationDescriptor_t activation_desc, const cubnTensorDescriptor_t x_desc,
    size_t *size) {
  const cubn_size_query query = {__func__, handle, CUBN_PASS_TRAIN, mode, ops, activation_desc};
  return cubn_reserve_size(&query, x_desc, size);
}
