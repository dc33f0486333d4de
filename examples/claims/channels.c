/* Claim h: for a convolution, batch norm takes its statistics per channel over all images and
 * pixels, not per activation. Both are trained with batches of several sizes; then the test images
 * are moved by a pixel, which a convolution does not mind. */
#include <stdlib.h>
#include <string.h>

#include "claims/claims.h"

/* The images, one pixel further left (-1) or right (1). */
static bool move_images(const nn_images *from, int columns, nn_images *to) {
  const size_t rows = (size_t)from->count * (size_t)from->h, w = (size_t)from->w;
  *to = *from;
  to->pixels = calloc(rows, w);
  if (to->pixels == NULL) return nn_fail("no memory for %d images", from->count);
  for (size_t row = 0; row < rows; row++)
    memcpy(to->pixels + row * w + (columns > 0 ? 1 : 0),
           from->pixels + row * w + (columns < 0 ? 1 : 0), w - 1);
  return true;
}

static bool test_moved(claims *c, nn_trainer *trainer, int columns, double *accuracy) {
  nn_images moved;
  double loss;
  if (!move_images(&c->test, columns, &moved)) return false;
  const bool done = claims_test(trainer, &moved, NN_INFERENCE, accuracy, &loss);
  free(moved.pixels);
  return done;
}

static bool run(claims *c, const nn_plan *plan) {
  nn_trainer trainer;
  double accuracy = 0, left = 0, right = 0, loss = 0;
  const bool done = claims_open(c, &trainer, plan) && claims_train(&trainer) &&
                    claims_test(&trainer, &c->test, NN_INFERENCE, &accuracy, &loss) &&
                    test_moved(c, &trainer, -1, &left) && test_moved(c, &trainer, 1, &right);
  if (done)
    fprintf(c->csv, "%s,%d,%llu,%zu,%.6f,%.6f\n",
            plan->model.per_activation ? "per activation" : "per channel", plan->batch,
            (unsigned long long)plan->seed, claims_parameter_count(&trainer.network), accuracy,
            (left + right) / 2);
  nn_trainer_close(&trainer);
  return done;
}

bool claim_channels(claims *c) {
  static const int batches[] = {2, 4, 8, 16, 32, 64};
  bool done =
      claims_open_csv(c, "h.csv", "statistics,batch,seed,parameters,test_accuracy,moved_accuracy");
  for (int i = 0; done && i < 6; i++) {
    for (int j = 0; done && j < 2 * c->seeds; j++) {
      nn_plan plan = {.model = {.kind = NN_RESNET,
                                .activation = NN_RELU,
                                .batch_norm = 1,
                                .per_activation = j % 2 == 1,
                                .depth = 1,
                                .width = 8,
                                .gain = 1.41f},
                      .epochs = c->full ? 10 : 8,
                      .batch = batches[i],
                      .rate = 0.05f * (float)batches[i] / 32.0f,
                      .momentum = c->full ? 0.9f : 0.0f, /* 10 epochs are too few without */
                      .seed = c->first_seed + (uint64_t)(j / 2)};
      done = run(c, &plan);
    }
  }
  return done && claims_close_csv(c);
}
