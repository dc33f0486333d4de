/* Descriptors of the operations made wrong, one at a time: status and message; nothing was
 * written. */
#include <stddef.h>
#include <string.h>

#include "suites/support/api_call.h"

/* A descriptor that does not fit the valid call, whose tensors are float, 2 x 3 x 4 x 5, packed. */
typedef struct tensor_case {
  int passes;
  size_t member; /* of api_arguments */
  cubnDataType_t type;
  int rank;
  int dims[5], strides[5];      /* strides[0] == -1: packed */
  const char *argument, *value; /* in the message */
} tensor_case;

#define X offsetof(api_arguments, x_desc)
#define OUTPUT offsetof(api_arguments, output_desc)
#define DY offsetof(api_arguments, dy_desc)
#define Z offsetof(api_arguments, z_desc)
#define PARAM offsetof(api_arguments, param_desc)
#define FLOAT CUBN_DATA_FLOAT

/* With another x, the output does not fit. */
static const tensor_case tensors[] = {
    {API_FORWARD, X, CUBN_DATA_HALF, 4, {2, 3, 4, 5}, {-1}, "y_desc", "CUBN_DATA_FLOAT"},
    {API_FORWARD, X, FLOAT, 4, {7, 3, 4, 5}, {-1}, "y_desc", "7"},
    {API_BACKWARD, X, FLOAT, 4, {7, 3, 4, 5}, {-1}, "dx_desc", "7"},
    {API_FORWARD, OUTPUT, CUBN_DATA_DOUBLE, 4, {2, 3, 4, 5}, {-1}, "y_desc", "CUBN_DATA_DOUBLE"},
    {API_FORWARD,
     OUTPUT,
     CUBN_DATA_BFLOAT16,
     4,
     {2, 3, 4, 5},
     {-1},
     "y_desc",
     "CUBN_DATA_BFLOAT16"},
    {API_FORWARD, OUTPUT, FLOAT, 3, {2, 3, 20}, {-1}, "y_desc", "3"},
    {API_FORWARD, OUTPUT, FLOAT, 5, {2, 3, 4, 5, 1}, {-1}, "y_desc", "5"},
    {API_FORWARD, OUTPUT, FLOAT, 4, {17, 3, 4, 5}, {-1}, "y_desc", "17"},
    {API_FORWARD, OUTPUT, FLOAT, 4, {2, 3, 4, 0}, {-1}, "y_desc", "0"},
    {API_FORWARD, OUTPUT, FLOAT, 4, {2, 3, 4, 5}, {60, 20, 0, 1}, "y_desc", "0"},
    {API_BACKWARD, OUTPUT, CUBN_DATA_HALF, 4, {2, 3, 4, 5}, {-1}, "dx_desc", "CUBN_DATA_HALF"},
    {API_BACKWARD, OUTPUT, FLOAT, 4, {2, 13, 4, 5}, {-1}, "dx_desc", "13"},
    {API_BACKWARD, OUTPUT, FLOAT, 2, {2, 3}, {-1}, "dx_desc", "2"},
    {API_BACKWARD, OUTPUT, FLOAT, 4, {2, 3, 4, 5}, {60, 20, 5, 0}, "dx_desc", "0"},
    {API_BACKWARD, DY, CUBN_DATA_HALF, 4, {2, 3, 4, 5}, {-1}, "dy_desc", "CUBN_DATA_HALF"},
    {API_BACKWARD, DY, FLOAT, 4, {2, 3, 4, 15}, {-1}, "dy_desc", "15"},
    {API_BACKWARD, DY, FLOAT, 5, {2, 3, 4, 5, 1}, {-1}, "dy_desc", "5"},
    {API_TRAIN_EX, Z, CUBN_DATA_DOUBLE, 4, {2, 3, 4, 5}, {-1}, "z_desc", "CUBN_DATA_DOUBLE"},
    {API_TRAIN_EX, Z, FLOAT, 3, {2, 3, 20}, {-1}, "z_desc", "3"},
    {API_TRAIN_EX, Z, FLOAT, 4, {2, 3, 4, 6}, {-1}, "z_desc", "6"},
    {API_BACKWARD_EX, Z, CUBN_DATA_HALF, 4, {2, 3, 4, 5}, {-1}, "dz_desc", "CUBN_DATA_HALF"},
    {API_BACKWARD_EX, Z, FLOAT, 4, {2, 13, 4, 5}, {-1}, "dz_desc", "13"},
    {API_BACKWARD_EX, Z, FLOAT, 4, {2, 3, 4, 5}, {60, 20, 5, 0}, "dz_desc", "0"},
    {0, 0, FLOAT, 0, {0}, {0}, NULL, NULL},
};

static const tensor_case spatial_params[] = {
    {API_ALL, PARAM, CUBN_DATA_HALF, 4, {1, 3, 1, 1}, {-1}, "param_desc", "CUBN_DATA_HALF"},
    {API_ALL, PARAM, CUBN_DATA_DOUBLE, 4, {1, 3, 1, 1}, {-1}, "param_desc", "CUBN_DATA_DOUBLE"},
    {API_ALL, PARAM, FLOAT, 4, {2, 3, 1, 1}, {-1}, "param_desc", "2"},
    {API_ALL, PARAM, FLOAT, 4, {1, 2, 1, 1}, {-1}, "param_desc", "2"},
    {API_ALL, PARAM, FLOAT, 4, {1, 4, 1, 1}, {-1}, "param_desc", "4"},
    {API_ALL, PARAM, FLOAT, 4, {1, 3, 4, 5}, {-1}, "param_desc", "4"},
    {API_ALL, PARAM, FLOAT, 4, {1, 3, 1, 5}, {-1}, "param_desc", "5"},
    {API_ALL, PARAM, FLOAT, 4, {3, 1, 1, 1}, {-1}, "param_desc", "3"},
    {API_ALL, PARAM, FLOAT, 5, {1, 3, 1, 1, 6}, {-1}, "param_desc", "6"},
    {API_ALL, PARAM, FLOAT, 4, {1, 3, 1, 1}, {3, 0, 1, 1}, "param_desc", "0"},
    {0, 0, FLOAT, 0, {0}, {0}, NULL, NULL},
};

static const tensor_case per_activation_params[] = {
    {API_ALL, PARAM, FLOAT, 4, {1, 3, 1, 1}, {-1}, "param_desc", "1"},
    {API_ALL, PARAM, FLOAT, 4, {2, 3, 4, 5}, {-1}, "param_desc", "2"},
    {API_ALL, PARAM, FLOAT, 4, {1, 3, 5, 4}, {-1}, "param_desc", "5"},
    {API_ALL, PARAM, FLOAT, 3, {1, 3, 20}, {-1}, "param_desc", "20"},
    {API_ALL, PARAM, FLOAT, 4, {1, 3, 4, 5}, {60, 20, 5, 0}, "param_desc", "0"},
    {0, 0, FLOAT, 0, {0}, {0}, NULL, NULL},
};

static void describe(cubnTensorDescriptor_t tensor, const tensor_case *given) {
  const bool packed = given->strides[0] < 0;
  expect_success(packed ? cubnSetTensorNdDescriptorEx(tensor, CUBN_TENSOR_NCHW, given->type,
                                                      given->rank, given->dims)
                        : cubnSetTensorNdDescriptor(tensor, given->type, given->rank, given->dims,
                                                    given->strides),
                 "describe");
}

static void refuse_all(cubnBatchNormMode_t mode, const tensor_case *list) {
  cubnTensorDescriptor_t tensor;
  if (!expect_success(cubnCreateTensorDescriptor(&tensor), "create")) return;
  for (int call = 0; call < API_CALLS; ++call) {
    api_fixture f;
    if (!api_open(&f, call)) break;
    for (const tensor_case *i = list; i->argument; ++i) {
      if (!(i->passes & 1 << call)) continue;
      describe(tensor, i);
      api_arguments a = f.valid;
      a.mode = mode;
      memcpy((char *)&a + i->member, &tensor, sizeof tensor);
      api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, i->argument, i->value);
    }
    api_close(&f, false);
  }
  cubnDestroyTensorDescriptor(tensor);
}

static void test_tensors(void) {
  refuse_all(CUBN_BATCHNORM_SPATIAL, tensors);
  refuse_all(CUBN_BATCHNORM_PER_ACTIVATION, tensors);
}

static void test_params(void) {
  refuse_all(CUBN_BATCHNORM_SPATIAL, spatial_params);
  refuse_all(CUBN_BATCHNORM_SPATIAL_PERSISTENT, spatial_params);
  refuse_all(CUBN_BATCHNORM_PER_ACTIVATION, per_activation_params);
}

/* Each descriptor of each call replaced by this one, which none takes. */
static void refuse_everywhere(cubnTensorDescriptor_t tensor, cubnStatus_t status,
                              const char *value) {
  static const struct {
    int passes;
    size_t member;
    const char *name;
  } list[] = {{API_ALL, X, "x_desc"},
              {API_FORWARD, OUTPUT, "y_desc"},
              {API_BACKWARD, OUTPUT, "dx_desc"},
              {API_BACKWARD, DY, "dy_desc"},
              {API_TRAIN_EX, Z, "z_desc"},
              {API_BACKWARD_EX, Z, "dz_desc"},
              {API_ALL, PARAM, "param_desc"}};
  for (int call = 0; call < API_CALLS; ++call) {
    api_fixture f;
    if (!api_open(&f, call)) break;
    for (size_t i = 0; i < sizeof list / sizeof *list; ++i) {
      if (!(list[i].passes & 1 << call)) continue;
      api_arguments a = f.valid;
      memcpy((char *)&a + list[i].member, &tensor, sizeof tensor);
      api_refuse(&f, &a, status, list[i].name, value);
    }
    api_close(&f, false);
  }
  cubnDestroyTensorDescriptor(tensor);
}

static void test_never_set(void) {
  cubnTensorDescriptor_t unset;
  if (!expect_success(cubnCreateTensorDescriptor(&unset), "create")) return;
  refuse_everywhere(unset, CUBN_STATUS_BAD_PARAM, "never set");
}

/* A descriptor takes them, as cuDNN's does. */
static void test_negative_strides(void) {
  cubnTensorDescriptor_t mirrored;
  if (!expect_success(cubnCreateTensorDescriptor(&mirrored), "create")) return;
  expect_success(cubnSetTensor4dDescriptorEx(mirrored, FLOAT, 2, 3, 4, 5, 60, 20, 5, -1),
                 "describe");
  refuse_everywhere(mirrored, CUBN_STATUS_NOT_SUPPORTED, "stride -1 in dimension 3");
}

static void test_int8(void) {
  cubnTensorDescriptor_t bytes;
  if (!expect_success(cubnCreateTensorDescriptor(&bytes), "create")) return;
  expect_success(cubnSetTensor4dDescriptor(bytes, CUBN_TENSOR_NCHW, CUBN_DATA_INT8, 2, 3, 4, 5),
                 "describe");
  for (int call = 0; call < API_CALLS; ++call) {
    api_fixture f;
    if (!api_open(&f, call)) break;
    api_arguments a = f.valid;
    a.x_desc = a.output_desc = a.dy_desc = a.z_desc = bytes;
    api_refuse(&f, &a, CUBN_STATUS_NOT_SUPPORTED, "x_desc", "CUBN_DATA_INT8");
    api_close(&f, false);
  }
  cubnDestroyTensorDescriptor(bytes);
}

/* y is z, or dz is dy or x, with other strides; dz is dx. */
static void refuse_in_place_z(const api_fixture *f, cubnTensorDescriptor_t nhwc) {
  api_arguments a = f->valid;
  if (f->call == API_CALL_TRAIN_EX) {
    a.output = a.z;
    a.output_desc = nhwc;
    api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "y", "z");
  } else if (f->call == API_CALL_BACKWARD_EX) {
    a.z_desc = nhwc;
    a.z = a.dy;
    api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "dz", "dy");
    a.z = a.x;
    api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "dz", "x");
    a.z_desc = a.output_desc;
    a.z = a.output;
    api_refuse(f, &a, CUBN_STATUS_BAD_PARAM, "dz", "dx");
  }
}

/* In place with other strides, for each pair of tensors that may be the same memory. */
static void test_in_place(void) {
  cubnTensorDescriptor_t nhwc;
  if (!expect_success(cubnCreateTensorDescriptor(&nhwc), "create")) return;
  expect_success(cubnSetTensor4dDescriptor(nhwc, CUBN_TENSOR_NHWC, FLOAT, 2, 3, 4, 5), "describe");
  for (int call = 0; call < API_CALLS; ++call) {
    api_fixture f;
    if (!api_open(&f, call)) break;
    const bool is_backward = API_BACKWARD & 1 << call;
    const char *output = is_backward ? "dx" : "y";
    api_arguments a = f.valid;
    a.output = a.x;
    a.output_desc = nhwc;
    api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, output, "x");
    if (is_backward) {
      a.output = a.dy;
      api_refuse(&f, &a, CUBN_STATUS_BAD_PARAM, output, "dy");
    }
    refuse_in_place_z(&f, nhwc);
    api_close(&f, false);
  }
  cubnDestroyTensorDescriptor(nhwc);
}

void test_api_errors_tensors_suites(void) {
  static const suite_test tests[] = {{"tensors", test_tensors},
                                     {"parameters", test_params},
                                     {"never set", test_never_set},
                                     {"negative strides", test_negative_strides},
                                     {"int8", test_int8},
                                     {"in place", test_in_place},
                                     {NULL, NULL}};
  suite_add("api errors of tensors", SUITE_DEVICES, tests);
}
