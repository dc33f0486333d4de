/* Compares the example's training with a second one, written from the formulas in double
 * precision: the losses of all steps agree. Then compares folding and recorded steps with the
 * network itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/model.h"
#include "suites/support/nn_reference.h"
#include "suites/support/suite.h"

enum { STEPS = 12 };

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

/* Copies the weights of the network; everything else begins with known values. */
static void copy_weights(const nn_network *network, nn_reference *r) {
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

/* float is off by about 2^-24 in each operation, which 12 steps at this rate let grow to about
 * 1e-6; a wrong term anywhere changes the losses by 1e-3 and more. */
static void test_reference(void) {
  static nn_reference r;
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
    r = (nn_reference){.batch_norm = batch_norm == 1};
    copy_weights(&network, &r);
    for (int step = 0; step < STEPS; ++step) {
      double loss = 0;
      int hits = 0;
      make_batch((uint64_t)step % 3, images, labels);
      for (int i = 0; i < BATCH * PIXELS; ++i) r.in[0][i / PIXELS][i % PIXELS] = (double)images[i];
      const double wanted = nn_reference_forward(&r, labels);
      nn_reference_backward(&r, 0.25, 0.5);
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

/* Trains a little, so that the running statistics differ from their first values. */
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

/* The logits after `steps` steps, with or without recording. */
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
