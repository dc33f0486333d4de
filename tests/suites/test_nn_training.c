/* The example's training loop: a network learns, threads change nothing, and GPU and CPU agree. */
#include <math.h>

#include "nn/trainer.h"
#include "suites/support/suite.h"

#ifdef _OPENMP
#include <omp.h>
#else
static int omp_get_max_threads(void) {
  return 1;
}
static void omp_set_num_threads(int threads) {
  (void)threads;
}
#endif

#define LENET(normalized) \
  { .kind = NN_LENET, .activation = NN_SIGMOID, .batch_norm = (normalized), .gain = 4.0f }

enum { IMAGES = 72, SIDE = 28, IMAGES_TEST = 40 };

static uint8_t pixels[IMAGES * SIDE * SIDE], labels_of_images[IMAGES];

/* Images in which a bright bar, under some noise, shows the class. */
static nn_images make_images(int count, int side) {
  nn_random random = {5};
  nn_images images = {count, side, side, pixels, labels_of_images};
  for (int i = 0; i < count; ++i) {
    labels_of_images[i] = (uint8_t)nn_random_below(&random, NN_CLASSES);
    const int bar = labels_of_images[i] * side / NN_CLASSES;
    for (int j = 0; j < side * side; ++j)
      pixels[i * side * side + j] =
          (uint8_t)(nn_random_below(&random, 40) + (j / side == bar ? 200 : 0));
  }
  return images;
}

/* The results of the last epoch. */
static int images_seen;

static void see_images(void *context, int epoch, int images, int all_images) {
  (void)context;
  SUITE_CHECK(images > 0 && images <= all_images, "epoch %d: image %d of %d", epoch, images,
              all_images);
  images_seen = images;
}

static bool train(const char *device_name, int count, int side, const nn_plan *plan,
                  nn_epoch *results) {
  static const nn_observer observer = {.progress = see_images};
  const nn_images images = make_images(count, side);
  nn_device device;
  if (!SUITE_CHECK(nn_device_open(&device, device_name), "%s", nn_message())) return false;
  const bool done = nn_train(&device, &images, &images, plan, &observer, results);
  SUITE_CHECK(done, "%s", nn_message());
  nn_device_close(&device);
  return done;
}

/* 72 images in batches of 32: the last has 8. */
static void test_threads(void) {
  const nn_plan plan = {.model = LENET(1), .rate = 0.3f, .epochs = 2, .batch = 32, .seed = 4};
  nn_epoch results[3][2];
  const int kept = omp_get_max_threads();
  for (int i = 0; i < 3; ++i) {
    omp_set_num_threads(i + 1);
    if (!train("cpu", IMAGES, SIDE, &plan, results[i])) break;
    CU_ASSERT_EQUAL(images_seen, 72);
    for (int epoch = 0; epoch < 2; ++epoch) {
      CU_ASSERT_EQUAL(results[i][epoch].loss, results[0][epoch].loss);
      CU_ASSERT_EQUAL(results[i][epoch].test_accuracy, results[0][epoch].test_accuracy);
    }
  }
  omp_set_num_threads(kept);
}

static void test_learning(void) {
  const nn_plan plan = {
      .model = LENET(1), .rate = 0.3f, .momentum = 0.5f, .epochs = 30, .batch = 13, .seed = 2};
  nn_epoch results[30];
  if (!train("cpu", IMAGES_TEST, 8, &plan, results)) return;
  CU_ASSERT_EQUAL(images_seen, 39); /* 3 * 13: a batch of one image is left out. */
  SUITE_CHECK(results[29].loss < 0.5 * results[0].loss && results[29].train_accuracy >= 0.9,
              "loss %.3f to %.3f, accuracy %.2f", results[0].loss, results[29].loss,
              results[29].train_accuracy);
}

/* Both sum in different orders. A sum of up to 400 terms differs by at most 400 * 2^-24 = 2.4e-5,
 * which six steps let grow; a wrong kernel changes the first digits of the losses. */
static void test_devices_agree(void) {
  for (uint32_t batch_norm = 0; batch_norm < 2; ++batch_norm) {
    const nn_plan plan = {
        .model = LENET(batch_norm), .rate = 0.3f, .epochs = 3, .batch = 24, .seed = 4};
    nn_epoch cpu[3], cuda[3];
    if (!train("cpu", IMAGES_TEST, 8, &plan, cpu) || !train("cuda", IMAGES_TEST, 8, &plan, cuda))
      return;
    for (int epoch = 0; epoch < 3; ++epoch)
      SUITE_CHECK(fabs(cuda[epoch].loss - cpu[epoch].loss) <= 1e-3 * cpu[epoch].loss,
                  "%s batch norm, epoch %d: loss %.7f on the GPU, %.7f on the CPU",
                  batch_norm ? "with" : "without", epoch + 1, cuda[epoch].loss, cpu[epoch].loss);
  }
}

void test_nn_training_suites(void) {
  static const suite_test cpu_tests[] = {
      {"threads", test_threads}, {"learning", test_learning}, {NULL, NULL}};
  static const suite_test cuda_tests[] = {{"same as on the CPU", test_devices_agree}, {NULL, NULL}};
  if (nn_operations_for(CUBN_DEVICE_CPU) == NULL) return;
  suite_add("nn training", SUITE_CPU, cpu_tests);
  if (nn_operations_for(CUBN_DEVICE_CUDA)) suite_add("nn training", SUITE_CUDA, cuda_tests);
}
