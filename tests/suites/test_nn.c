/* The example's layers: derivatives against finite differences of the same layer's forward pass
 * (support/nn_probe.h); random choices of dropout. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/network.h"
#include "suites/support/nn_probe.h"
#include "suites/support/suite.h"

static void test_convolution(void) {
  static const struct {
    int kernel, stride, pad;
    bool bias;
  } cases[] = {{3, 1, 1, true},  {3, 1, 0, false}, {5, 1, 2, true},
               {1, 1, 0, false}, {3, 2, 1, true},  {1, 2, 0, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    nn_probe p;
    if (!nn_probe_open(&p)) return;
    p.layer = nn_create_convolution(&p.device, (nn_shape){5, 6, 2}, BATCH, 4, cases[i].kernel,
                                    cases[i].stride, cases[i].pad, cases[i].bias, 1.0f, &p.random);
    nn_probe_check(&p, EXACT, 0);
    nn_probe_close(&p);
  }
}

static void test_linear(void) {
  for (int bias = 0; bias < 2; ++bias) {
    nn_probe p;
    if (!nn_probe_open(&p)) return;
    p.layer =
        nn_create_linear(&p.device, (nn_shape){2, 3, 4}, BATCH, 7, bias == 1, 1.0f, &p.random);
    nn_probe_check(&p, EXACT, 0);
    nn_probe_close(&p);
  }
}

static void test_pool(void) {
  nn_probe p;
  if (!nn_probe_open(&p)) return;
  p.layer = nn_create_pool(&p.device, (nn_shape){5, 4, 3}, BATCH, 2);
  nn_probe_check(&p, EXACT, 0);
  nn_probe_close(&p);
}

/* ReLU is linear where no step crosses 0. For the sigmoid only one output changes, by values that
 * are off by 2^-22 (two roundings of 1 + e^-x, two of expf and the quotient), which the quotient
 * multiplies by 18 / (12 h): 6e-6. The fifth derivative is below 1, which adds 5e-7, and the
 * gradient is off by a few 2^-24. For tanh, whose fifth derivative is at most 16, that is 16 * h^4
 * / 30, 8e-6, and with values off by 2^-23 (an error of two units in the last place is allowed for
 * tanhf) 3e-6. */
static void test_activations(void) {
  nn_probe p;
  if (!nn_probe_open(&p)) return;
  p.layer = nn_create_activation(&p.device, (nn_shape){4, 3, 2}, BATCH, NN_SIGMOID);
  nn_probe_check(&p, 7e-6, 0);
  nn_probe_close(&p);
  if (!nn_probe_open(&p)) return;
  p.layer = nn_create_activation(&p.device, (nn_shape){4, 3, 2}, BATCH, NN_TANH);
  nn_probe_check(&p, 2e-5, 0);
  nn_probe_close(&p);
  if (!nn_probe_open(&p)) return;
  p.layer = nn_create_activation(&p.device, (nn_shape){4, 3, 2}, BATCH, NN_RELU);
  nn_probe_check(&p, EXACT, 0.25f);
  nn_probe_close(&p);
}

/* The m = 12 (or 3) outputs of a channel change. Scale and bias are at most 1, and |x_hat| at most
 * sqrt(m): each y is off by 2^-23 (1 + sqrt(m)), counting a rounding of the coefficients and of the
 * result, L by m of these, and the quotient by 18 / (12 h) times that: 1.6e-4 for m = 12. x_hat
 * changes on the scale of std * sqrt(m), about 2, by derivatives of at most (5!) / 2^5: h^4 / 30 of
 * that is 2e-6 times the sum of m weights, 2.3e-5. For m = 3, where std can be small, the input is
 * not probed here but by the network below. */
static void test_batch_norm(void) {
  const nn_batch_norm what = {.activation = NN_IDENTITY};
  nn_probe p;
  if (!nn_probe_open(&p)) return;
  p.layer = nn_create_batch_norm(&p.device, (nn_shape){2, 2, 5}, BATCH, &what);
  nn_probe_check(&p, 2e-4, 0);
  nn_probe_close(&p);
}

/* With z the sums are below 8, so adding rounds by up to 2^-22, which the quotient multiplies by
 * 18 / (12 h) * m: 7e-5 more than above. A sigmoid divides this by 4, and then rounds by 2^-22
 * itself. */
static void test_batch_norm_add(void) {
  static const nn_activation activations[] = {NN_IDENTITY, NN_SIGMOID};
  const nn_shape shape = {2, 2, 5};
  for (int i = 0; i < 2; ++i) {
    nn_probe p;
    if (!nn_probe_open(&p)) return;
    nn_layer *z = nn_create_activation(&p.device, shape, BATCH, NN_IDENTITY);
    const nn_batch_norm what = {.activation = activations[i], .z = z};
    float values[VALUES_MAX];
    CU_ASSERT_FATAL(z != NULL && nn_probe_randomize(&p, &z->output));
    memcpy(values, p.host, sizeof values);
    p.layer = nn_create_batch_norm(&p.device, shape, BATCH, &what);
    nn_probe_check(&p, 3e-4, 0);
    memcpy(p.host, values, sizeof values);
    nn_probe_compare(&p, &z->output, &z->output_gradient, 3e-4, "z");
    nn_destroy_layer(z);
    nn_probe_close(&p);
  }
}

/* With 64 images and p = 1/4, the factors are 0 or 4/3, about a quarter are 0 (the standard
 * deviation of 1280 draws is 16), the same step draws the same factors, and inference changes
 * nothing. */
static void test_dropout(void) {
  enum { IMAGES = 64, COUNT = IMAGES * 20 };
  static float x[COUNT], y[COUNT], again[COUNT];
  nn_device device;
  nn_array input;
  nn_probe p;
  if (!nn_probe_open(&p)) return;
  device = p.device;
  nn_layer *layer = nn_create_dropout(&device, (nn_shape){1, 1, 20}, IMAGES, 0.25f, 9);
  CU_ASSERT_FATAL(layer != NULL && nn_array_create(&device, &input, COUNT));
  CU_ASSERT(nn_array_set(&input, 3.0f));
  layer->input = input.data;
  int dropped = 0, other = 0;
  for (uint64_t step = 0; step < 2; ++step) {
    CU_ASSERT(layer->type->prepare(layer, IMAGES, step) &&
              layer->type->forward(layer, IMAGES, NN_TRAINING) &&
              nn_array_download(&layer->output, step ? again : y, COUNT));
  }
  for (int i = 0; i < COUNT; ++i) {
    dropped += y[i] == 0.0f;
    other += y[i] != again[i];
    CU_ASSERT(y[i] == 0.0f || fabs((double)y[i] - 4.0) < 1e-6);
  }
  SUITE_CHECK(abs(dropped - COUNT / 4) < 80 && other > COUNT / 4, "%d of %d dropped, %d other",
              dropped, COUNT, other);
  CU_ASSERT(layer->type->prepare(layer, IMAGES, 0) &&
            layer->type->forward(layer, IMAGES, NN_TRAINING) &&
            nn_array_download(&layer->output, again, COUNT));
  CU_ASSERT_EQUAL(memcmp(y, again, sizeof y), 0);
  CU_ASSERT(layer->type->forward(layer, IMAGES, NN_INFERENCE) &&
            nn_array_download(&layer->output, x, COUNT));
  for (int i = 0; i < COUNT; ++i) CU_ASSERT_EQUAL(x[i], 3.0f);
  CU_ASSERT_PTR_NULL(nn_create_dropout(&device, (nn_shape){1, 1, 20}, IMAGES, 1.0f, 9));
  nn_destroy_layer(layer);
  nn_array_destroy(&input);
  nn_probe_close(&p);
}

void test_nn_suites(void) {
  static const suite_test tests[] = {{"convolution", test_convolution},
                                     {"fully connected", test_linear},
                                     {"pooling", test_pool},
                                     {"activations", test_activations},
                                     {"batch norm", test_batch_norm},
                                     {"batch norm + z + activation", test_batch_norm_add},
                                     {"dropout", test_dropout},
                                     {NULL, NULL}};
  suite_add("nn layers", SUITE_DEVICES, tests);
}
