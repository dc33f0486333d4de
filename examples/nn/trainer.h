/* Training of a LeNet on labelled images: epochs of shuffled batches, then a test. */
#ifndef NN_TRAINER_H
#define NN_TRAINER_H

#include "nn/idx.h"
#include "nn/network.h"

typedef struct nn_plan {
  bool batch_norm;
  float rate, momentum;
  int epochs, batch;
  uint64_t seed; /* of the weights and of the order of images */
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

/* Trains a new network; results[plan->epochs] gets one entry per epoch. A last batch of a single
 * image is left out: it has no variance. */
bool nn_train(nn_device *device, const nn_images *train, const nn_images *test, const nn_plan *plan,
              const nn_observer *observer, nn_epoch *results);

#endif /* NN_TRAINER_H */
