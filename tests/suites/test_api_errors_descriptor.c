/* Functions of tensor descriptors with each argument made wrong, one at a time: status and message;
 * the descriptor and the outputs stay as they were. */
#include <limits.h>
#include <string.h>

#include "suites/support/expect_error.h"

#define BAD CUBN_STATUS_BAD_PARAM
#define FLOAT CUBN_DATA_FLOAT
#define NCHW CUBN_TENSOR_NCHW

/* The descriptor that the calls try to change, and must not. */
static cubnTensorDescriptor_t tensor;

static bool create(void) {
  return expect_success(cubnCreateTensorDescriptor(&tensor), "create") &&
         expect_success(cubnSetTensor4dDescriptor(tensor, NCHW, FLOAT, 11, 13, 17, 19), "set");
}

static void destroy(void) {
  cubnDataType_t type;
  int n, c, h, w, sn, sc, sh, sw;
  expect_success(cubnGetTensor4dDescriptor(tensor, &type, &n, &c, &h, &w, &sn, &sc, &sh, &sw),
                 "get");
  CU_ASSERT(type == FLOAT && n == 11 && c == 13 && h == 17 && w == 19);
  CU_ASSERT(sn == 13 * 17 * 19 && sc == 17 * 19 && sh == 19 && sw == 1);
  expect_success(cubnDestroyTensorDescriptor(tensor), "destroy");
}

static void test_set_4d(void) {
  if (!create()) return;
  static const char function[] = "cubnSetTensor4dDescriptor";
  expect_error(cubnSetTensor4dDescriptor(NULL, NCHW, FLOAT, 1, 2, 3, 4), BAD, function,
               "descriptor", "NULL");
  expect_error(cubnSetTensor4dDescriptor(tensor, (cubnTensorFormat_t)2, FLOAT, 1, 2, 3, 4), BAD,
               function, "format", "2");
  expect_error(cubnSetTensor4dDescriptor(tensor, NCHW, (cubnDataType_t)4, 1, 2, 3, 4), BAD,
               function, "type", "4");
  static const char *const names[] = {"n", "c", "h", "w"};
  for (int i = 0; i < 4; ++i) {
    int d[] = {1, 2, 3, 4};
    d[i] = -5;
    expect_error(cubnSetTensor4dDescriptor(tensor, NCHW, FLOAT, d[0], d[1], d[2], d[3]), BAD,
                 function, names[i], "-5");
  }
  expect_error(cubnSetTensor4dDescriptor(tensor, NCHW, FLOAT, INT_MAX, INT_MAX, INT_MAX, INT_MAX),
               BAD, function, "2^63", NULL);
  destroy();
}

static void test_set_4d_ex(void) {
  if (!create()) return;
  static const char function[] = "cubnSetTensor4dDescriptorEx";
  expect_error(cubnSetTensor4dDescriptorEx(NULL, FLOAT, 1, 2, 3, 4, 24, 12, 4, 1), BAD, function,
               "descriptor", "NULL");
  expect_error(cubnSetTensor4dDescriptorEx(tensor, (cubnDataType_t)8, 1, 2, 3, 4, 24, 12, 4, 1),
               BAD, function, "type", "8");
  static const char *const names[] = {"n", "c", "h", "w"};
  for (int i = 0; i < 4; ++i) {
    int v[] = {1, 2, 3, 4, 24, 12, 4, 1};
    v[i] = -7;
    expect_error(
        cubnSetTensor4dDescriptorEx(tensor, FLOAT, v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7]),
        BAD, function, names[i], "-7");
  }
  expect_error(cubnSetTensor4dDescriptorEx(tensor, FLOAT, INT_MAX, INT_MAX, 4, 1, INT_MAX, INT_MAX,
                                           INT_MAX, 1),
               BAD, function, "2^63", NULL);
  destroy();
}

static void test_set_nd(void) {
  if (!create()) return;
  static const char function[] = "cubnSetTensorNdDescriptor";
  const int dims[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, strides[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
  const int bad_dims[3] = {1, 2, -3};
  expect_error(cubnSetTensorNdDescriptor(NULL, FLOAT, 4, dims, strides), BAD, function,
               "descriptor", "NULL");
  expect_error(cubnSetTensorNdDescriptor(tensor, (cubnDataType_t)-1, 4, dims, strides), BAD,
               function, "type", "-1");
  expect_error(cubnSetTensorNdDescriptor(tensor, FLOAT, 1, dims, strides), BAD, function, "rank",
               "1");
  expect_error(cubnSetTensorNdDescriptor(tensor, FLOAT, 9, dims, strides),
               CUBN_STATUS_NOT_SUPPORTED, function, "rank", "9");
  expect_error(cubnSetTensorNdDescriptor(tensor, FLOAT, INT_MIN, dims, strides), BAD, function,
               "rank", "-2147483648");
  expect_error(cubnSetTensorNdDescriptor(tensor, FLOAT, 4, NULL, strides), BAD, function, "dims",
               "NULL");
  expect_error(cubnSetTensorNdDescriptor(tensor, FLOAT, 4, dims, NULL), BAD, function, "strides",
               "NULL");
  expect_error(cubnSetTensorNdDescriptor(tensor, FLOAT, 3, bad_dims, strides), BAD, function,
               "dims", "-3");
  destroy();
}

static void test_set_nd_ex(void) {
  if (!create()) return;
  static const char function[] = "cubnSetTensorNdDescriptorEx";
  const int dims[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, bad_dims[3] = {-4, 2, 3};
  expect_error(cubnSetTensorNdDescriptorEx(NULL, NCHW, FLOAT, 4, dims), BAD, function, "descriptor",
               "NULL");
  expect_error(cubnSetTensorNdDescriptorEx(tensor, (cubnTensorFormat_t)-1, FLOAT, 4, dims), BAD,
               function, "format", "-1");
  expect_error(cubnSetTensorNdDescriptorEx(tensor, NCHW, (cubnDataType_t)10, 4, dims), BAD,
               function, "type", "10");
  expect_error(cubnSetTensorNdDescriptorEx(tensor, NCHW, FLOAT, 0, dims), BAD, function, "rank",
               "0");
  expect_error(cubnSetTensorNdDescriptorEx(tensor, NCHW, FLOAT, 9, dims), CUBN_STATUS_NOT_SUPPORTED,
               function, "rank", "9");
  expect_error(cubnSetTensorNdDescriptorEx(tensor, NCHW, FLOAT, 4, NULL), BAD, function, "dims",
               "NULL");
  expect_error(cubnSetTensorNdDescriptorEx(tensor, NCHW, FLOAT, 3, bad_dims), BAD, function, "dims",
               "-4");
  destroy();
}

static void test_set_nd_64(void) {
  if (!create()) return;
  static const char function[] = "cubnSetTensorNdDescriptor64";
  const int64_t dims[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, bad[3] = {1, INT64_MIN, 3};
  const int64_t large[2] = {INT64_C(1) << 31, INT64_C(1) << 32}; /* times 4 bytes: 2^65 */
  const int64_t bytes[2] = {INT64_C(1) << 30, INT64_C(1) << 31}; /* times 4 bytes: 2^63 */
  const int64_t many[2] = {INT64_C(1) << 32, INT64_C(1) << 32}, none[2] = {0, 0};
  const int64_t far[2] = {INT64_C(1) << 62, 1}, two[2] = {2, 3}, bad_strides[2] = {INT64_MIN, 1};
  expect_error(cubnSetTensorNdDescriptor64(NULL, FLOAT, 4, dims, NULL), BAD, function, "descriptor",
               "NULL");
  expect_error(cubnSetTensorNdDescriptor64(tensor, (cubnDataType_t)5, 4, dims, NULL), BAD, function,
               "type", "5");
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 9, dims, dims), CUBN_STATUS_NOT_SUPPORTED,
               function, "rank", "9");
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 1, dims, dims), BAD, function, "rank",
               "1");
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 4, NULL, dims), BAD, function, "dims",
               "NULL");
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 3, bad, NULL), BAD, function, "dims",
               "-9223372036854775808");
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 2, two, bad_strides), BAD, function,
               "2^63", NULL);
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 2, large, NULL), BAD, function, "2^63",
               NULL);
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 2, bytes, NULL), BAD, function, "2^63",
               NULL);
  /* Few bytes, because of strides of 0, but more elements than can be counted. */
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 2, many, none), BAD, function, "2^63",
               NULL);
  expect_error(cubnSetTensorNdDescriptor64(tensor, FLOAT, 2, two, far), BAD, function, "2^63",
               NULL);
  destroy();
}

static void test_get(void) {
  if (!create()) return;
  cubnTensorDescriptor_t unset;
  if (!expect_success(cubnCreateTensorDescriptor(&unset), "create")) return;
  int i = 77, dims[8] = {77};
  int64_t dims64[8] = {77};
  size_t bytes = 77;
  const struct {
    cubnTensorDescriptor_t tensor;
    const char *value;
  } bad[] = {{NULL, "NULL"}, {unset, "never set"}};
  for (int k = 0; k < 2; ++k) {
    expect_error(cubnGetTensor4dDescriptor(bad[k].tensor, NULL, &i, NULL, NULL, NULL, NULL, NULL,
                                           NULL, NULL),
                 BAD, "cubnGetTensor4dDescriptor", "descriptor", bad[k].value);
    expect_error(cubnGetTensorNdDescriptor(bad[k].tensor, 8, NULL, &i, dims, NULL), BAD,
                 "cubnGetTensorNdDescriptor", "descriptor", bad[k].value);
    expect_error(cubnGetTensorNdDescriptor64(bad[k].tensor, 8, NULL, &i, dims64, NULL), BAD,
                 "cubnGetTensorNdDescriptor64", "descriptor", bad[k].value);
    expect_error(cubnDeriveBNTensorDescriptor(tensor, bad[k].tensor, CUBN_BATCHNORM_SPATIAL), BAD,
                 "cubnDeriveBNTensorDescriptor", "x", bad[k].value);
  }
  expect_error(cubnGetTensorNdDescriptor(tensor, -1, NULL, &i, dims, NULL), BAD,
               "cubnGetTensorNdDescriptor", "requested_rank", "-1");
  expect_error(cubnGetTensorNdDescriptor64(tensor, -2, NULL, &i, dims64, NULL), BAD,
               "cubnGetTensorNdDescriptor64", "requested_rank", "-2");
  expect_error(cubnGetTensorSizeInBytes(NULL, &bytes), BAD, "cubnGetTensorSizeInBytes",
               "descriptor", "NULL");
  expect_error(cubnGetTensorSizeInBytes(tensor, NULL), BAD, "cubnGetTensorSizeInBytes", "bytes",
               "NULL");
  CU_ASSERT(i == 77 && dims[0] == 77 && dims64[0] == 77 && bytes == 77);
  expect_error(cubnCreateTensorDescriptor(NULL), BAD, "cubnCreateTensorDescriptor", "descriptor",
               "NULL");
  expect_error(cubnDeriveBNTensorDescriptor(NULL, tensor, CUBN_BATCHNORM_SPATIAL), BAD,
               "cubnDeriveBNTensorDescriptor", "derived", "NULL");
  expect_error(cubnDeriveBNTensorDescriptor(tensor, tensor, (cubnBatchNormMode_t)3), BAD,
               "cubnDeriveBNTensorDescriptor", "mode", "3");
  expect_success(cubnDestroyTensorDescriptor(unset), "destroy");
  destroy();
}

static void test_get_what_does_not_fit(void) {
  if (!create()) return;
  cubnTensorDescriptor_t wide, flat;
  const int64_t dims[4] = {2, 3, INT64_C(1) << 31, 1}, flat_dims[3] = {2, 3, 4};
  expect_success(cubnCreateTensorDescriptor(&wide), "create");
  expect_success(cubnCreateTensorDescriptor(&flat), "create");
  expect_success(cubnSetTensorNdDescriptor64(wide, FLOAT, 4, dims, NULL), "set");
  expect_success(cubnSetTensorNdDescriptor64(flat, FLOAT, 3, flat_dims, NULL), "set");
  int n = 77, h = 77, all[4] = {77, 77, 77, 77};
  cubnDataType_t type = (cubnDataType_t)77;
  expect_error(cubnGetTensor4dDescriptor(wide, &type, &n, NULL, &h, NULL, NULL, NULL, NULL, NULL),
               CUBN_STATUS_NOT_SUPPORTED, "cubnGetTensor4dDescriptor", "h", "2147483648");
  expect_error(cubnGetTensor4dDescriptor(wide, &type, &n, NULL, NULL, NULL, NULL, &h, NULL, NULL),
               CUBN_STATUS_NOT_SUPPORTED, "cubnGetTensor4dDescriptor", "c_stride", "2147483648");
  expect_error(cubnGetTensorNdDescriptor(wide, 4, &type, NULL, all, NULL),
               CUBN_STATUS_NOT_SUPPORTED, "cubnGetTensorNdDescriptor", "dims", "2147483648");
  expect_error(cubnGetTensorNdDescriptor(wide, 4, &type, NULL, NULL, all),
               CUBN_STATUS_NOT_SUPPORTED, "cubnGetTensorNdDescriptor", "strides", "6442450944");
  expect_error(cubnGetTensor4dDescriptor(flat, &type, &n, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
               BAD, "cubnGetTensor4dDescriptor", "rank", "3");
  CU_ASSERT(type == (cubnDataType_t)77 && n == 77 && h == 77);
  for (int i = 0; i < 4; ++i) CU_ASSERT_EQUAL(all[i], 77);
  expect_success(cubnDestroyTensorDescriptor(wide), "destroy");
  expect_success(cubnDestroyTensorDescriptor(flat), "destroy");
  destroy();
}

void test_api_errors_descriptor_suites(void) {
  static const suite_test tests[] = {{"set 4d", test_set_4d},
                                     {"set 4d with strides", test_set_4d_ex},
                                     {"set nd", test_set_nd},
                                     {"set nd packed", test_set_nd_ex},
                                     {"set nd 64", test_set_nd_64},
                                     {"get", test_get},
                                     {"get large", test_get_what_does_not_fit},
                                     {NULL, NULL}};
  suite_add("api errors of descriptors", SUITE_HOST, tests);
}
