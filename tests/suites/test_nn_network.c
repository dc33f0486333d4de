/* The example's network: products of many rows, the loss, the step, and the derivative of a whole
 * network. */
#include <math.h>
#include <string.h>

#include "nn/model.h"
#include "suites/support/suite.h"

static bool open_device(nn_device *device) {
  const bool is_cpu = strcmp(suite_device(), "cpu") == 0;
  if (nn_operations_for(is_cpu ? CUBN_DEVICE_CPU : CUBN_DEVICE_CUDA) == NULL) {
    CU_PASS("the layers were built without a BLAS for this device");
    return false;
  }
  return SUITE_CHECK(nn_device_open(device, suite_device()), "%s", nn_message());
}

/* Small whole numbers: every sum is exact, in any order. */
static void fill_whole(float *values, size_t count, nn_random *random) {
  for (size_t i = 0; i < count; ++i) values[i] = (float)((int)nn_random_below(random, 7) - 3);
}

static void check_product(nn_device *device, bool transpose_a, bool transpose_b, int rows,
                          int columns, int inner) {
  static float a[4000], b[4000], c[8000];
  const size_t m = (size_t)rows, n = (size_t)columns, k = (size_t)inner;
  nn_array device_a, device_b, device_c;
  nn_random random = {(uint64_t)(rows + columns + inner)};
  fill_whole(a, m * k, &random);
  fill_whole(b, k * n, &random);
  CU_ASSERT_FATAL(nn_array_create(device, &device_a, m * k) &&
                  nn_array_create(device, &device_b, k * n) &&
                  nn_array_create(device, &device_c, m * n));
  CU_ASSERT(nn_array_upload(&device_a, a, m * k) && nn_array_upload(&device_b, b, k * n));
  SUITE_CHECK(device->ops->gemm(device, transpose_a, transpose_b, rows, columns, inner,
                                device_a.data, device_b.data, device_c.data),
              "%s", nn_message());
  CU_ASSERT(nn_array_download(&device_c, c, m * n));
  size_t wrong = 0;
  for (size_t i = 0; i < m; ++i) {
    for (size_t j = 0; j < n; ++j) {
      float sum = 0;
      for (size_t l = 0; l < k; ++l)
        sum += a[transpose_a ? l * m + i : i * k + l] * b[transpose_b ? j * k + l : l * n + j];
      wrong += c[i * n + j] != sum;
    }
  }
  SUITE_CHECK(wrong == 0, "product %d x %d x %d, transposed %d %d: %zu wrong", rows, columns, inner,
              transpose_a, transpose_b, wrong);
  nn_array_destroy(&device_a);
  nn_array_destroy(&device_b);
  nn_array_destroy(&device_c);
}

static void test_products(void) {
  nn_device device;
  if (!open_device(&device)) return;
  for (int transposed = 0; transposed < 4; ++transposed) {
    check_product(&device, transposed & 1, transposed & 2, 3, 5, 7);
    check_product(&device, transposed & 1, transposed & 2, 600, 11, 6);
    check_product(&device, transposed & 1, transposed & 2, 1, 4, 300);
  }
  nn_device_close(&device);
}

/* Rows: all equal (a tie: only label 0 is a hit), a clear one, a wrong one, NaN. Where one logit is
 * ahead by 100, the others vanish against 1: the losses are 0 and 100, without rounding. The
 * gradient is that of a batch with twice as many images. */
static void test_loss(void) {
  enum { ROWS = 5, CLASSES = 4 };
  static const float logits[ROWS][CLASSES] = {
      {2, 2, 2, 2}, {2, 2, 2, 2}, {0, 0, 100, 0}, {100, 0, 0, 0}, {0, NAN, 0, 1}};
  static const int32_t labels[ROWS] = {0, 1, 2, 3, 3};
  const double losses[] = {log(4), log(4), 0, 100};
  float got[3][ROWS * CLASSES];
  nn_device device;
  nn_array arrays[5];
  if (!open_device(&device)) return;
  for (int i = 0; i < 5; ++i) CU_ASSERT_FATAL(nn_array_create(&device, &arrays[i], ROWS * CLASSES));
  CU_ASSERT(nn_array_upload(&arrays[0], logits, ROWS * CLASSES));
  CU_ASSERT(nn_array_upload(&arrays[1], labels, ROWS));
  CU_ASSERT(device.ops->softmax_loss(&device, ROWS, CLASSES, 2 * ROWS, arrays[0].data,
                                     (const int32_t *)(const void *)arrays[1].data, arrays[2].data,
                                     arrays[3].data, arrays[4].data));
  for (int i = 0; i < 3; ++i) CU_ASSERT(nn_array_download(&arrays[2 + i], got[i], ROWS * CLASSES));
  for (int i = 0; i < 4; ++i) CU_ASSERT_DOUBLE_EQUAL(got[0][i], losses[i], 2.4e-7);
  CU_ASSERT(isnan(got[0][4]));
  CU_ASSERT(got[1][0] == 1 && got[1][1] == 0 && got[1][2] == 1 && got[1][3] == 0 && got[1][4] == 0);
  for (int j = 0; j < CLASSES; ++j)
    CU_ASSERT_DOUBLE_EQUAL(got[2][CLASSES + j], (0.25 - (j == 1)) / (2 * ROWS), 6e-8);
  CU_ASSERT(got[2][3 * CLASSES] == 0.1f && got[2][3 * CLASSES + 3] == -0.1f);
  for (int i = 0; i < 5; ++i) nn_array_destroy(&arrays[i]);
  nn_device_close(&device);
}

static void test_step(void) {
  const float gradient = 2.0f, start = 10.0f;
  float value = 0, velocity = 0;
  nn_device device;
  nn_array arrays[3];
  if (!open_device(&device)) return;
  for (int i = 0; i < 3; ++i) CU_ASSERT_FATAL(nn_array_create(&device, &arrays[i], 1));
  CU_ASSERT(nn_array_upload(&arrays[0], &gradient, 1) && nn_array_upload(&arrays[2], &start, 1));
  for (int i = 0; i < 2; ++i)
    CU_ASSERT(
        device.ops->sgd(&device, 1, 0.25f, 0.5f, arrays[0].data, arrays[1].data, arrays[2].data));
  CU_ASSERT(nn_array_download(&arrays[1], &velocity, 1) &&
            nn_array_download(&arrays[2], &value, 1));
  CU_ASSERT_EQUAL(velocity, 3.0f);    /* 2, then 0.5 * 2 + 2 */
  CU_ASSERT_EQUAL(value, 10 - 1.25f); /* 0.25 * (2 + 3) */
  for (int i = 0; i < 3; ++i) nn_array_destroy(&arrays[i]);
  nn_device_close(&device);
}

/* The network's mean loss over its 8 images. */
static double loss_of(nn_network *network) {
  double loss = 0;
  int hits = 0;
  SUITE_CHECK(nn_network_prepare(network, 8) && nn_network_forward(network, 8, NN_TRAINING) &&
                  nn_network_loss(network, 8) && nn_network_score(network, 8, &loss, &hits),
              "%s", nn_message());
  return loss / 8;
}

/* Along its own gradient g, the loss must rise by |g|^2 per unit. With steps that change the loss
 * by 2^-7 and 2^-6, the quotient of fourth order multiplies the errors of the losses, some
 * roundings of values of about 4 (2^-22 each), by 18 / 12 * 2^7: 1e-4, if there are a few. A wrong
 * factor or layer shows as tens of percent: 1 % tells both apart. */
static void check_direction(nn_network *network, nn_array *value, const nn_array *gradient) {
  static float v[20000], g[20000], moved[20000];
  static const int steps[4] = {-2, -1, 1, 2};
  double square = 0, losses[4];
  CU_ASSERT_FATAL(value->count <= 20000);
  CU_ASSERT(nn_array_download(value, v, value->count));
  CU_ASSERT(nn_array_download(gradient, g, value->count));
  for (size_t i = 0; i < value->count; ++i) square += (double)g[i] * (double)g[i];
  for (int k = 0; k < 4; ++k) {
    for (size_t i = 0; i < value->count; ++i)
      moved[i] = (float)((double)v[i] + steps[k] * 0x1p-7 / square * (double)g[i]);
    CU_ASSERT(nn_array_upload(value, moved, value->count));
    losses[k] = loss_of(network);
  }
  CU_ASSERT(nn_array_upload(value, v, value->count));
  const double got = (8 * (losses[2] - losses[1]) - (losses[3] - losses[0])) / (12 * 0x1p-7);
  SUITE_CHECK(fabs(got - 1) <= 0.01, "slope over gradient: %.5f for %zu values", got, value->count);
}

/* Gradients of all parameters of the network, for one batch of random images. */
static void check_model(nn_device *device, const nn_model *model) {
  nn_network network;
  float images[8 * 64];
  const int32_t labels[8] = {3, 1, 4, 1, 5, 9, 2, 6};
  nn_random random = {3};
  for (int i = 0; i < 8 * 64; ++i) images[i] = nn_random_uniform(&random, 1.0f);
  if (SUITE_CHECK(nn_model_init(&network, device, model, 8), "%s", nn_message())) {
    CU_ASSERT(nn_network_load(&network, 8, images, labels));
    loss_of(&network);
    CU_ASSERT(nn_network_backward(&network, 8));
    for (int i = 0; i < network.layer_count; ++i) {
      nn_layer *layer = network.layers[i];
      const bool idle = layer->parameter_count == 2 && !model->batch_norm &&
                        strcmp(layer->type->name, "batch norm") == 0;
      for (int j = 0; j < (idle ? 0 : layer->parameter_count); ++j)
        check_direction(&network, &layer->parameters[j].value, &layer->parameters[j].gradient);
    }
    CU_ASSERT(!nn_network_load(&network, 9, images, labels));
  }
  nn_network_destroy(&network);
}

static void test_models(void) {
  nn_device device;
  if (!open_device(&device)) return;
  for (uint32_t batch_norm = 0; batch_norm < 2; ++batch_norm) {
    const nn_model common = {.batch_norm = batch_norm, .h = 8, .w = 8, .seed = 1};
    nn_model lenet = common, mlp = common, resnet = common;
    lenet.activation = NN_SIGMOID;
    lenet.gain = 4.0f;
    check_model(&device, &lenet);
    lenet.per_activation = 1;
    if (batch_norm) check_model(&device, &lenet);
    mlp.kind = NN_MLP;
    mlp.activation = NN_TANH;
    mlp.depth = 3;
    mlp.width = 20;
    mlp.gain = 1.0f;
    check_model(&device, &mlp);
    mlp.noise = 1;
    mlp.dropout = 0.25f;
    check_model(&device, &mlp);
    resnet.kind = NN_RESNET;
    resnet.activation = NN_TANH; /* ReLU has kinks, across which a step gives no derivative. */
    resnet.depth = 1;
    resnet.width = 4;
    resnet.gain = 1.0f;
    check_model(&device, &resnet);
  }
  nn_device_close(&device);
}

void test_nn_network_suites(void) {
  static const suite_test tests[] = {{"products", test_products},
                                     {"loss", test_loss},
                                     {"step", test_step},
                                     {"models", test_models},
                                     {NULL, NULL}};
  suite_add("nn network", SUITE_DEVICES, tests);
}
