/* Tensor descriptors: type, dimensions, strides. */
#include "host/descriptor.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "core/backend.h"
#include "core/check.h"

bool cubn_packed_strides(int rank, const int64_t dims[], const int order[], int64_t strides[]) {
  int64_t stride = 1;
  for (int i = rank - 1; i >= 0; --i) {
    strides[order[i]] = stride;
    /* An empty dimension counts as one, so that the others keep meaningful strides. */
    const int64_t size = dims[order[i]] > 0 ? dims[order[i]] : 1;
    if (__builtin_mul_overflow(stride, size, &stride)) return false;
  }
  return true;
}

/* Bytes from the first to the last element. False on overflow, for which an empty dimension counts
 * as one: the products of the others must be numbers, too. */
static bool extent_bytes(const struct cubnTensorStruct *tensor, int64_t *bytes) {
  int64_t elements = 1, last = 0;
  for (int i = 0; i < tensor->rank; ++i) {
    if (tensor->dims[i] == 0) continue;
    int64_t reach;
    if (__builtin_mul_overflow(elements, tensor->dims[i], &elements)) return false;
    if (__builtin_mul_overflow(tensor->dims[i] - 1, tensor->strides[i], &reach)) return false;
    if (reach < 0 && __builtin_sub_overflow((int64_t)0, reach, &reach)) return false;
    if (__builtin_add_overflow(last, reach, &last)) return false;
  }
  if (__builtin_add_overflow(last, (int64_t)1, &last) ||
      __builtin_mul_overflow(last, (int64_t)cubn_element_bytes(tensor->type), bytes))
    return false;
  if (cubn_is_empty(tensor)) *bytes = 0;
  return true;
}

/* How a function calls its dimensions and strides, in messages. */
typedef struct argument_names {
  const char *dims[CUBN_DIM_MAX], *strides[CUBN_DIM_MAX];
} argument_names;

static const argument_names names_nd = {
    {"dims[0]", "dims[1]", "dims[2]", "dims[3]", "dims[4]", "dims[5]", "dims[6]", "dims[7]"},
    {"strides[0]", "strides[1]", "strides[2]", "strides[3]", "strides[4]", "strides[5]",
     "strides[6]", "strides[7]"}};
static const argument_names names_4d = {{"n", "c", "h", "w"},
                                        {"n_stride", "c_stride", "h_stride", "w_stride"}};

/* Fills the descriptor if everything is valid, else leaves it as it was. */
static cubnStatus_t set(const char *function, const argument_names *names,
                        cubnTensorDescriptor_t descriptor, cubnDataType_t type, int rank,
                        const int64_t dims[], const int64_t strides[]) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_TENSOR, function, "descriptor");
  CUBN_REQUIRE(cubn_element_bytes(type) > 0, function, "type is %d, which is no cubnDataType_t",
               (int)type);
  struct cubnTensorStruct tensor = {
      .object = {CUBN_TENSOR}, .is_set = true, .type = type, .rank = rank};
  int64_t bytes;
  for (int i = 0; i < rank; ++i) {
    CUBN_REQUIRE(dims[i] >= 0, function, "%s is %lld, must not be negative", names->dims[i],
                 (long long)dims[i]);
    tensor.dims[i] = dims[i];
    tensor.strides[i] = strides[i];
  }
  CUBN_REQUIRE(extent_bytes(&tensor, &bytes), function,
               "dims and strides describe a tensor of more than 2^63 bytes");
  *descriptor = tensor;
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t check_rank(const char *function, int rank) {
  if (rank >= 2 && rank <= CUBN_DIM_MAX) return CUBN_STATUS_SUCCESS;
  return cubn_fail(rank < 2 ? CUBN_STATUS_BAD_PARAM : CUBN_STATUS_NOT_SUPPORTED, function,
                   "rank is %d, must be 2 to %d", rank, CUBN_DIM_MAX);
}

/* Sets a packed descriptor. */
static cubnStatus_t set_packed(const char *function, const argument_names *names,
                               cubnTensorDescriptor_t descriptor, cubnTensorFormat_t format,
                               cubnDataType_t type, int rank, const int64_t dims[]) {
  CUBN_REQUIRE(format == CUBN_TENSOR_NCHW || format == CUBN_TENSOR_NHWC, function,
               "format is %d, which is no cubnTensorFormat_t", (int)format);
  int order[CUBN_DIM_MAX];
  for (int i = 0; i < rank; ++i) order[i] = i;
  if (format == CUBN_TENSOR_NHWC) {
    for (int i = 1; i < rank - 1; ++i) order[i] = i + 1;
    order[rank - 1] = 1;
  }
  for (int i = 0; i < rank; ++i)
    CUBN_REQUIRE(dims[i] >= 0, function, "%s is %lld, must not be negative", names->dims[i],
                 (long long)dims[i]);
  int64_t strides[CUBN_DIM_MAX];
  CUBN_REQUIRE(cubn_packed_strides(rank, dims, order, strides), function,
               "dims describe a tensor of more than 2^63 elements");
  return set(function, names, descriptor, type, rank, dims, strides);
}

cubnStatus_t cubnCreateTensorDescriptor(cubnTensorDescriptor_t *descriptor) {
  CUBN_REQUIRE(descriptor, __func__, "descriptor is NULL");
  cubnTensorDescriptor_t created = calloc(1, sizeof *created);
  if (!created)
    return cubn_fail(CUBN_STATUS_HOST_ALLOCATION_FAILED, __func__, "no memory for a descriptor");
  created->object.kind = CUBN_TENSOR;
  *descriptor = created;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnDestroyTensorDescriptor(cubnTensorDescriptor_t descriptor) {
  if (!descriptor) return CUBN_STATUS_SUCCESS;
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_TENSOR, __func__, "descriptor");
  cubn_object_end(&descriptor->object);
  free(descriptor);
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnSetTensor4dDescriptor(cubnTensorDescriptor_t descriptor, cubnTensorFormat_t format,
                                       cubnDataType_t type, int n, int c, int h, int w) {
  return set_packed(__func__, &names_4d, descriptor, format, type, 4, (int64_t[]){n, c, h, w});
}

cubnStatus_t cubnSetTensor4dDescriptorEx(cubnTensorDescriptor_t descriptor, cubnDataType_t type,
                                         int n, int c, int h, int w, int n_stride, int c_stride,
                                         int h_stride, int w_stride) {
  return set(__func__, &names_4d, descriptor, type, 4, (int64_t[]){n, c, h, w},
             (int64_t[]){n_stride, c_stride, h_stride, w_stride});
}

static void widen(int rank, const int from[], int64_t to[]) {
  for (int i = 0; i < rank; ++i) to[i] = from[i];
}

cubnStatus_t cubnSetTensorNdDescriptor(cubnTensorDescriptor_t descriptor, cubnDataType_t type,
                                       int rank, const int dims[], const int strides[]) {
  CUBN_TRY(check_rank(__func__, rank));
  CUBN_REQUIRE(dims, __func__, "dims is NULL");
  CUBN_REQUIRE(strides, __func__, "strides is NULL");
  int64_t dims64[CUBN_DIM_MAX], strides64[CUBN_DIM_MAX];
  widen(rank, dims, dims64);
  widen(rank, strides, strides64);
  return set(__func__, &names_nd, descriptor, type, rank, dims64, strides64);
}

cubnStatus_t cubnSetTensorNdDescriptorEx(cubnTensorDescriptor_t descriptor,
                                         cubnTensorFormat_t format, cubnDataType_t type, int rank,
                                         const int dims[]) {
  CUBN_TRY(check_rank(__func__, rank));
  CUBN_REQUIRE(dims, __func__, "dims is NULL");
  int64_t dims64[CUBN_DIM_MAX];
  widen(rank, dims, dims64);
  return set_packed(__func__, &names_nd, descriptor, format, type, rank, dims64);
}

cubnStatus_t cubnSetTensorNdDescriptor64(cubnTensorDescriptor_t descriptor, cubnDataType_t type,
                                         int rank, const int64_t dims[], const int64_t strides[]) {
  CUBN_TRY(check_rank(__func__, rank));
  CUBN_REQUIRE(dims, __func__, "dims is NULL");
  if (!strides)
    return set_packed(__func__, &names_nd, descriptor, CUBN_TENSOR_NCHW, type, rank, dims);
  return set(__func__, &names_nd, descriptor, type, rank, dims, strides);
}

cubnStatus_t cubn_set_packed(const char *function, cubnTensorDescriptor_t descriptor,
                             cubnDataType_t type, int rank, const int64_t dims[]) {
  return set_packed(function, &names_nd, descriptor, CUBN_TENSOR_NCHW, type, rank, dims);
}

cubnStatus_t cubn_check_set(const char *function, const char *argument,
                            const struct cubnTensorStruct *descriptor) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_TENSOR, function, argument);
  CUBN_REQUIRE(descriptor->is_set, function, "%s was never set", argument);
  return CUBN_STATUS_SUCCESS;
}

/* Values as int, to the outputs that are not NULL; all or none. */
static cubnStatus_t narrow(const char *function, const char *const names[], int count,
                           const int64_t values[], int *const outputs[]) {
  for (int i = 0; i < count; ++i)
    if (outputs[i] && (values[i] > INT_MAX || values[i] < INT_MIN))
      return cubn_fail(CUBN_STATUS_NOT_SUPPORTED, function,
                       "%s is %lld, which does not fit into an int", names[i],
                       (long long)values[i]);
  return CUBN_STATUS_SUCCESS;
}

static void store(int count, const int64_t values[], int *const outputs[]) {
  for (int i = 0; i < count; ++i)
    if (outputs[i]) *outputs[i] = (int)values[i];
}

cubnStatus_t cubnGetTensor4dDescriptor(const cubnTensorDescriptor_t descriptor,
                                       cubnDataType_t *type, int *n, int *c, int *h, int *w,
                                       int *n_stride, int *c_stride, int *h_stride, int *w_stride) {
  CUBN_TRY(cubn_check_set(__func__, "descriptor", descriptor));
  CUBN_REQUIRE(descriptor->rank >= 4, __func__, "descriptor has rank %d, must be at least 4",
               descriptor->rank);
  int *const dims[] = {n, c, h, w}, *const strides[] = {n_stride, c_stride, h_stride, w_stride};
  CUBN_TRY(narrow(__func__, names_4d.dims, 4, descriptor->dims, dims));
  CUBN_TRY(narrow(__func__, names_4d.strides, 4, descriptor->strides, strides));
  store(4, descriptor->dims, dims);
  store(4, descriptor->strides, strides);
  if (type) *type = descriptor->type;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetTensorNdDescriptor(const cubnTensorDescriptor_t descriptor, int requested_rank,
                                       cubnDataType_t *type, int *rank, int dims[], int strides[]) {
  CUBN_TRY(cubn_check_set(__func__, "descriptor", descriptor));
  CUBN_REQUIRE(requested_rank >= 0, __func__, "requested_rank is %d, must not be negative",
               requested_rank);
  const int count = requested_rank < descriptor->rank ? requested_rank : descriptor->rank;
  int *dim_outputs[CUBN_DIM_MAX], *stride_outputs[CUBN_DIM_MAX];
  for (int i = 0; i < count; ++i) {
    dim_outputs[i] = dims ? dims + i : NULL;
    stride_outputs[i] = strides ? strides + i : NULL;
  }
  CUBN_TRY(narrow(__func__, names_nd.dims, count, descriptor->dims, dim_outputs));
  CUBN_TRY(narrow(__func__, names_nd.strides, count, descriptor->strides, stride_outputs));
  store(count, descriptor->dims, dim_outputs);
  store(count, descriptor->strides, stride_outputs);
  if (type) *type = descriptor->type;
  if (rank) *rank = descriptor->rank;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetTensorNdDescriptor64(const cubnTensorDescriptor_t descriptor,
                                         int requested_rank, cubnDataType_t *type, int *rank,
                                         int64_t dims[], int64_t strides[]) {
  CUBN_TRY(cubn_check_set(__func__, "descriptor", descriptor));
  CUBN_REQUIRE(requested_rank >= 0, __func__, "requested_rank is %d, must not be negative",
               requested_rank);
  const int count = requested_rank < descriptor->rank ? requested_rank : descriptor->rank;
  if (dims) memcpy(dims, descriptor->dims, (size_t)count * sizeof *dims);
  if (strides) memcpy(strides, descriptor->strides, (size_t)count * sizeof *strides);
  if (type) *type = descriptor->type;
  if (rank) *rank = descriptor->rank;
  return CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubnGetTensorSizeInBytes(const cubnTensorDescriptor_t descriptor, size_t *bytes) {
  CUBN_REQUIRE_OBJECT(descriptor, CUBN_TENSOR, __func__, "descriptor");
  CUBN_REQUIRE(bytes, __func__, "bytes is NULL");
  int64_t extent = 0; /* cannot overflow: checked when the descriptor was set */
  if (descriptor->is_set) extent_bytes(descriptor, &extent);
  *bytes = (size_t)extent;
  return CUBN_STATUS_SUCCESS;
}
