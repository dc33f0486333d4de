#include "host/validity.h"

#include "core/check.h"
#include "host/descriptor.h"
#include "host/names.h"
#include "host/strides.h"

static cubnStatus_t check_mask(const cubn_problem *problem, const char *function) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  const struct cubnTensorStruct *mask = problem->descriptors[CUBN_ARRAY_VALID];
  CUBN_TRY(cubn_check_set(function, "mask_desc", mask));
  CUBN_TRY(cubn_check_strides(function, "mask", mask));
  CUBN_REQUIRE(mask->type == CUBN_DATA_INT8, function,
               "mask_desc has type %s, must be CUBN_DATA_INT8", cubn_type_name(mask->type));
  CUBN_REQUIRE(mask->rank == x->rank, function, "mask_desc has rank %d, must be that of x, %d",
               mask->rank, x->rank);
  for (int i = 0; i < x->rank; ++i)
    CUBN_REQUIRE(mask->dims[i] == x->dims[i] || mask->dims[i] == 1, function,
                 "mask_desc has size %lld in dimension %d, must have that of x, %lld, or 1",
                 (long long)mask->dims[i], i, (long long)x->dims[i]);
  CUBN_REQUIRE(
      problem->mode == CUBN_BATCHNORM_PER_ACTIVATION || mask->dims[1] <= 1 || mask->strides[1] == 0,
      function,
      "mask_desc has size %lld and stride %lld in dimension 1: in spatial mode a mask is "
      "the same for all channels, with size 1 or stride 0",
      (long long)mask->dims[1], (long long)mask->strides[1]);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_check_validity(cubn_problem *problem, const char *function) {
  const struct cubnTensorStruct *x = problem->descriptors[CUBN_ARRAY_X];
  cubn_validity *validity = &problem->validity;
  if (validity->kind == CUBN_VALID_MASK) return check_mask(problem, function);
  if (validity->kind == CUBN_VALID_ALL) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE(validity->lengths_dim < x->rank, function,
               "CUBN_BATCHNORM_LENGTHS_DIM is %d, must be below the rank of x, %d, as lengths are "
               "given",
               validity->lengths_dim, x->rank);
  validity->extent = x->dims[validity->lengths_dim];
  return CUBN_STATUS_SUCCESS;
}
