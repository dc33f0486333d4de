/* Training of a network on labelled images: epochs of shuffled batches, then a test. */
#ifndef NN_TRAINER_H
#define NN_TRAINER_H

#include "nn/idx.h"
#include "nn/model.h"

typedef struct nn_plan {
  nn_model model; /* height and width come from the images, its seed from below */
  float rate, momentum;
  int epochs, batch;
  uint64_t seed;          /* of the weights and of the order of images */
  const char *checkpoint; /* written after each epoch; NULL: none */
  bool resume;            /* begin with the checkpoint's content */
} nn_plan;

/* Results of an epoch. Loss and training accuracy are averages over the epoch's batches, each taken
 * before the step that learns from it. */
typedef struct nn_epoch {
  double loss, train_accuracy, test_accuracy;
  double seconds, images_per_second; /* of training alone */
} nn_epoch;

/* Who watches; each function may be NULL. */
typedef struct nn_observer {
  void *context;
  /* After each batch. */
  void (*progress)(void *context, int epoch, int images, int all_images);
  void (*epoch_done)(void *context, int epoch, const nn_epoch *result);
} nn_observer;

/* Whether both can be used together; false with a message. */
bool nn_check_images(const nn_images *train, const nn_images *test);

/* Trains a new network; results[plan->epochs] gets one entry per epoch (those before a resumed one
 * stay as they are). A last batch of a single image is left out: it has no variance. */
bool nn_train(nn_device *device, const nn_images *train, const nn_images *test, const nn_plan *plan,
              const nn_observer *observer, nn_epoch *results);

/* ---- The same in single steps, for programs that look inside --------------------------------- */

typedef struct nn_trainer {
  nn_network network;
  nn_plan plan;
  const nn_images *train, *test;
  int epoch, first; /* where the next batch is */
  nn_random random;
  uint32_t *order; /* of the training images */
  float *images;   /* one batch, on the host */
  int32_t *labels;
  float pixel_scale; /* makes the brightest training pixel 1 */
} nn_trainer;

/* Sums over images. */
typedef struct nn_score {
  double loss;
  int hits, images;
} nn_score;

/* After a failure too, the trainer is to be closed. */
bool nn_trainer_open(nn_trainer *trainer, nn_device *device, const nn_images *train,
                     const nn_images *test, const nn_plan *plan);
void nn_trainer_close(nn_trainer *trainer);
/* One training step with the next batch; `epoch` counts when its last batch is through. */
bool nn_trainer_step(nn_trainer *trainer, nn_score *score);
int nn_trainer_steps_per_epoch(const nn_trainer *trainer);
/* Loads images first .. first + n - 1 as they come, without a step. */
bool nn_trainer_load(nn_trainer *trainer, const nn_images *images, int first, int n);
/* The network's answers, in batches of the plan's size. */
bool nn_trainer_test(nn_trainer *trainer, const nn_images *images, nn_mode mode, nn_score *score);

#endif /* NN_TRAINER_H */
