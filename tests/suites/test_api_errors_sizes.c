/* The size queries of fused operations with each argument made wrong, one at a time: status and
 * message; the size stays as it was. */
#include <stddef.h>
#include <string.h>

#include "suites/support/expect_error.h"

#define BAD CUBN_STATUS_BAD_PARAM

/* All arguments of the three queries; each query uses its own. */
typedef struct query_arguments {
  cubnHandle_t handle;
  cubnBatchNormMode_t mode;
  cubnBatchNormOps_t ops;
  cubnTensorDescriptor_t x, y, z, dy, dz, dx, param;
  cubnActivationDescriptor_t activation;
  size_t *size;
} query_arguments;

enum { FORWARD, BACKWARD, RESERVE, QUERIES };

static const char *const functions[QUERIES] = {
    "cubnGetBatchNormalizationForwardTrainingExWorkspaceSize",
    "cubnGetBatchNormalizationBackwardExWorkspaceSize",
    "cubnGetBatchNormalizationTrainingExReserveSpaceSize"};

static cubnStatus_t ask(int query, const query_arguments *a) {
  switch (query) {
    case FORWARD:
      return cubnGetBatchNormalizationForwardTrainingExWorkspaceSize(
          a->handle, a->mode, a->ops, a->x, a->z, a->y, a->param, a->activation, a->size);
    case BACKWARD:
      return cubnGetBatchNormalizationBackwardExWorkspaceSize(a->handle, a->mode, a->ops, a->x,
                                                              NULL, a->dy, a->dz, a->dx, a->param,
                                                              a->activation, a->size);
    default:
      return cubnGetBatchNormalizationTrainingExReserveSpaceSize(a->handle, a->mode, a->ops,
                                                                 a->activation, a->x, a->size);
  }
}

/* ---- Descriptors that all tests share ---- */
static struct {
  cubnTensorDescriptor_t x, param, unset, bytes, other; /* other: of another size */
  cubnActivationDescriptor_t relu;
} d;

static query_arguments open_queries(size_t *size) {
  cubnTensorDescriptor_t *const tensors[] = {&d.x, &d.param, &d.unset, &d.bytes, &d.other};
  for (int i = 0; i < 5; ++i) CU_ASSERT(!cubnCreateTensorDescriptor(tensors[i]));
  CU_ASSERT(!cubnSetTensor4dDescriptor(d.x, CUBN_TENSOR_NHWC, CUBN_DATA_HALF, 2, 3, 4, 5));
  CU_ASSERT(!cubnSetTensor4dDescriptor(d.bytes, CUBN_TENSOR_NHWC, CUBN_DATA_INT8, 2, 3, 4, 5));
  CU_ASSERT(!cubnSetTensor4dDescriptor(d.other, CUBN_TENSOR_NHWC, CUBN_DATA_HALF, 2, 3, 4, 17));
  CU_ASSERT(!cubnDeriveBNTensorDescriptor(d.param, d.x, CUBN_BATCHNORM_SPATIAL));
  CU_ASSERT(!cubnCreateActivationDescriptor(&d.relu));
  CU_ASSERT(!cubnSetActivationDescriptor(d.relu, CUBN_ACTIVATION_RELU, CUBN_PROPAGATE_NAN, 0));
  *size = 77;
  return (query_arguments){.handle = suite_handle(),
                           .mode = CUBN_BATCHNORM_SPATIAL,
                           .ops = CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION,
                           .x = d.x,
                           .y = d.x,
                           .z = d.x,
                           .dy = d.x,
                           .dz = d.x,
                           .dx = d.x,
                           .param = d.param,
                           .activation = d.relu,
                           .size = size};
}

static void close_queries(void) {
  cubnTensorDescriptor_t tensors[] = {d.x, d.param, d.unset, d.bytes, d.other};
  for (int i = 0; i < 5; ++i) cubnDestroyTensorDescriptor(tensors[i]);
  cubnDestroyActivationDescriptor(d.relu);
}

static void refuse(int query, const query_arguments *a, cubnStatus_t status, const char *argument,
                   const char *value) {
  expect_error(ask(query, a), status, functions[query], argument, value);
}

/* ---- Tests ---- */
static void test_numbers(void) {
  size_t size;
  const query_arguments valid = open_queries(&size);
  for (int query = 0; query < QUERIES; ++query) {
    query_arguments a = valid;
    a.handle = NULL;
    refuse(query, &a, CUBN_STATUS_NOT_INITIALIZED, "handle", "NULL");
    a = valid;
    a.mode = (cubnBatchNormMode_t)3;
    refuse(query, &a, BAD, "mode", "3");
    a = valid;
    a.ops = (cubnBatchNormOps_t)3;
    refuse(query, &a, BAD, "ops", "3");
    a = valid;
    a.activation = NULL;
    refuse(query, &a, BAD, "activation_desc", "NULL");
    a = valid;
    a.size = NULL;
    refuse(query, &a, BAD, "size", "NULL");
    a = valid;
    a.x = a.y = a.z = a.dy = a.dz = a.dx = d.bytes;
    refuse(query, &a, CUBN_STATUS_NOT_SUPPORTED, "x_desc", "CUBN_DATA_INT8");
    CU_ASSERT(!cubnSetTensor4dDescriptorEx(d.other, CUBN_DATA_HALF, 2, 3, 4, 5, -60, 20, 5, 1));
    a.x = d.other;
    refuse(query, &a, CUBN_STATUS_NOT_SUPPORTED, "x_desc", "stride -60 in dimension 0");
    CU_ASSERT_EQUAL(size, 77);
  }
  close_queries();
}

static void test_descriptors(void) {
  static const struct {
    int queries;
    size_t member;
    const char *name;
    bool can_differ; /* from x */
  } list[] = {
      {1 << FORWARD | 1 << BACKWARD | 1 << RESERVE, offsetof(query_arguments, x), "x_desc", false},
      {1 << FORWARD, offsetof(query_arguments, y), "y_desc", true},
      {1 << FORWARD, offsetof(query_arguments, z), "z_desc", true},
      {1 << BACKWARD, offsetof(query_arguments, dy), "dy_desc", true},
      {1 << BACKWARD, offsetof(query_arguments, dz), "dz_desc", true},
      {1 << BACKWARD, offsetof(query_arguments, dx), "dx_desc", true},
      {1 << FORWARD | 1 << BACKWARD, offsetof(query_arguments, param), "param_desc", false}};
  size_t size;
  const query_arguments valid = open_queries(&size);
  for (size_t i = 0; i < sizeof list / sizeof *list; ++i)
    for (int query = 0; query < QUERIES; ++query) {
      if (!(list[i].queries & 1 << query)) continue;
      query_arguments a = valid;
      memset((char *)&a + list[i].member, 0, sizeof(cubnTensorDescriptor_t));
      refuse(query, &a, BAD, list[i].name, "NULL");
      memcpy((char *)&a + list[i].member, &d.unset, sizeof d.unset);
      refuse(query, &a, BAD, list[i].name, "never set");
      if (!list[i].can_differ) continue;
      memcpy((char *)&a + list[i].member, &d.other, sizeof d.other);
      refuse(query, &a, BAD, list[i].name, "17");
    }
  query_arguments a = valid;
  a.param = d.x;
  refuse(FORWARD, &a, BAD, "param_desc", NULL);
  CU_ASSERT_EQUAL(size, 77);
  close_queries();
}

/* Arguments that the operations do not need may be NULL. The library has its own workspace. */
static void test_answers(void) {
  size_t size;
  query_arguments a = open_queries(&size);
  for (int query = 0; query < QUERIES; ++query) {
    a.ops = CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION;
    a.z = a.dz = d.x;
    expect_success(ask(query, &a), functions[query]);
    CU_ASSERT(query == RESERVE ? size == 40 : size == 0); /* 40 rows of 3 bits */
    a.z = a.dz = NULL;
    a.ops = CUBN_BATCHNORM_OPS_BN_ACTIVATION;
    expect_success(ask(query, &a), functions[query]);
    CU_ASSERT(query == RESERVE ? size == 36 : size == 0);
    a.ops = CUBN_BATCHNORM_OPS_BN;
    a.activation = NULL;
    expect_success(ask(query, &a), functions[query]);
    CU_ASSERT(size == 0);
    a.activation = d.relu;
  }
  close_queries();
}

void test_api_errors_sizes_suites(void) {
  static const suite_test tests[] = {{"numbers", test_numbers},
                                     {"descriptors", test_descriptors},
                                     {"answers", test_answers},
                                     {NULL, NULL}};
  suite_add("api errors of size queries", SUITE_DEVICES, tests);
}
