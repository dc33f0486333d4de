/* The example's checkpoints: what is written comes back, training continues as if it had not
 * stopped, and damaged files are refused and change nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nn/checkpoint.h"
#include "nn/trainer.h"
#include "suites/support/suite.h"

enum { IMAGES = 50, SIDE = 8, BATCH = 12, FILE_MAX = 200000 };

static uint8_t pixels[IMAGES * SIDE * SIDE], labels[IMAGES];
static char directory[256], path[300], other_path[300];

static nn_images make_images(void) {
  nn_random random = {11};
  for (int i = 0; i < IMAGES; ++i) labels[i] = (uint8_t)nn_random_below(&random, NN_CLASSES);
  for (int i = 0; i < IMAGES * SIDE * SIDE; ++i) {
    const int image = i / (SIDE * SIDE), row = i / SIDE % SIDE;
    pixels[i] = (uint8_t)(nn_random_below(&random, 90) + (labels[image] % SIDE == row ? 120 : 0));
  }
  return (nn_images){IMAGES, SIDE, SIDE, pixels, labels};
}

/* A residual network, or a fully connected one with noise and dropout. */
static nn_plan make_plan(nn_model_kind kind, int epochs) {
  nn_plan plan = {.rate = 0.1f, .momentum = 0.9f, .epochs = epochs, .batch = BATCH, .seed = 3};
  plan.model = (nn_model){.kind = kind, .activation = NN_RELU, .batch_norm = 1, .gain = 1.0f};
  plan.model.depth = kind == NN_MLP ? 2 : 1;
  plan.model.width = kind == NN_MLP ? 30 : 4;
  plan.model.noise = kind == NN_MLP;
  plan.model.dropout = kind == NN_MLP ? 0.25f : 0.0f;
  return plan;
}

static bool open_all(nn_device *device) {
  const char *const parent = getenv("TMPDIR");
  const bool is_cpu = strcmp(suite_device(), "cpu") == 0;
  if (nn_operations_for(is_cpu ? CUBN_DEVICE_CPU : CUBN_DEVICE_CUDA) == NULL) {
    CU_PASS("the layers were built without a BLAS for this device");
    return false;
  }
  if (!SUITE_CHECK(nn_device_open(device, suite_device()), "%s", nn_message())) return false;
  snprintf(directory, sizeof directory, "%s/cubn-net-XXXXXX", parent ? parent : "/tmp");
  CU_ASSERT_FATAL(mkdtemp(directory) != NULL);
  snprintf(path, sizeof path, "%s/a.net", directory);
  snprintf(other_path, sizeof other_path, "%s/b.net", directory);
  return true;
}

static void close_all(nn_device *device) {
  unlink(path);
  unlink(other_path);
  SUITE_CHECK(rmdir(directory) == 0, "%s: more files than the checkpoints", directory);
  nn_device_close(device);
}

static size_t read_file(const char *name, unsigned char *bytes) {
  FILE *file = fopen(name, "rb");
  if (file == NULL) return 0;
  const size_t count = fread(bytes, 1, FILE_MAX, file);
  fclose(file);
  return count;
}

static void write_file(const char *name, const unsigned char *bytes, size_t count) {
  unlink(name);
  FILE *file = fopen(name, "wb");
  CU_ASSERT_FATAL(file != NULL && fwrite(bytes, 1, count, file) == count && fclose(file) == 0);
}

static bool train(nn_device *device, const nn_plan *plan) {
  static const nn_observer nobody = {0};
  const nn_images images = make_images();
  nn_epoch results[8];
  return SUITE_CHECK(nn_train(device, &images, &images, plan, &nobody, results), "%s",
                     nn_message());
}

/* Four epochs in one run, and two runs of two epochs each, give the same bytes. */
static void test_resume(void) {
  static unsigned char whole[FILE_MAX], parts[FILE_MAX];
  nn_device device;
  if (!open_all(&device)) return;
  for (nn_model_kind kind = NN_MLP; kind <= NN_RESNET; ++kind) {
    nn_plan plan = make_plan(kind, 4);
    plan.checkpoint = path;
    train(&device, &plan);
    plan.checkpoint = other_path;
    plan.epochs = 2;
    train(&device, &plan);
    plan.epochs = 4;
    plan.resume = true;
    train(&device, &plan);
    const size_t count = read_file(path, whole);
    CU_ASSERT(count > 1000 && count < FILE_MAX);
    CU_ASSERT_EQUAL(read_file(other_path, parts), count);
    SUITE_CHECK(memcmp(whole, parts, count) == 0, "%s: other bytes after an interruption",
                nn_model_name(&plan.model));
  }
  close_all(&device);
}

/* Sums all parameters of a network with alternating factors, so that any change shows. */
static double fingerprint(const nn_network *network) {
  static float values[20000];
  double sum = 0;
  for (int i = 0; i < network->layer_count; ++i) {
    const nn_layer *layer = network->layers[i];
    for (int j = 0; j < layer->parameter_count; ++j) {
      const nn_array *array = &layer->parameters[j].value;
      CU_ASSERT_FATAL(array->count <= 20000 && nn_array_download(array, values, array->count));
      for (size_t k = 0; k < array->count; ++k) sum += (double)values[k] * cos((double)k);
    }
  }
  return sum;
}

/* Loading must fail with a message that names the file and the text, and change nothing. */
static void expect_refusal(nn_network *network, const nn_model *model, const char *text) {
  const double before = fingerprint(network);
  nn_checkpoint head;
  nn_fail("(nothing)");
  SUITE_CHECK(!nn_load_checkpoint(path, network, model, &head), "loaded, but should not: %s", text);
  SUITE_CHECK(strstr(nn_message(), path) && strstr(nn_message(), text),
              "message without '%s' or '%s': %s", path, text, nn_message());
  CU_ASSERT_EQUAL(fingerprint(network), before);
}

static void refuse_damaged(nn_network *network, const nn_model *model, unsigned char *bytes,
                           size_t count) {
  unlink(path);
  expect_refusal(network, model, "cannot open");
  write_file(path, bytes, 10);
  expect_refusal(network, model, "found 10");
  write_file(path, bytes, count - 4);
  expect_refusal(network, model, "found a file of");
  bytes[count / 2] ^= 1;
  write_file(path, bytes, count);
  expect_refusal(network, model, "damaged");
  bytes[count / 2] ^= 1;
  bytes[8] = 9;
  write_file(path, bytes, count);
  expect_refusal(network, model, "expected version 1, found 9");
  bytes[0] = 'x';
  write_file(path, bytes, count);
  expect_refusal(network, model, "expected a checkpoint");
}

static void test_damaged(void) {
  static unsigned char bytes[FILE_MAX];
  nn_device device;
  nn_network network;
  if (!open_all(&device)) return;
  nn_plan plan = make_plan(NN_MLP, 1);
  plan.checkpoint = path;
  train(&device, &plan);
  const size_t count = read_file(path, bytes);
  nn_checkpoint head;
  CU_ASSERT_FATAL(nn_read_checkpoint(path, &head));
  CU_ASSERT_EQUAL(head.epochs, 1);
  CU_ASSERT_EQUAL(head.step, 5); /* 50 images: 4 times 12, and 2 */
  nn_model model = head.model;
  CU_ASSERT_FATAL(nn_model_init(&network, &device, &model, BATCH));
  CU_ASSERT(nn_load_checkpoint(path, &network, &model, &head));
  model.width = 31;
  expect_refusal(&network, &model, "another network");
  model.width = 30;
  refuse_damaged(&network, &model, bytes, count);
  nn_network_destroy(&network);
  close_all(&device);
}

/* A checkpoint that cannot be written leaves the previous one alone. */
static void test_failed_write(void) {
  static unsigned char before[FILE_MAX], after[FILE_MAX];
  char beside[320];
  nn_device device;
  nn_network network;
  if (!open_all(&device)) return;
  nn_plan plan = make_plan(NN_MLP, 1);
  plan.checkpoint = path;
  train(&device, &plan);
  const size_t count = read_file(path, before);
  snprintf(beside, sizeof beside, "%s.new", path);
  CU_ASSERT_FATAL(mkdir(beside, 0700) == 0); /* This folder is in the way of the new file. */
  const nn_checkpoint head = {.model = plan.model};
  plan.model.h = plan.model.w = SIDE;
  CU_ASSERT_FATAL(nn_model_init(&network, &device, &plan.model, BATCH));
  CU_ASSERT(!nn_save_checkpoint(path, &network, &head));
  CU_ASSERT_PTR_NOT_NULL(strstr(nn_message(), beside));
  CU_ASSERT_EQUAL(rmdir(beside), 0);
  CU_ASSERT_EQUAL(read_file(path, after), count);
  CU_ASSERT_EQUAL(memcmp(before, after, count), 0);
  nn_network_destroy(&network);
  close_all(&device);
}

void test_nn_checkpoint_suites(void) {
  static const suite_test tests[] = {{"resume", test_resume},
                                     {"damaged files", test_damaged},
                                     {"failed writing", test_failed_write},
                                     {NULL, NULL}};
  suite_add("nn checkpoints", SUITE_DEVICES, tests);
}
