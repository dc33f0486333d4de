/* Arrays that share memory: refused where an element is certainly common, else accepted. */
#include <stdlib.h>

#include "suites/support/device_array.h"
#include "suites/support/expect_error.h"
#include "suites/support/suite.h"

void test_overlap_suites(void);

enum { N = 2, C = 3, H = 4, W = 5, COUNT = N * C * H * W, ROOM = 4 * COUNT, PARAMS = 64 };

/* One buffer of floats; all arrays lie in it, at offsets in elements, which are -1 for NULL. */
typedef struct layout {
  int x, y, z, dy, dx, dz;
  int scale, bias, running_mean, running_var, previous_mean, previous_var, saved_mean,
      saved_inv_std;
  int dscale, dbias, nonfinite;
  int x_strides[4], y_strides[4]; /* [0] = 0: packed NCHW */
} layout;

/* Tensors one after the other, then parameters. */
static layout apart(void) {
  const int p = ROOM;
  return (layout){.x = 0,
                  .y = COUNT,
                  .z = 2 * COUNT,
                  .dy = COUNT,
                  .dx = 2 * COUNT,
                  .dz = 3 * COUNT,
                  .scale = p,
                  .bias = p + 3,
                  .running_mean = p + 6,
                  .running_var = p + 9,
                  .previous_mean = -1,
                  .previous_var = -1,
                  .saved_mean = p + 12,
                  .saved_inv_std = p + 15,
                  .dscale = p + 18,
                  .dbias = p + 21,
                  .nonfinite = -1};
}

static void describe(cubnTensorDescriptor_t *tensor, const int strides[4]) {
  const int packed[4] = {C * H * W, H * W, W, 1}, dims[4] = {N, C, H, W};
  expect_success(cubnCreateTensorDescriptor(tensor), "create");
  expect_success(
      cubnSetTensorNdDescriptor(*tensor, CUBN_DATA_FLOAT, 4, dims, strides[0] ? strides : packed),
      "set");
}

/* Calls forward or backward with addition and no activation. */
static cubnStatus_t call(const layout *at, bool backward) {
  float *values = calloc(ROOM + PARAMS, sizeof *values);
  device_array memory = device_array_create(ROOM + PARAMS, values);
  cubnTensorDescriptor_t x, y, param;
  cubnBatchNormDescriptor_t descriptor;
  describe(&x, at->x_strides);
  describe(&y, at->y_strides);
  expect_success(cubnCreateTensorDescriptor(&param), "create");
  expect_success(cubnDeriveBNTensorDescriptor(param, x, CUBN_BATCHNORM_SPATIAL), "derive");
  expect_success(cubnCreateBatchNormDescriptor(&descriptor), "create");
  cubnActivationDescriptor_t identity;
  expect_success(cubnCreateActivationDescriptor(&identity), "create");
  expect_success(
      cubnSetBatchNormActivation(descriptor, CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION, identity),
      "ops");
#define AT(offset) ((offset) < 0 ? NULL : (float *)memory.pointer + (offset))
  cubnBatchNormTensors_t tensors = {.x_desc = x,
                                    .param_desc = param,
                                    .x = AT(at->x),
                                    .scale = AT(at->scale),
                                    .bias = AT(at->bias),
                                    .saved_mean = AT(at->saved_mean),
                                    .saved_inv_std = AT(at->saved_inv_std)};
  if (backward) {
    tensors.dy_desc = tensors.dz_desc = x;
    tensors.dx_desc = y;
    tensors.dy = AT(at->dy);
    tensors.dx = AT(at->dx);
    tensors.dz = AT(at->dz);
    tensors.dscale = AT(at->dscale);
    tensors.dbias = AT(at->dbias);
  } else {
    tensors.z_desc = x;
    tensors.y_desc = y;
    tensors.z = AT(at->z);
    tensors.y = AT(at->y);
    tensors.running_mean = AT(at->running_mean);
    tensors.running_var = AT(at->running_var);
    tensors.previous_running_mean = AT(at->previous_mean);
    tensors.previous_running_var = AT(at->previous_var);
    tensors.nonfinite = (void *)AT(at->nonfinite);
  }
#undef AT
  const cubnStatus_t status = backward ? cubnBatchNormBackward(suite_handle(), descriptor, &tensors)
                                       : cubnBatchNormForward(suite_handle(), descriptor, &tensors);
  cubnSynchronize(suite_handle());
  cubnDestroyActivationDescriptor(identity);
  cubnDestroyBatchNormDescriptor(descriptor);
  cubnDestroyTensorDescriptor(param);
  cubnDestroyTensorDescriptor(x);
  cubnDestroyTensorDescriptor(y);
  device_array_destroy(&memory);
  free(values);
  return status;
}

static void refused(layout at, bool backward, const char *output, const char *other) {
  expect_error(call(&at, backward), CUBN_STATUS_BAD_PARAM,
               backward ? "cubnBatchNormBackward" : "cubnBatchNormForward", output, other);
}

static void accepted(layout at, bool backward, const char *what) {
  expect_success(call(&at, backward), what);
}

#define REFUSED(backward, output, other, ...) \
  do {                                        \
    layout at = apart();                      \
    __VA_ARGS__;                              \
    refused(at, backward, output, other);     \
  } while (0)
#define ACCEPTED(backward, ...)           \
  do {                                    \
    layout at = apart();                  \
    __VA_ARGS__;                          \
    accepted(at, backward, #__VA_ARGS__); \
  } while (0)

static void test_tensors(void) {
  ACCEPTED(false, (void)0);
  ACCEPTED(true, (void)0);
  ACCEPTED(false, at.y = at.x);
  ACCEPTED(false, at.y = at.z);
  ACCEPTED(true, at.dx = at.dy);
  ACCEPTED(true, at.dx = at.x);
  ACCEPTED(true, at.dz = at.dy);
  REFUSED(false, "y at", "overlaps x", at.y = 1);
  REFUSED(false, "y at", "overlaps x", at.x = 1; at.y = 0);
  REFUSED(false, "y at", "overlaps z", at.y = 2 * COUNT - 1);
  REFUSED(true, "dx at", "overlaps dy", at.dx = at.dy + W);
  REFUSED(true, "dx at", "overlaps dz", at.dz = at.dx + COUNT - 1);
  REFUSED(true, "dz at", "overlaps x", at.x = COUNT; at.dx = at.dy = 0; at.dz = COUNT + H * W);
  /* NCHW into NHWC that begins within it. */
  REFUSED(false, "y at", "overlaps x", at.y = COUNT / 2; at.y_strides[0] = H * W * C;
          at.y_strides[1] = 1; at.y_strides[2] = W * C; at.y_strides[3] = C);
}

/* Slices of the channels, images or columns of one buffer. */
static void test_slices(void) {
  const int wide[4] = {2 * C * H * W, H * W, W, 1}, rows[4] = {2 * C * H * W, 2 * H * W, 2 * W, 1};
#define STRIDES(from) \
  for (int i = 0; i < 4; ++i) at.x_strides[i] = at.y_strides[i] = (from)[i]
  ACCEPTED(false, STRIDES(wide); at.y = C * H * W; at.z = at.x);
  ACCEPTED(false, STRIDES(rows); at.y = W; at.z = at.x);
  REFUSED(false, "y at", "overlaps x", STRIDES(wide); at.y = H * W; at.z = at.x);
  REFUSED(false, "y at", "overlaps x", STRIDES(wide); at.x = at.z = C * H * W;
          at.y = C * H * W - 1);
  REFUSED(false, "y at", "overlaps x", STRIDES(rows); at.y = W - 1; at.z = at.x);
#undef STRIDES
}

static void test_strides(void) {
  const int met[4] = {C * H * W, H * W, W - 1, 1}, odd[4] = {110, 34, 7, 3};
  REFUSED(false, "y_desc", "share memory", for (int i = 0; i < 4; ++i) at.y_strides[i] = met[i]);
  /* 3 and 7 meet at 21, beyond the five columns. */
  ACCEPTED(false, at.x = at.z = 2 * COUNT; at.y = 0;
           for (int i = 0; i < 4; ++i) at.y_strides[i] = odd[i]);
}

static void test_parameters(void) {
  ACCEPTED(false, at.running_mean = at.scale; at.running_var = at.bias);
  ACCEPTED(false, at.running_mean = at.bias; at.running_var = at.scale);
  ACCEPTED(false, at.previous_mean = at.running_mean; at.previous_var = at.running_var);
  ACCEPTED(true, at.saved_mean = at.scale);
  REFUSED(false, "saved_mean at", "overlaps running_mean", at.saved_mean = at.running_mean);
  REFUSED(false, "running_mean at", "overlaps running_var", at.running_var = at.running_mean);
  REFUSED(false, "running_mean at", "overlaps scale", at.running_mean = at.scale + 1);
  REFUSED(false, "running_mean at", "overlaps previous_running_var",
          at.previous_var = at.running_mean;
          at.previous_mean = at.running_var);
  REFUSED(false, "saved_inv_std at", "overlaps bias", at.saved_inv_std = at.bias);
  REFUSED(false, "y at", "overlaps scale", at.scale = COUNT + 7);
  REFUSED(false, "running_var at", "overlaps x", at.running_var = 5; at.running_mean = ROOM + 30);
  REFUSED(false, "y at", "overlaps nonfinite", at.nonfinite = at.y);
  REFUSED(false, "nonfinite at", "overlaps x", at.nonfinite = at.x);
  REFUSED(false, "saved_mean at", "overlaps nonfinite", at.nonfinite = at.saved_mean);
  REFUSED(true, "dscale at", "overlaps dbias", at.dbias = at.dscale + 2);
  REFUSED(true, "dscale at", "overlaps scale", at.dscale = at.scale);
  REFUSED(true, "dbias at", "overlaps saved_inv_std", at.dbias = at.saved_inv_std);
}

/* Elements of two sizes: a half y whose first bytes are the last ones of a float scale. */
static void test_sizes(void) {
  const int dims[] = {1, 4}, strides[] = {4, 1};
  const float one = 1, zero = 0, values[8] = {0};
  device_array memory = device_array_create(8, values);
  device_array others = device_array_create(12, NULL);
  float *const apart = others.pointer;
  char *const bytes = memory.pointer;
  cubnTensorDescriptor_t x, param;
  expect_success(cubnCreateTensorDescriptor(&x), "create");
  expect_success(cubnCreateTensorDescriptor(&param), "create");
  expect_success(cubnSetTensorNdDescriptor(x, CUBN_DATA_HALF, 2, dims, strides), "set");
  expect_success(cubnSetTensorNdDescriptor(param, CUBN_DATA_FLOAT, 2, dims, strides), "set");
  expect_error(cubnBatchNormalizationForwardInference(suite_handle(), CUBN_BATCHNORM_SPATIAL, &one,
                                                      &zero, x, bytes + 24, x, bytes + 14, param,
                                                      bytes, apart, apart + 4, apart + 8, 1e-5),
               CUBN_STATUS_BAD_PARAM, "cubnBatchNormalizationForwardInference", "y at",
               "overlaps scale");
  cubnDestroyTensorDescriptor(x);
  cubnDestroyTensorDescriptor(param);
  device_array_destroy(&memory);
  device_array_destroy(&others);
}

void test_overlap_suites(void) {
  static const suite_test tests[] = {{"tensors", test_tensors},
                                     {"slices of a buffer", test_slices},
                                     {"strides of an output", test_strides},
                                     {"parameters", test_parameters},
                                     {"elements of two sizes", test_sizes},
                                     {NULL, NULL}};
  suite_add("overlap", SUITE_DEVICES, tests);
}
