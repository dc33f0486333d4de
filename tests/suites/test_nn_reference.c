/* The example's training against a second one, written from the formulas in double precision: the
 * losses of all steps agree. Then folding and recorded steps, against the network itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/model.h"
#include "suites/support/suite.h"

enum { BATCH = 20, PIXELS = 16, WIDTH = 12, CLASSES = 10, STEPS = 12, DEPTH = 2 };

/* ---- The reference: DEPTH times (product, batch norm or bias, sigmoid), product with bias ---- */

typedef struct reference {
  bool batch_norm;
  double weights[DEPTH + 1][WIDTH * PIXELS], bias[DEPTH + 1][WIDTH], scale[DEPTH][WIDTH];
  double velocity[DEPTH + 1][WIDTH * PIXELS], bias_velocity[DEPTH + 1][WIDTH];
  double scale_velocity[DEPTH][WIDTH];
  /* Of the batch: inputs of the layers, normalized values, their 1 / deviation, gradients. */
  double in[DEPTH + 2][BATCH][PIXELS], hat[DEPTH][BATCH][WIDTH], inv_std[DEPTH][WIDTH];
  double gradient[BATCH][PIXELS];
} reference;

static int inputs_of(int layer) {
  return layer == 0 ? PIXELS : WIDTH;
}

static int outputs_of(int layer) {
  return layer == DEPTH ? CLASSES : WIDTH;
}

static void normalize(reference *r, int layer, int j) {
  double mean = 0, var = 0;
  for (int i = 0; i < BATCH; ++i) mean += r->in[layer + 1][i][j] / BATCH;
  for (int i = 0; i < BATCH; ++i) var += pow(r->in[layer + 1][i][j] - mean, 2) / BATCH;
  r->inv_std[layer][j] = 1 / sqrt(var + 1e-5);
  for (int i = 0; i < BATCH; ++i) {
    r->hat[layer][i][j] = (r->in[layer + 1][i][j] - mean) * r->inv_std[layer][j];
    r->in[layer + 1][i][j] = r->scale[layer][j] * r->hat[layer][i][j];
  }
}

/* The mean loss; leaves its gradient with respect to the logits. */
static double forward(reference *r, const int32_t *labels) {
  double loss = 0;
  for (int layer = 0; layer <= DEPTH; ++layer) {
    for (int j = 0; j < outputs_of(layer); ++j) {
      for (int i = 0; i < BATCH; ++i) {
        double sum = 0;
        for (int k = 0; k < inputs_of(layer); ++k)
          sum += r->weights[layer][j * inputs_of(layer) + k] * r->in[layer][i][k];
        r->in[layer + 1][i][j] = sum;
      }
      if (layer < DEPTH && r->batch_norm) normalize(r, layer, j);
      for (int i = 0; i < BATCH; ++i) {
        double *y = &r->in[layer + 1][i][j];
        *y += r->bias[layer][j];
        if (layer < DEPTH) *y = 1 / (1 + exp(-*y));
      }
    }
  }
  for (int i = 0; i < BATCH; ++i) {
    double sum = 0;
    for (int j = 0; j < CLASSES; ++j) sum += exp(r->in[DEPTH + 1][i][j]);
    loss += (log(sum) - r->in[DEPTH + 1][i][labels[i]]) / BATCH;
    for (int j = 0; j < CLASSES; ++j)
      r->gradient[i][j] = (exp(r->in[DEPTH + 1][i][j]) / sum - (j == labels[i])) / BATCH;
  }
  return loss;
}

static void step_value(double gradient, double rate, double momentum, double *velocity,
                       double *value) {
  *velocity = momentum * *velocity + gradient;
  *value -= rate * *velocity;
}

/* Through sigmoid and batch norm of unit j of a hidden layer; updates scale and bias. */
static void backward_unit(reference *r, int layer, int j, double rate, double momentum) {
  double dbias = 0, dscale = 0;
  for (int i = 0; i < BATCH; ++i) {
    const double y = r->in[layer + 1][i][j];
    r->gradient[i][j] *= y * (1 - y);
    dbias += r->gradient[i][j];
    dscale += r->gradient[i][j] * r->hat[layer][i][j];
  }
  if (r->batch_norm) {
    for (int i = 0; i < BATCH; ++i)
      r->gradient[i][j] = r->scale[layer][j] * r->inv_std[layer][j] *
                          (r->gradient[i][j] - (dbias + r->hat[layer][i][j] * dscale) / BATCH);
    step_value(dscale, rate, momentum, &r->scale_velocity[layer][j], &r->scale[layer][j]);
  }
  step_value(dbias, rate, momentum, &r->bias_velocity[layer][j], &r->bias[layer][j]);
}

static void backward(reference *r, double rate, double momentum) {
  for (int layer = DEPTH; layer >= 0; --layer) {
    double below[BATCH][PIXELS] = {{0}};
    for (int j = 0; j < outputs_of(layer); ++j) {
      if (layer < DEPTH) backward_unit(r, layer, j, rate, momentum);
      double sum = 0;
      for (int i = 0; i < BATCH; ++i) sum += r->gradient[i][j];
      if (layer == DEPTH)
        step_value(sum, rate, momentum, &r->bias_velocity[layer][j], &r->bias[layer][j]);
      for (int k = 0; k < inputs_of(layer); ++k) {
        const int w = j * inputs_of(layer) + k;
        double dw = 0;
        for (int i = 0; i < BATCH; ++i) {
          dw += r->gradient[i][j] * r->in[layer][i][k];
          below[i][k] += r->gradient[i][j] * r->weights[layer][w];
        }
        step_value(dw, rate, momentum, &r->velocity[layer][w], &r->weights[layer][w]);
      }
    }
    memcpy(r->gradient, below, sizeof below);
  }
}

/* ---- The tests ---- */

static bool open_device(nn_device *device) {
  const bool is_cpu = strcmp(suite_device(), "cpu") == 0;
  if (nn_operations_for(is_cpu ? CUBN_DEVICE_CPU : CUBN_DEVICE_CUDA) == NULL) {
    CU_PASS("the layers were built without a BLAS for this device");
    return false;
  }
  return SUITE_CHECK(nn_device_open(device, suite_device()), "%s", nn_message());
}

static void make_batch(uint64_t seed, float *images, int32_t *labels) {
  nn_random random = {seed};
  for (int i = 0; i < BATCH * PIXELS; ++i) images[i] = nn_random_uniform(&random, 1.0f);
  for (int i = 0; i < BATCH; ++i) labels[i] = (int32_t)nn_random_below(&random, CLASSES);
}

/* The network's own weights; all else begins with known values. */
static void copy_weights(const nn_network *network, reference *r) {
  int layer = 0;
  for (int i = 0; i < network->layer_count; ++i) {
    float values[WIDTH * PIXELS];
    const nn_array *weights = &network->layers[i]->parameters[0].value;
    if (!nn_is_product(network->layers[i])) continue;
    CU_ASSERT_FATAL(weights->count <= WIDTH * PIXELS);
    CU_ASSERT_FATAL(nn_array_download(weights, values, weights->count));
    for (size_t k = 0; k < weights->count; ++k) r->weights[layer][k] = (double)values[k];
    for (int j = 0; layer < DEPTH && j < WIDTH; ++j) r->scale[layer][j] = 1;
    ++layer;
  }
  CU_ASSERT_EQUAL(layer, DEPTH + 1);
}

/* float is off by about 2^-24 in each operation, which 12 steps at this rate let grow to some 1e-6; a
 * wrong term anywhere changes the losses by 1e-3 and more. */
static void test_reference(void) {
  static reference r;
  nn_device device;
  if (!open_device(&device)) return;
  for (uint32_t batch_norm = 0; batch_norm < 2; ++batch_norm) {
    const nn_model model = {.kind = NN_MLP,
                            .activation = NN_SIGMOID,
                            .batch_norm = batch_norm,
                            .h = 4,
                            .w = 4,
                            .depth = DEPTH,
                            .width = WIDTH,
                            .gain = 4.0f,
                            .seed = 6};
    nn_network network;
    float images[BATCH * PIXELS];
    int32_t labels[BATCH];
    CU_ASSERT_FATAL(nn_model_init(&network, &device, &model, BATCH));
    r = (reference){.batch_norm = batch_norm == 1};
    copy_weights(&network, &r);
    for (int step = 0; step < STEPS; ++step) {
      double loss = 0;
      int hits = 0;
      make_batch((uint64_t)step % 3, images, labels);
      for (int i = 0; i < BATCH * PIXELS; ++i) r.in[0][i / PIXELS][i % PIXELS] = (double)images[i];
      const double wanted = forward(&r, labels);
      backward(&r, 0.25, 0.5);
      CU_ASSERT(nn_network_load(&network, BATCH, images, labels) &&
                nn_network_step(&network, BATCH, 0.25f, 0.5f) &&
                nn_network_score(&network, BATCH, &loss, &hits));
      SUITE_CHECK(fabs(loss / BATCH - wanted) <= 2e-5 * wanted,
                  "%s batch norm, step %d: loss %.8f, wanted %.8f", batch_norm ? "with" : "without",
                  step, loss / BATCH, wanted);
    }
    nn_network_destroy(&network);
  }
  nn_device_close(&device);
}

/* Trains a little, so that the running statistics are not what they began with. */
static void train(nn_network *network, int steps) {
  static float images[BATCH * PIXELS];
  int32_t labels[BATCH];
  for (int step = 0; step < steps; ++step) {
    make_batch((uint64_t)step, images, labels);
    CU_ASSERT(nn_network_load(network, BATCH, images, labels) &&
              nn_network_step(network, BATCH, 0.1f, 0.5f));
  }
}

static void infer(nn_network *network, float *logits) {
  CU_ASSERT(nn_network_forward(network, BATCH, NN_INFERENCE) &&
            nn_array_download(&nn_network_last(network)->output, logits, BATCH * CLASSES));
}

/* Folded weights are rounded once more, by 2^-24 of their size, in each of up to ten layers. */
static void test_folding(void) {
  static const int wanted[] = {4, 2, 6}; /* LeNet; two hidden layers; a stem and two blocks */
  nn_device device;
  if (!open_device(&device)) return;
  for (uint32_t kind = NN_LENET; kind <= NN_RESNET; ++kind) {
    const nn_model model = {.kind = kind,
                            .activation = NN_RELU,
                            .batch_norm = 1,
                            .h = 4,
                            .w = 4,
                            .depth = kind == NN_MLP ? 2 : 1,
                            .width = 6,
                            .gain = 1.0f,
                            .seed = 2};
    float before[BATCH * CLASSES], after[BATCH * CLASSES], largest = 0, apart = 0;
    nn_network network;
    int folded = 0;
    CU_ASSERT_FATAL(nn_model_init(&network, &device, &model, BATCH));
    train(&network, 6);
    infer(&network, before);
    CU_ASSERT(nn_network_fold(&network, &folded));
    CU_ASSERT_EQUAL(folded, wanted[kind]);
    infer(&network, after);
    for (int i = 0; i < BATCH * CLASSES; ++i) {
      largest = fmaxf(largest, fabsf(before[i]));
      apart = fmaxf(apart, fabsf(before[i] - after[i]));
    }
    SUITE_CHECK(apart <= 1e-5f * largest, "%s: logits up to %g, folded %g away",
                nn_model_name(&model), (double)largest, (double)apart);
    nn_network_destroy(&network);
  }
  nn_device_close(&device);
}

/* The logits after `steps` steps; with or without recording. */
static void train_recorded(nn_device *device, bool recorded, float *logits) {
  const nn_model model = {.kind = NN_RESNET,
                          .activation = NN_RELU,
                          .batch_norm = 1,
                          .h = 4,
                          .w = 4,
                          .depth = 1,
                          .width = 4,
                          .gain = 1.0f,
                          .seed = 2};
  const nn_operations *const kept = device->ops;
  nn_operations direct = *kept;
  nn_network network;
  direct.begin_graph = NULL;
  if (!recorded) device->ops = &direct;
  CU_ASSERT_FATAL(nn_model_init(&network, device, &model, BATCH));
  train(&network, 5);
  CU_ASSERT_EQUAL(network.graph != NULL, recorded && kept->begin_graph != NULL);
  CU_ASSERT_EQUAL(network.step, 5);
  infer(&network, logits);
  nn_network_destroy(&network);
  device->ops = kept;
}

/* A replayed graph does what its operations do, to the bit. */
static void test_recording(void) {
  float direct[BATCH * CLASSES], replayed[BATCH * CLASSES];
  nn_device device;
  if (!open_device(&device)) return;
  train_recorded(&device, false, direct);
  train_recorded(&device, true, replayed);
  CU_ASSERT_EQUAL(memcmp(direct, replayed, sizeof direct), 0);
  nn_device_close(&device);
}

void test_nn_reference_suites(void) {
  static const suite_test tests[] = {{"losses of a second training", test_reference},
                                     {"folding", test_folding},
                                     {"recorded steps", test_recording},
                                     {NULL, NULL}};
  suite_add("nn reference", SUITE_DEVICES, tests);
}
