/* What is kept in the reserve space, and how many bytes that takes. Backends know the layout from
 * cubn_reserve and cubn_mask. */
#include "host/reserve.h"

#include "core/check.h"
#include "host/axes.h"
#include "host/descriptor.h"
#include "host/strides.h"
#include "host/virtual_batches.h"

cubn_reserve cubn_reserve_kind(const cubn_problem *problem) {
  if (problem->is_from_y) return CUBN_RESERVE_NONE;
  const bool has_given_statistics = problem->pass == CUBN_PASS_INFER || problem->is_frozen;
  switch (problem->activation.mode) {
    case CUBN_ACTIVATION_IDENTITY:
      return CUBN_RESERVE_NONE;
    case CUBN_ACTIVATION_RELU:
    case CUBN_ACTIVATION_CLIPPED_RELU:
    case CUBN_ACTIVATION_LEAKY_RELU:
      if (problem->adds) return CUBN_RESERVE_MASK;
      break;
    default:
      if (problem->adds) return CUBN_RESERVE_INPUT;
  }
  return has_given_statistics ? CUBN_RESERVE_NONE : CUBN_RESERVE_STATISTICS;
}

const char *cubn_reserve_name(const cubn_problem *problem) {
  return problem->is_classic ? "reserve_space" : "reserve";
}

enum { RESERVE_ALIGNMENT = 16 };

/* The product, or the largest number: more than any memory has. */
static size_t multiply(int64_t count, size_t bytes) {
  size_t product;
  return __builtin_mul_overflow((size_t)count, bytes, &product) ? SIZE_MAX : product;
}

static size_t bytes_of_one(cubn_problem *problem) {
  const int64_t count = problem->c * cubn_count(problem);
  if (count == 0) return 0;
  switch (cubn_reserve_kind(problem)) {
    case CUBN_RESERVE_STATISTICS:
      return multiply(problem->c, CUBN_RESERVED_ARRAYS * cubn_param_bytes(problem->type));
    case CUBN_RESERVE_MASK:
      return (size_t)cubn_mask_layout(problem);
    case CUBN_RESERVE_INPUT:
      return multiply(count, cubn_element_bytes(problem->type));
    default:
      return 0;
  }
}

/* Virtual batches have as many bytes each, so that the space of each begins aligned. */
size_t cubn_reserve_bytes(cubn_problem *problem) {
  const int64_t batches = cubn_virtual_batches(problem);
  if (batches == 1) return bytes_of_one(problem);
  struct cubnTensorStruct x = *problem->descriptors[CUBN_ARRAY_X];
  cubn_problem one = *problem;
  x.dims[0] = problem->virtual_batch;
  for (int a = 0; a < CUBN_ARRAY_COUNT; ++a) one.descriptors[a] = NULL;
  one.descriptors[CUBN_ARRAY_X] = &x;
  one.validity = (cubn_validity){.kind = CUBN_VALID_ALL};
  cubn_collapse(&one);
  const size_t bytes = bytes_of_one(&one), gap = -bytes % RESERVE_ALIGNMENT;
  return bytes == SIZE_MAX ? bytes : multiply(batches, bytes + gap);
}

void cubn_take_reserved_statistics(cubn_problem *problem, cubn_args *args) {
  if (problem->pass != CUBN_PASS_BACKWARD || problem->reserve != CUBN_RESERVE_STATISTICS) return;
  if (problem->has_saved || cubn_count(problem) == 0) return;
  args->mean_low = cubn_reserved_array(problem, args->reserve, CUBN_RESERVED_MEAN_LOW);
  args->saved_mean = cubn_reserved_array(problem, args->reserve, CUBN_RESERVED_MEAN);
  args->saved_inv_std = cubn_reserved_array(problem, args->reserve, CUBN_RESERVED_INV_STD);
  problem->has_saved = problem->saved_is_reserved = true;
  problem->reserve = CUBN_RESERVE_NONE;
}

cubnStatus_t cubn_reserve_query(cubn_problem *problem, const cubnTensorDescriptor_t x_desc,
                                const char *function, size_t *bytes) {
  CUBN_TRY(cubn_check_set(function, "x_desc", x_desc));
  if (x_desc->type == CUBN_DATA_INT8)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function, "x_desc has type CUBN_DATA_INT8");
  CUBN_TRY(cubn_check_strides(function, "x", x_desc));
  problem->type = x_desc->type;
  problem->descriptors[CUBN_ARRAY_X] = x_desc;
  cubn_collapse(problem);
  const size_t needed_bytes = cubn_reserve_bytes(problem);
  if (needed_bytes == SIZE_MAX)
    return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                     "x_desc has %lld elements, whose reserve space would exceed 2^64 bytes",
                     (long long)(problem->c * cubn_count(problem)));
  *bytes = needed_bytes;
  return CUBN_STATUS_SUCCESS;
}
