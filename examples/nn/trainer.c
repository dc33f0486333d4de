/* The training loop. */
#include "nn/trainer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct trainer {
  nn_network network;
  const nn_images *train, *test;
  const nn_plan *plan;
  nn_random random;
  uint32_t *order; /* of the training images */
  float *images;   /* one batch, on the host */
  int32_t *labels;
  float pixel_scale; /* makes the brightest training pixel 1 */
} trainer;

typedef struct sums {
  double loss;
  int hits, images;
} sums;

static double now_seconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static float scale_of(const nn_images *images) {
  const size_t pixels = (size_t)images->count * (size_t)images->h * (size_t)images->w;
  uint8_t brightest = 1;
  for (size_t i = 0; i < pixels; i++)
    if (images->pixels[i] > brightest) brightest = images->pixels[i];
  return 1.0f / (float)brightest;
}

static void shuffle(trainer *self) {
  for (uint32_t i = (uint32_t)self->train->count - 1; i > 0; i--) {
    const uint32_t j = nn_random_below(&self->random, i + 1);
    const uint32_t kept = self->order[i];
    self->order[i] = self->order[j];
    self->order[j] = kept;
  }
}

/* Loads images first .. first + n - 1, in the given order or (NULL) as they are. */
static bool load_batch(trainer *self, const nn_images *from, const uint32_t *order, int first,
                       int n) {
  const size_t pixels = (size_t)from->h * (size_t)from->w;
  for (int i = 0; i < n; i++) {
    const size_t image = order != NULL ? order[first + i] : (size_t)(first + i);
    for (size_t j = 0; j < pixels; j++)
      self->images[(size_t)i * pixels + j] =
          (float)from->pixels[image * pixels + j] * self->pixel_scale;
    self->labels[i] = from->labels[image];
  }
  return nn_network_load(&self->network, n, self->images, self->labels);
}

static bool train_batch(trainer *self, int first, int n, sums *sums) {
  nn_network *network = &self->network;
  sums->images += n;
  return load_batch(self, self->train, self->order, first, n) &&
         nn_network_forward(network, n, true) &&
         nn_network_loss(network, n, &sums->loss, &sums->hits) && nn_network_backward(network, n) &&
         nn_network_update(network, self->plan->rate, self->plan->momentum);
}

static bool train_epoch(trainer *self, int epoch, const nn_observer *observer, nn_epoch *result) {
  const int count = self->train->count;
  sums sums = {0};
  shuffle(self);
  const double begin = now_seconds();
  for (int first = 0; first < count; first += self->plan->batch) {
    const int n = count - first < self->plan->batch ? count - first : self->plan->batch;
    if (n == 1) break;
    if (!train_batch(self, first, n, &sums)) return false;
    if (observer->progress != NULL) observer->progress(observer->context, epoch, first + n, count);
  }
  if (!nn_check(cubnSynchronize(self->network.device->handle))) return false;
  result->seconds = now_seconds() - begin;
  result->images_per_second = sums.images / result->seconds;
  result->loss = sums.loss / sums.images;
  result->train_accuracy = (double)sums.hits / sums.images;
  return true;
}

static bool test_network(trainer *self, nn_epoch *result) {
  const int count = self->test->count;
  sums sums = {0};
  for (int first = 0; first < count; first += self->plan->batch) {
    const int n = count - first < self->plan->batch ? count - first : self->plan->batch;
    if (!load_batch(self, self->test, NULL, first, n) ||
        !nn_network_forward(&self->network, n, false) ||
        !nn_network_loss(&self->network, n, &sums.loss, &sums.hits))
      return false;
  }
  result->test_accuracy = (double)sums.hits / count;
  return true;
}

bool nn_check_images(const nn_images *train, const nn_images *test) {
  if (train->h != test->h || train->w != test->w)
    return nn_fail("test images: expected %d x %d pixels as in training, found %d x %d", train->h,
                   train->w, test->h, test->w);
  if (train->h < 4 || train->w < 4)
    return nn_fail("images: expected 4 x 4 pixels at least, found %d x %d", train->h, train->w);
  if (train->count < 2)
    return nn_fail("training images: expected 2 at least, found %d", train->count);
  return true;
}

static bool prepare(trainer *self, nn_device *device) {
  const nn_images *train = self->train;
  const size_t batch = (size_t)self->plan->batch, pixels = (size_t)train->h * (size_t)train->w;
  self->random.state = ~self->plan->seed; /* other numbers than the weights' */
  self->pixel_scale = scale_of(train);
  self->order = malloc((size_t)train->count * sizeof *self->order);
  self->images = malloc(batch * pixels * sizeof *self->images);
  self->labels = malloc(batch * sizeof *self->labels);
  if (self->order == NULL || self->images == NULL || self->labels == NULL)
    return nn_fail("no memory for batches of %d images", self->plan->batch);
  for (int i = 0; i < train->count; i++) self->order[i] = (uint32_t)i;
  return nn_lenet_init(&self->network, device, train->h, train->w, self->plan->batch,
                       self->plan->batch_norm, self->plan->seed);
}

bool nn_train(nn_device *device, const nn_images *train, const nn_images *test, const nn_plan *plan,
              const nn_observer *observer, nn_epoch *results) {
  if (!nn_check_images(train, test)) return false;
  if (plan->batch < 2) return nn_fail("batch: expected 2 images at least, found %d", plan->batch);
  trainer self = {.train = train, .test = test, .plan = plan};
  bool done = prepare(&self, device);
  for (int epoch = 0; done && epoch < plan->epochs; epoch++) {
    done = train_epoch(&self, epoch, observer, &results[epoch]) &&
           test_network(&self, &results[epoch]);
    if (done && observer->epoch_done != NULL)
      observer->epoch_done(observer->context, epoch, &results[epoch]);
  }
  nn_network_destroy(&self.network);
  free(self.order);
  free(self.images);
  free(self.labels);
  return done;
}
