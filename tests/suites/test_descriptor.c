/* Tensor descriptors: reading back what was set, sizes, and derived parameter descriptors. */
#include <limits.h>

#include "suites/support/expect_error.h"

#define FLOAT CUBN_DATA_FLOAT

static cubnTensorDescriptor_t create(void) {
  cubnTensorDescriptor_t tensor = NULL;
  expect_success(cubnCreateTensorDescriptor(&tensor), "create");
  CU_ASSERT_PTR_NOT_NULL_FATAL(tensor);
  return tensor;
}

/* Checks type, rank, dimensions and strides through the 64-bit getter. */
static void expect_tensor(cubnTensorDescriptor_t tensor, cubnDataType_t type, int rank,
                          const int64_t dims[], const int64_t strides[]) {
  cubnDataType_t got_type;
  int got_rank;
  int64_t got_dims[CUBN_DIM_MAX], got_strides[CUBN_DIM_MAX];
  expect_success(cubnGetTensorNdDescriptor64(tensor, CUBN_DIM_MAX, &got_type, &got_rank, got_dims,
                                             got_strides),
                 "get");
  SUITE_CHECK(got_type == type, "type %d, wanted %d", (int)got_type, (int)type);
  if (!SUITE_CHECK(got_rank == rank, "rank %d, wanted %d", got_rank, rank)) return;
  for (int i = 0; i < rank; ++i) {
    SUITE_CHECK(got_dims[i] == dims[i], "dims[%d] is %lld, wanted %lld", i, (long long)got_dims[i],
                (long long)dims[i]);
    SUITE_CHECK(got_strides[i] == strides[i], "strides[%d] is %lld, wanted %lld", i,
                (long long)got_strides[i], (long long)strides[i]);
  }
}

static void has_bytes(cubnTensorDescriptor_t tensor, size_t wanted) {
  size_t bytes = 0;
  expect_success(cubnGetTensorSizeInBytes(tensor, &bytes), "size");
  SUITE_CHECK(bytes == wanted, "%zu bytes, wanted %zu", bytes, wanted);
}

static void test_4d(void) {
  cubnTensorDescriptor_t tensor = create();
  expect_success(cubnSetTensor4dDescriptor(tensor, CUBN_TENSOR_NCHW, CUBN_DATA_HALF, 2, 3, 4, 5),
                 "set");
  expect_tensor(tensor, CUBN_DATA_HALF, 4, (int64_t[]){2, 3, 4, 5}, (int64_t[]){60, 20, 5, 1});
  has_bytes(tensor, 240);
  expect_success(cubnSetTensor4dDescriptor(tensor, CUBN_TENSOR_NHWC, CUBN_DATA_DOUBLE, 2, 3, 4, 5),
                 "set");
  expect_tensor(tensor, CUBN_DATA_DOUBLE, 4, (int64_t[]){2, 3, 4, 5}, (int64_t[]){60, 1, 15, 3});
  has_bytes(tensor, 960);
  expect_success(cubnSetTensor4dDescriptorEx(tensor, CUBN_DATA_INT8, 2, 3, 4, 5, 1000, 100, 10, 2),
                 "set");
  expect_tensor(tensor, CUBN_DATA_INT8, 4, (int64_t[]){2, 3, 4, 5}, (int64_t[]){1000, 100, 10, 2});
  has_bytes(tensor, 1000 + 200 + 30 + 8 + 1);
  cubnDataType_t type;
  int d[8];
  expect_success(
      cubnGetTensor4dDescriptor(tensor, &type, d, d + 1, d + 2, d + 3, d + 4, d + 5, d + 6, d + 7),
      "get");
  const int wanted[8] = {2, 3, 4, 5, 1000, 100, 10, 2};
  CU_ASSERT_EQUAL(type, CUBN_DATA_INT8);
  for (int i = 0; i < 8; ++i) CU_ASSERT_EQUAL(d[i], wanted[i]);
  expect_success(
      cubnGetTensor4dDescriptor(tensor, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
      "get nothing");
  expect_success(cubnDestroyTensorDescriptor(tensor), "destroy");
}

/* As in cuDNN: 0 bytes before it is set; negative strides are kept, and count as far as positive
 * ones; the 4d getter reads the first four dimensions of more. */
static void test_as_cudnn(void) {
  cubnTensorDescriptor_t tensor = create();
  has_bytes(tensor, 0);
  const int64_t dims[4] = {2, 3, 4, 5}, strides[4] = {-60, 20, 5, -1};
  expect_success(cubnSetTensor4dDescriptorEx(tensor, FLOAT, 2, 3, 4, 5, -60, 20, 5, -1), "set");
  expect_tensor(tensor, FLOAT, 4, dims, strides);
  has_bytes(tensor, 480);
  expect_success(cubnSetTensorNdDescriptor64(tensor, FLOAT, 4, dims, strides), "set");
  expect_tensor(tensor, FLOAT, 4, dims, strides);
  const int dims5[5] = {2, 3, 4, 5, 6}, strides5[5] = {-360, 120, 30, 6, 1};
  expect_success(cubnSetTensorNdDescriptor(tensor, FLOAT, 5, dims5, strides5), "set");
  int d[8];
  expect_success(
      cubnGetTensor4dDescriptor(tensor, NULL, d, d + 1, d + 2, d + 3, d + 4, d + 5, d + 6, d + 7),
      "get");
  const int wanted[8] = {2, 3, 4, 5, -360, 120, 30, 6};
  for (int i = 0; i < 8; ++i) CU_ASSERT_EQUAL(d[i], wanted[i]);
  expect_success(cubnDestroyTensorDescriptor(tensor), "destroy");
}

static void test_all_ranks(void) {
  cubnTensorDescriptor_t tensor = create();
  for (int rank = 2; rank <= CUBN_DIM_MAX; ++rank) {
    int dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX];
    int64_t dims64[CUBN_DIM_MAX], nchw[CUBN_DIM_MAX], nhwc[CUBN_DIM_MAX], own[CUBN_DIM_MAX];
    int64_t elements = 1;
    for (int i = rank - 1; i >= 0; --i) {
      dims64[i] = dims[i] = i + 2;
      nchw[i] = elements;
      elements *= dims[i];
      own[i] = strides[i] = 3 * i + 1;
    }
    nhwc[1] = 1;
    int64_t stride = dims[1];
    for (int i = rank - 1; i >= 2; --i) {
      nhwc[i] = stride;
      stride *= dims[i];
    }
    nhwc[0] = stride;
    expect_success(cubnSetTensorNdDescriptorEx(tensor, CUBN_TENSOR_NCHW, FLOAT, rank, dims), "set");
    expect_tensor(tensor, FLOAT, rank, dims64, nchw);
    has_bytes(tensor, 4 * (size_t)elements);
    expect_success(cubnSetTensorNdDescriptorEx(tensor, CUBN_TENSOR_NHWC, FLOAT, rank, dims), "set");
    expect_tensor(tensor, FLOAT, rank, dims64, nhwc);
    has_bytes(tensor, 4 * (size_t)elements);
    expect_success(cubnSetTensorNdDescriptor(tensor, FLOAT, rank, dims, strides), "set");
    expect_tensor(tensor, FLOAT, rank, dims64, own);
    expect_success(cubnSetTensorNdDescriptor64(tensor, CUBN_DATA_BFLOAT16, rank, dims64, NULL),
                   "set");
    expect_tensor(tensor, CUBN_DATA_BFLOAT16, rank, dims64, nchw);
    expect_success(cubnSetTensorNdDescriptor64(tensor, CUBN_DATA_BFLOAT16, rank, dims64, own),
                   "set");
    expect_tensor(tensor, CUBN_DATA_BFLOAT16, rank, dims64, own);
  }
  expect_success(cubnDestroyTensorDescriptor(tensor), "destroy");
}

/* The getters write min(requested_rank, rank) elements. */
static void test_requested_rank(void) {
  cubnTensorDescriptor_t tensor = create();
  expect_success(cubnSetTensor4dDescriptor(tensor, CUBN_TENSOR_NCHW, FLOAT, 2, 3, 4, 5), "set");
  for (int requested = 0; requested <= 9; ++requested) {
    int dims[9], strides[9], rank = 0;
    int64_t dims64[9], strides64[9];
    for (int i = 0; i < 9; ++i) dims64[i] = strides64[i] = dims[i] = strides[i] = -1;
    expect_success(cubnGetTensorNdDescriptor(tensor, requested, NULL, &rank, dims, strides), "get");
    expect_success(cubnGetTensorNdDescriptor64(tensor, requested, NULL, NULL, dims64, strides64),
                   "get");
    CU_ASSERT_EQUAL(rank, 4);
    static const int wanted[4] = {2, 3, 4, 5}, wanted_strides[4] = {60, 20, 5, 1};
    for (int i = 0; i < 9; ++i) {
      const bool written = i < requested && i < 4;
      CU_ASSERT(dims[i] == (written ? wanted[i] : -1) && dims64[i] == dims[i]);
      CU_ASSERT(strides[i] == (written ? wanted_strides[i] : -1) && strides64[i] == strides[i]);
    }
  }
  expect_success(cubnDestroyTensorDescriptor(tensor), "destroy");
}

static void test_sizes(void) {
  cubnTensorDescriptor_t tensor = create();
  /* The largest size: 2^61 - 1 floats are 2^63 - 4 bytes. */
  const int64_t limit[2] = {1, (INT64_C(1) << 61) - 1};
  expect_success(cubnSetTensorNdDescriptor64(tensor, FLOAT, 2, limit, NULL), "set");
  has_bytes(tensor, ((size_t)1 << 63) - 4);
  const int64_t wide[4] = {70, 32, 1000000, 3}, wide_strides[4] = {96000000, 3000000, 3, 1};
  expect_success(cubnSetTensorNdDescriptor64(tensor, CUBN_DATA_HALF, 4, wide, NULL), "set");
  expect_tensor(tensor, CUBN_DATA_HALF, 4, wide, wide_strides);
  has_bytes(tensor, (size_t)2 * 70 * 32 * 3000000);
  /* All dimensions fit into an int, and the size still exceeds 32 bits. */
  expect_success(cubnSetTensor4dDescriptor(tensor, CUBN_TENSOR_NHWC, FLOAT, 2, 2048, 1024, 512),
                 "set");
  has_bytes(tensor, (size_t)1 << 33);
  /* Broadcast: strides 0. */
  const int dims[3] = {4, 3, 5}, zeros[3] = {0, 1, 0};
  expect_success(cubnSetTensorNdDescriptor(tensor, FLOAT, 3, dims, zeros), "set");
  has_bytes(tensor, 12);
  expect_success(cubnDestroyTensorDescriptor(tensor), "destroy");
}

static void test_empty(void) {
  cubnTensorDescriptor_t tensor = create();
  static const int shapes[][4] = {
      {0, 3, 2, 2}, {2, 0, 2, 2}, {2, 3, 0, 2}, {2, 3, 2, 0}, {0, 0, 0, 0}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i)
    for (int format = CUBN_TENSOR_NCHW; format <= CUBN_TENSOR_NHWC; ++format) {
      expect_success(
          cubnSetTensorNdDescriptorEx(tensor, (cubnTensorFormat_t)format, FLOAT, 4, shapes[i]),
          "set");
      has_bytes(tensor, 0);
      int64_t dims[4];
      expect_success(cubnGetTensorNdDescriptor64(tensor, 4, NULL, NULL, dims, NULL), "get");
      for (int k = 0; k < 4; ++k) CU_ASSERT_EQUAL(dims[k], shapes[i][k]);
    }
  expect_success(cubnDestroyTensorDescriptor(tensor), "destroy");
}

static void test_derived(void) {
  static const struct {
    cubnDataType_t x, params;
  } types[] = {{CUBN_DATA_HALF, FLOAT},
               {CUBN_DATA_BFLOAT16, FLOAT},
               {FLOAT, FLOAT},
               {CUBN_DATA_INT8, FLOAT},
               {CUBN_DATA_DOUBLE, CUBN_DATA_DOUBLE}};
  cubnTensorDescriptor_t x = create(), derived = create();
  for (size_t t = 0; t < sizeof types / sizeof *types; ++t)
    for (int rank = 2; rank <= CUBN_DIM_MAX; ++rank)
      for (int format = CUBN_TENSOR_NCHW; format <= CUBN_TENSOR_NHWC; ++format) {
        const int dims[] = {7, 3, 2, 5, 4, 2, 3, 2};
        int64_t spatial[CUBN_DIM_MAX] = {1, 3}, ones[CUBN_DIM_MAX] = {3, 1};
        int64_t per_activation[CUBN_DIM_MAX], packed[CUBN_DIM_MAX], stride = 1;
        for (int i = 2; i < rank; ++i) spatial[i] = ones[i] = 1;
        for (int i = rank - 1; i >= 0; --i) {
          per_activation[i] = i == 0 ? 1 : dims[i];
          packed[i] = stride;
          stride *= per_activation[i];
        }
        expect_success(
            cubnSetTensorNdDescriptorEx(x, (cubnTensorFormat_t)format, types[t].x, rank, dims),
            "set");
        expect_success(cubnDeriveBNTensorDescriptor(derived, x, CUBN_BATCHNORM_SPATIAL), "derive");
        expect_tensor(derived, types[t].params, rank, spatial, ones);
        expect_success(cubnDeriveBNTensorDescriptor(derived, x, CUBN_BATCHNORM_PER_ACTIVATION),
                       "derive");
        expect_tensor(derived, types[t].params, rank, per_activation, packed);
        /* The output may be x itself. */
        expect_success(cubnDeriveBNTensorDescriptor(x, x, CUBN_BATCHNORM_SPATIAL_PERSISTENT),
                       "derive");
        expect_tensor(x, types[t].params, rank, spatial, ones);
      }
  expect_success(cubnDestroyTensorDescriptor(x), "destroy");
  expect_success(cubnDestroyTensorDescriptor(derived), "destroy");
}

static void test_destroy_nothing(void) {
  expect_success(cubnDestroyTensorDescriptor(NULL), "destroy");
}

void test_descriptor_suites(void) {
  static const suite_test tests[] = {{"4d", test_4d},
                                     {"as cuDNN", test_as_cudnn},
                                     {"all ranks", test_all_ranks},
                                     {"requested rank", test_requested_rank},
                                     {"sizes", test_sizes},
                                     {"empty", test_empty},
                                     {"derived", test_derived},
                                     {"destroy nothing", test_destroy_nothing},
                                     {NULL, NULL}};
  suite_add("descriptors", SUITE_HOST, tests);
}
