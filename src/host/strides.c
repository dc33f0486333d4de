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

static int64_t greatest_divisor(int64_t a, int64_t b) {
  while (b != 0) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* Whether some steps along dimension i are as long as some along j. */
static bool do_meet(const struct cubnTensorStruct *tensor, int i, int j) {
  const int64_t a = tensor->strides[i], b = tensor->strides[j];
  const int64_t steps_a = tensor->dims[i], steps_b = tensor->dims[j];
  if (steps_a <= 1 || steps_b <= 1 || a >= b * steps_b || b >= a * steps_a) return false;
  const int64_t divisor = greatest_divisor(a, b);
  return b / divisor < steps_a && a / divisor < steps_b;
}

/* Whether each dimension steps over all that the ones behind it reach, as in packed NCHW. */
static bool is_nested(const struct cubnTensorStruct *tensor) {
  int64_t reach = 1;
  for (int i = tensor->rank - 1; i >= 0; --i) {
    if (tensor->dims[i] == 1) continue;
    if (tensor->strides[i] < reach) return false;
    reach = tensor->strides[i] * tensor->dims[i];
  }
  return true;
}

cubnStatus_t cubn_check_distinct(const char *function, const char *name,
                                 const struct cubnTensorStruct *tensor) {
  if (is_nested(tensor) || cubn_is_empty(tensor)) return CUBN_STATUS_SUCCESS;
  for (int i = 0; i < tensor->rank; ++i)
    CUBN_REQUIRE(tensor->dims[i] <= 1 || tensor->strides[i] != 0, function,
                 "%s_desc has stride 0 in dimension %d, whose size is %lld: elements would share "
                 "memory",
                 name, i, (long long)tensor->dims[i]);
  for (int i = 0; i < tensor->rank; ++i)
    for (int j = 0; j < i; ++j)
      CUBN_REQUIRE(
          !do_meet(tensor, i, j), function,
          "%s_desc has strides %lld and %lld in dimensions %d and %d, whose sizes are %lld "
          "and %lld: elements would share memory",
          name, (long long)tensor->strides[j], (long long)tensor->strides[i], j, i,
          (long long)tensor->dims[j], (long long)tensor->dims[i]);
  return CUBN_STATUS_SUCCESS;
}
