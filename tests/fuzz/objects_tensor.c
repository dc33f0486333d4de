#include <limits.h>
#include <string.h>

#include "fuzz/objects.h"

size_t fuzz_type_bytes(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_FLOAT:
      return 4;
    case CUBN_DATA_DOUBLE:
      return 8;
    case CUBN_DATA_INT8:
      return 1;
    default:
      return 2;
  }
}

cubnTensorDescriptor_t fuzz_pick_tensor(fuzz_input *input, const fuzz_objects *o) {
  const int which = fuzz_below(input, 4 * TENSORS + 1);
  return which == 4 * TENSORS ? NULL : o->tensors[which % TENSORS];
}

tensor_view fuzz_view(cubnTensorDescriptor_t d) {
  tensor_view view = {.is_set = false};
  view.is_set = d && cubnGetTensorNdDescriptor64(d, CUBN_DIM_MAX, &view.type, &view.rank, view.dims,
                                                 view.strides) == CUBN_STATUS_SUCCESS;
  if (view.is_set && cubnGetTensorSizeInBytes(d, &view.bytes) != CUBN_STATUS_SUCCESS)
    fuzz_fail("a descriptor that is set has no size");
  return view;
}

static bool same_view(const tensor_view *a, const tensor_view *b) {
  return a->is_set == b->is_set &&
         (!a->is_set || (a->type == b->type && a->rank == b->rank && a->bytes == b->bytes &&
                         !memcmp(a->dims, b->dims, sizeof *a->dims * (size_t)a->rank) &&
                         !memcmp(a->strides, b->strides, sizeof *a->dims * (size_t)a->rank)));
}

/* The size by the header's words, in 128 bits. */
static void check_size(const tensor_view *view) {
  __extension__ typedef unsigned __int128 wide;
  wide last = 0;
  bool is_empty = false;
  for (int i = 0; i < view->rank; ++i) {
    is_empty = is_empty || view->dims[i] == 0;
    const int64_t stride = view->strides[i];
    if (view->dims[i] < 0) fuzz_fail("a negative dimension");
    const wide size = stride < 0 ? -(wide)stride : (wide)stride;
    if (view->dims[i] > 0) last += (wide)(view->dims[i] - 1) * size;
  }
  const wide bytes = is_empty ? 0 : (last + 1) * fuzz_type_bytes(view->type);
  if (bytes != view->bytes || bytes > INT64_MAX)
    fuzz_fail("size %zu bytes, wanted %llu", view->bytes, (unsigned long long)bytes);
}

/* Small sizes, and those at the limits of 32 and 64 bits. */
static int64_t odd_size(fuzz_input *input) {
  static const int64_t sizes[] = {
      0,         1,         2,         3,         4,         5,         8,         17,
      33,        64,        1000,      -1,        65536,     INT_MAX,   INT32_MIN, 1LL << 20,
      1LL << 31, 1LL << 32, 1LL << 40, 1LL << 62, INT64_MAX, INT64_MIN, 1LL << 30, (1LL << 32) + 1};
  const int which = fuzz_below(input, 64);
  return which < (int)(sizeof sizes / sizeof *sizes) ? sizes[which] : 1 + which % 4;
}

typedef struct shape {
  int64_t dims[CUBN_DIM_MAX + 1], strides[CUBN_DIM_MAX + 1];
  int dims32[CUBN_DIM_MAX + 1], strides32[CUBN_DIM_MAX + 1];
} shape;

/* Strides of an order of the dimensions, or any. */
static shape choose_shape(fuzz_input *input, int rank) {
  shape s = {{0}, {0}, {0}, {0}};
  const int kind = fuzz_below(input, 4);
  int64_t stride = 1;
  for (int i = 0; i <= CUBN_DIM_MAX && i < rank; ++i) s.dims[i] = odd_size(input);
  for (int i = rank - 1; i >= 0 && rank <= CUBN_DIM_MAX; --i) {
    s.strides[i] = stride;
    if (__builtin_mul_overflow(stride, s.dims[i], &stride)) stride = 0;
    if (kind == 1) stride = stride < INT32_MAX ? stride + 1 : 1;
    if (kind == 3) s.strides[i] = odd_size(input);
  }
  for (int i = 0; i <= CUBN_DIM_MAX; ++i) {
    s.dims32[i] = (int)s.dims[i];
    s.strides32[i] = (int)s.strides[i];
  }
  return s;
}

static cubnStatus_t set_tensor(fuzz_input *input, cubnTensorDescriptor_t d, const char **function) {
  static const int types[] = {0, 9, 1, 2, 0, 3, 4, -1};
  static const int ranks[] = {4, 2, 5, 3, 8, 1, 9, 0, 4, -1};
  const cubnDataType_t type = (cubnDataType_t)FUZZ_PICK(input, types);
  const cubnTensorFormat_t format = (cubnTensorFormat_t)fuzz_below(input, 3);
  const int how = fuzz_below(input, 6), rank = how < 2 ? 4 : FUZZ_PICK(input, ranks);
  const shape s = choose_shape(input, rank);
  const int *const n = s.dims32, *const m = s.strides32;
  switch (how) {
    case 0:
      *function = "cubnSetTensor4dDescriptor";
      return cubnSetTensor4dDescriptor(d, format, type, n[0], n[1], n[2], n[3]);
    case 1:
      *function = "cubnSetTensor4dDescriptorEx";
      return cubnSetTensor4dDescriptorEx(d, type, n[0], n[1], n[2], n[3], m[0], m[1], m[2], m[3]);
    case 2:
      *function = "cubnSetTensorNdDescriptor";
      return cubnSetTensorNdDescriptor(d, type, rank, n, m);
    case 3:
      *function = "cubnSetTensorNdDescriptorEx";
      return cubnSetTensorNdDescriptorEx(d, format, type, rank, n);
    default:
      *function = "cubnSetTensorNdDescriptor64";
      return cubnSetTensorNdDescriptor64(d, type, rank, s.dims,
                                         fuzz_one_in(input, 4) ? NULL : s.strides);
  }
}

void fuzz_change_tensor(fuzz_input *input, fuzz_objects *o) {
  const cubnTensorDescriptor_t d = o->tensors[fuzz_below(input, TENSORS)];
  const tensor_view before = fuzz_view(d);
  const char *function = "cubnDeriveBNTensorDescriptor";
  const cubnStatus_t status =
      fuzz_one_in(input, 4)
          ? cubnDeriveBNTensorDescriptor(d, fuzz_pick_tensor(input, o),
                                         (cubnBatchNormMode_t)(fuzz_below(input, 5) - 1))
          : set_tensor(input, d, &function);
  fuzz_check_status(status, function);
  const tensor_view after = fuzz_view(d);
  if (status == CUBN_STATUS_SUCCESS)
    check_size(&after);
  else if (!same_view(&before, &after))
    fuzz_fail("%s refused, and changed the descriptor", function);
}
