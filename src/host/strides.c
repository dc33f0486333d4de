#include "host/strides.h"

#include "core/check.h"
#include "host/descriptor.h"

/* Dimensions of at most 1 have no use for their stride. */
cubnStatus_t cubn_check_strides(const char *function, const char *name,
                                const struct cubnTensorStruct *tensor) {
  for (int i = 0; i < tensor->rank; ++i)
    if (tensor->dims[i] > 1 && tensor->strides[i] < 0)
      return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                       "%s_desc has stride %lld in dimension %d; no operation takes negative "
                       "strides",
                       name, (long long)tensor->strides[i], i);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_check_distinct(const char *function, const char *name,
                                 const struct cubnTensorStruct *tensor) {
  for (int i = 0; i < tensor->rank; ++i)
    CUBN_REQUIRE(tensor->dims[i] <= 1 || tensor->strides[i] != 0, function,
                 "%s_desc has stride 0 in dimension %d of %lld", name, i,
                 (long long)tensor->dims[i]);
  return CUBN_STATUS_SUCCESS;
}
