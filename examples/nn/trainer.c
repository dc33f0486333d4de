/* The training loop. */
#include "nn/trainer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nn/checkpoint.h"
#include "nn/group.h"

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

static void shuffle(nn_trainer *self) {
  for (uint32_t i = (uint32_t)self->train->count - 1; i > 0; i--) {
    const uint32_t j = nn_random_below(&self->random, i + 1);
    const uint32_t kept = self->order[i];
    self->order[i] = self->order[j];
    self->order[j] = kept;
  }
}

/* Loads images first .. first + n - 1, in the given order or (NULL) as they are. */
static bool load_batch(nn_trainer *self, const nn_images *from, const uint32_t *order, int first,
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

/* Images in the batch that begins with `first`. */
static int batch_size(const nn_trainer *self, int count, int first) {
  return count - first < self->plan.batch ? count - first : self->plan.batch;
}

bool nn_trainer_load(nn_trainer *self, const nn_images *images, int first, int n) {
  return load_batch(self, images, NULL, first, n);
}

/* Images that make a batch: two, and one on each rank. */
static int least_batch(const nn_device *device) {
  return device->group != NULL && device->group->ranks > 2 ? device->group->ranks : 2;
}

int nn_trainer_steps_per_epoch(const nn_trainer *self) {
  const int count = self->train->count, batch = self->plan.batch;
  return count / batch + (count % batch >= least_batch(self->network.device));
}

/* The share of this rank in a batch of n images. */
static void get_share(const nn_group *group, int n, int *begin, int *end) {
  *begin = group != NULL ? (int)((int64_t)n * group->rank / group->ranks) : 0;
  *end = group != NULL ? (int)((int64_t)n * (group->rank + 1) / group->ranks) : n;
}

bool nn_trainer_step(nn_trainer *self, nn_score *score) {
  const int count = self->train->count, n = batch_size(self, count, self->first);
  nn_network *network = &self->network;
  int begin, end;
  get_share(network->device->group, n, &begin, &end);
  network->batch_images = n;
  if (self->first == 0) shuffle(self);
  if (!load_batch(self, self->train, self->order, self->first + begin, end - begin) ||
      !nn_network_step(network, end - begin, self->plan.rate, self->plan.momentum) ||
      !nn_network_score(network, end - begin, &score->loss, &score->hits))
    return false;
  score->images += end - begin;
  self->first += n;
  if (count - self->first < least_batch(network->device)) {
    self->first = 0;
    self->epoch++;
  }
  return true;
}

bool nn_trainer_test(nn_trainer *self, const nn_images *images, nn_mode mode, nn_score *score) {
  for (int first = 0; first < images->count; first += self->plan.batch) {
    const int n = batch_size(self, images->count, first);
    if (!load_batch(self, images, NULL, first, n) || !nn_network_forward(&self->network, n, mode) ||
        !nn_network_loss(&self->network, n) ||
        !nn_network_score(&self->network, n, &score->loss, &score->hits))
      return false;
    score->images += n;
  }
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

/* Network and position in the order of images, as they were when the checkpoint was written. */
static bool resume(nn_trainer *self) {
  nn_checkpoint found;
  if (!nn_load_checkpoint(self->plan.checkpoint, &self->network, &self->plan.model, &found))
    return false;
  if (found.seed != self->plan.seed || found.batch != self->plan.batch)
    return nn_fail("%s: was trained with seed %llu and batches of %d; expected seed %llu and %d",
                   self->plan.checkpoint, (unsigned long long)found.seed, found.batch,
                   (unsigned long long)self->plan.seed, self->plan.batch);
  for (; self->epoch < found.epochs; self->epoch++) shuffle(self);
  return true;
}

bool nn_trainer_open(nn_trainer *self, nn_device *device, const nn_images *train,
                     const nn_images *test, const nn_plan *plan) {
  memset(self, 0, sizeof *self);
  self->train = train;
  self->test = test;
  self->plan = *plan;
  self->plan.model.h = train->h;
  self->plan.model.w = train->w;
  self->plan.model.seed = (uint32_t)plan->seed;
  if (!nn_check_images(train, test)) return false;
  if (plan->batch < least_batch(device))
    return nn_fail("batch: expected %d images at least, found %d", least_batch(device),
                   plan->batch);
  const size_t batch = (size_t)plan->batch, pixels = (size_t)train->h * (size_t)train->w;
  self->random.state = ~plan->seed; /* other numbers than the weights' */
  self->pixel_scale = scale_of(train);
  self->order = malloc((size_t)train->count * sizeof *self->order);
  self->images = malloc(batch * pixels * sizeof *self->images);
  self->labels = malloc(batch * sizeof *self->labels);
  if (self->order == NULL || self->images == NULL || self->labels == NULL)
    return nn_fail("no memory for batches of %d images", plan->batch);
  for (int i = 0; i < train->count; i++) self->order[i] = (uint32_t)i;
  return nn_model_init(&self->network, device, &self->plan.model, plan->batch) &&
         (!plan->resume || resume(self));
}

void nn_trainer_close(nn_trainer *self) {
  if (self->network.device != NULL) nn_network_destroy(&self->network);
  free(self->order);
  free(self->images);
  free(self->labels);
  memset(self, 0, sizeof *self);
}

/* What all ranks have scored. */
static bool add_scores(const nn_group *group, nn_score *score) {
  double sums[] = {score->loss, score->hits, score->images};
  if (group == NULL) return true;
  if (!group->add(sums, 3)) return false;
  *score = (nn_score){.loss = sums[0], .hits = (int)sums[1], .images = (int)sums[2]};
  return true;
}

static bool train_epoch(nn_trainer *self, const nn_observer *observer, nn_epoch *result) {
  const int epoch = self->epoch;
  nn_score score = {0};
  const double begin = now_seconds();
  while (self->epoch == epoch) {
    if (!nn_trainer_step(self, &score)) return false;
    if (observer->progress != NULL)
      observer->progress(observer->context, epoch, score.images, self->train->count);
  }
  if (!nn_check(cubnSynchronize(self->network.device->handle)) ||
      !add_scores(self->network.device->group, &score))
    return false;
  result->seconds = now_seconds() - begin;
  result->images_per_second = score.images / result->seconds;
  result->loss = score.loss / score.images;
  result->train_accuracy = (double)score.hits / score.images;
  return true;
}

/* Rank 0 does it: all have the same network, but for running statistics that are not shared. */
static bool save(nn_trainer *self) {
  const nn_group *group = self->network.device->group;
  if (self->plan.checkpoint == NULL || (group != NULL && group->rank > 0)) return true;
  const nn_checkpoint head = {.model = self->plan.model,
                              .epochs = self->epoch,
                              .batch = self->plan.batch,
                              .seed = self->plan.seed,
                              .pixel_scale = self->pixel_scale};
  return nn_save_checkpoint(self->plan.checkpoint, &self->network, &head);
}

bool nn_train(nn_device *device, const nn_images *train, const nn_images *test, const nn_plan *plan,
              const nn_observer *observer, nn_epoch *results) {
  nn_trainer self;
  bool done = nn_trainer_open(&self, device, train, test, plan);
  while (done && self.epoch < plan->epochs) {
    const int epoch = self.epoch;
    nn_score score = {0};
    done = train_epoch(&self, observer, &results[epoch]) &&
           nn_trainer_test(&self, test, NN_INFERENCE, &score) && save(&self);
    if (!done) break;
    results[epoch].test_accuracy = (double)score.hits / score.images;
    if (observer->epoch_done != NULL)
      observer->epoch_done(observer->context, epoch, &results[epoch]);
  }
  nn_trainer_close(&self);
  return done;
}
