/* The example's layers: derivatives against finite differences of the same layer's forward pass.
 *
 * With L = sum(r * y) for fixed random r, backward from dL/dy = r must give dL/dx and dL/dp.
 * Inputs, parameters and r are multiples of 1/64 of at most 1, so that a layer that is linear in
 * what is changed, which all are but sigmoid and batch norm, computes L without any rounding: there
 * the difference quotient is exact. The others' bounds are derived where they are given. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/network.h"
#include "suites/support/suite.h"

enum { BATCH = 3, VALUES_MAX = 512, PROBES = 24 };
/* Step of the differences: a multiple of 1/64, so that x + h is exact. */
static const double STEP = 1.0 / 16;
/* Only the quotient's own arithmetic, in double. */
static const double EXACT = 1e-12;

/* A layer under test, its inputs and L's weights, on device and host. */
typedef struct probe {
  nn_device device;
  nn_layer *layer;
  nn_array x, dx;
  float host[VALUES_MAX], weights[VALUES_MAX];
  nn_random random;
} probe;

static float grid_value(nn_random *random) {
  return (float)((int)nn_random_below(random, 129) - 64) / 64.0f;
}

static bool open_probe(probe *p) {
  p->layer = NULL;
  p->x = p->dx = (nn_array){0};
  p->random.state = 7;
  const bool is_cpu = strcmp(suite_device(), "cpu") == 0;
  if (nn_operations_for(is_cpu ? CUBN_DEVICE_CPU : CUBN_DEVICE_CUDA) == NULL) {
    CU_PASS("the layers were built without a BLAS for this device");
    return false;
  }
  return SUITE_CHECK(nn_device_open(&p->device, suite_device()), "%s", nn_message());
}

static void close_probe(probe *p) {
  nn_destroy_layer(p->layer);
  nn_array_destroy(&p->x);
  nn_array_destroy(&p->dx);
  nn_device_close(&p->device);
}

/* Random values in the array, and in p->host. */
static bool randomize(probe *p, nn_array *array) {
  for (size_t i = 0; i < array->count; ++i) p->host[i] = grid_value(&p->random);
  return nn_array_upload(array, p->host, array->count);
}

/* L, summed in double: exact, if the layer is. */
static double loss_of(probe *p) {
  float y[VALUES_MAX];
  double sum = 0;
  nn_layer *layer = p->layer;
  SUITE_CHECK(layer->type->forward(layer, BATCH, NN_TRAINING) &&
                  nn_array_download(&layer->output, y, layer->output.count),
              "%s: %s", layer->type->name, nn_message());
  for (size_t i = 0; i < layer->output.count; ++i) sum += (double)p->weights[i] * (double)y[i];
  return sum;
}

static double loss_at(probe *p, nn_array *array, size_t i, double step) {
  const float kept = p->host[i];
  p->host[i] = (float)((double)kept + step);
  CU_ASSERT(nn_array_upload(array, p->host, array->count));
  p->host[i] = kept;
  return loss_of(p);
}

/* Compares some elements of a gradient; p->host holds the values of `array`. The quotient is exact
 * up to h^4 / 30 of the fifth derivative. */
static void compare_gradient(probe *p, nn_array *array, const nn_array *gradient, double bound,
                             const char *what) {
  float got[VALUES_MAX];
  CU_ASSERT(nn_array_download(gradient, got, gradient->count));
  for (int k = 0; k < PROBES; ++k) {
    const size_t i = nn_random_below(&p->random, (uint32_t)array->count);
    const double near = loss_at(p, array, i, STEP) - loss_at(p, array, i, -STEP);
    const double far = loss_at(p, array, i, 2 * STEP) - loss_at(p, array, i, -2 * STEP);
    const double wanted = (8 * near - far) / (12 * STEP);
    SUITE_CHECK(fabs((double)got[i] - wanted) <= bound,
                "%s, gradient of %s at %zu: got %.9g, wanted %.9g within %g", p->layer->type->name,
                what, i, (double)got[i], wanted, bound);
  }
  CU_ASSERT(nn_array_upload(array, p->host, array->count));
}

/* p->layer has been created (or not: NULL). `away` moves inputs away from 0 by so much. */
static void check_layer(probe *p, double bound, float away) {
  nn_layer *layer = p->layer;
  if (!SUITE_CHECK(layer != NULL, "%s", nn_message())) return;
  const size_t inputs = BATCH * nn_shape_count(layer->in);
  float x[VALUES_MAX];
  CU_ASSERT_FATAL(inputs <= VALUES_MAX && layer->output.count <= VALUES_MAX);
  CU_ASSERT_FATAL(nn_array_create(&p->device, &p->x, inputs) &&
                  nn_array_create(&p->device, &p->dx, inputs));
  for (size_t i = 0; i < inputs; ++i) {
    x[i] = grid_value(&p->random);
    x[i] += x[i] < 0 ? -away : away;
  }
  CU_ASSERT(nn_array_upload(&p->x, x, inputs));
  layer->input = p->x.data;
  layer->input_gradient = p->dx.data;
  for (int j = 0; j < layer->parameter_count; ++j)
    CU_ASSERT(randomize(p, &layer->parameters[j].value));
  CU_ASSERT(randomize(p, &layer->output_gradient));
  for (size_t i = 0; i < layer->output.count; ++i) p->weights[i] = p->host[i];
  loss_of(p);
  SUITE_CHECK(layer->type->backward(layer, BATCH), "%s", nn_message());
  for (size_t i = 0; i < inputs; ++i) p->host[i] = x[i];
  compare_gradient(p, &p->x, &p->dx, bound, "the input");
  for (int j = 0; j < layer->parameter_count; ++j) {
    nn_parameter *parameter = &layer->parameters[j];
    CU_ASSERT(nn_array_download(&parameter->value, p->host, parameter->value.count));
    compare_gradient(p, &parameter->value, &parameter->gradient, bound, "a parameter");
  }
}

static void test_convolution(void) {
  static const struct {
    int kernel, stride, pad;
    bool bias;
  } cases[] = {{3, 1, 1, true},  {3, 1, 0, false}, {5, 1, 2, true},
               {1, 1, 0, false}, {3, 2, 1, true},  {1, 2, 0, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; ++i) {
    probe p;
    if (!open_probe(&p)) return;
    p.layer = nn_create_convolution(&p.device, (nn_shape){5, 6, 2}, BATCH, 4, cases[i].kernel,
                                    cases[i].stride, cases[i].pad, cases[i].bias, 1.0f, &p.random);
    check_layer(&p, EXACT, 0);
    close_probe(&p);
  }
}

static void test_linear(void) {
  for (int bias = 0; bias < 2; ++bias) {
    probe p;
    if (!open_probe(&p)) return;
    p.layer =
        nn_create_linear(&p.device, (nn_shape){2, 3, 4}, BATCH, 7, bias == 1, 1.0f, &p.random);
    check_layer(&p, EXACT, 0);
    close_probe(&p);
  }
}

static void test_pool(void) {
  probe p;
  if (!open_probe(&p)) return;
  p.layer = nn_create_pool(&p.device, (nn_shape){5, 4, 3}, BATCH, 2);
  check_layer(&p, EXACT, 0);
  close_probe(&p);
}

/* ReLU is linear where no step crosses 0. For the sigmoid only one output changes, by values that
 * are off by 2^-22 (two roundings of 1 + e^-x, two of expf and the quotient), which the quotient
 * takes 18 / (12 h) times: 6e-6. The fifth derivative is below 1, which adds 5e-7, and the gradient
 * is off by a few 2^-24. For tanh, whose fifth derivative is at most 16, that is 16 * h^4 / 30, 8e-6,
 * and with values off by 2^-23 (an error of two units in the last place is allowed for tanhf) 3e-6. */
static void test_activations(void) {
  probe p;
  if (!open_probe(&p)) return;
  p.layer = nn_create_activation(&p.device, (nn_shape){4, 3, 2}, BATCH, NN_SIGMOID);
  check_layer(&p, 7e-6, 0);
  close_probe(&p);
  if (!open_probe(&p)) return;
  p.layer = nn_create_activation(&p.device, (nn_shape){4, 3, 2}, BATCH, NN_TANH);
  check_layer(&p, 2e-5, 0);
  close_probe(&p);
  if (!open_probe(&p)) return;
  p.layer = nn_create_activation(&p.device, (nn_shape){4, 3, 2}, BATCH, NN_RELU);
  check_layer(&p, EXACT, 0.25f);
  close_probe(&p);
}

/* The m = 12 (or 3) outputs of a channel change. Scale and bias are at most 1, and |x_hat| at most
 * sqrt(m): each y is off by 2^-23 (1 + sqrt(m)), counting a rounding of the coefficients and of the
 * result, L by m of these, and the quotient by 18 / (12 h) times that: 1.6e-4 for m = 12. x_hat
 * changes on the scale of std * sqrt(m), about 2, by derivatives of at most (5!) / 2^5: h^4 / 30 of
 * that is 2e-6 times the sum of m weights, 2.3e-5. For m = 3, where std can be small, the input is
 * not probed here but by the network below. */
static void test_batch_norm(void) {
  const nn_batch_norm what = {.activation = NN_IDENTITY};
  probe p;
  if (!open_probe(&p)) return;
  p.layer = nn_create_batch_norm(&p.device, (nn_shape){2, 2, 5}, BATCH, &what);
  check_layer(&p, 2e-4, 0);
  close_probe(&p);
}

/* With z the sums are below 8, so adding rounds by up to 2^-22, which the quotient takes
 * 18 / (12 h) * m times: 7e-5 more than above. A sigmoid divides this by 4, and then rounds by 2^-22
 * itself. */
static void test_batch_norm_add(void) {
  static const nn_activation activations[] = {NN_IDENTITY, NN_SIGMOID};
  const nn_shape shape = {2, 2, 5};
  for (int i = 0; i < 2; ++i) {
    probe p;
    if (!open_probe(&p)) return;
    nn_layer *z = nn_create_activation(&p.device, shape, BATCH, NN_IDENTITY);
    const nn_batch_norm what = {.activation = activations[i], .z = z};
    float values[VALUES_MAX];
    CU_ASSERT_FATAL(z != NULL && randomize(&p, &z->output));
    memcpy(values, p.host, sizeof values);
    p.layer = nn_create_batch_norm(&p.device, shape, BATCH, &what);
    check_layer(&p, 3e-4, 0);
    memcpy(p.host, values, sizeof values);
    compare_gradient(&p, &z->output, &z->output_gradient, 3e-4, "z");
    nn_destroy_layer(z);
    close_probe(&p);
  }
}

/* With 64 images and p = 1/4: the factors are 0 or 4/3, about a quarter are 0 (the standard
 * deviation of 1280 draws is 16), the same step draws the same, and inference changes nothing. */
static void test_dropout(void) {
  enum { IMAGES = 64, COUNT = IMAGES * 20 };
  static float x[COUNT], y[COUNT], again[COUNT];
  nn_device device;
  nn_array input;
  probe p;
  if (!open_probe(&p)) return;
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
  close_probe(&p);
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
