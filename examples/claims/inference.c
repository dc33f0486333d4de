/* Claim g: inference takes the running statistics. Networks trained with batches of several sizes
 * answer with running statistics, and with those of the test batches, of several sizes. */
#include <stdlib.h>
#include <string.h>

#include "claims/claims.h"

static const int test_batches[] = {1, 2, 4, 8, 16, 32, 64, 128};
enum { TEST_BATCHES = sizeof test_batches / sizeof test_batches[0] };

static bool write_line(claims *c, nn_trainer *trainer, const nn_images *images, const char *order,
                       nn_mode mode, int batch) {
  double accuracy = 0, loss = 0;
  trainer->plan.batch = batch;
  if (!claims_test(trainer, images, mode, &accuracy, &loss)) return false;
  fprintf(c->csv, "%llu,%s,%s,%d,%.6f,%.6g\n", (unsigned long long)trainer->plan.seed,
          mode == NN_INFERENCE ? "running" : "batch", order, batch, accuracy, loss);
  return true;
}

/* Sorts the images by class. */
static bool sort_images(const nn_images *from, nn_images *to) {
  const size_t pixels = (size_t)from->h * (size_t)from->w;
  *to = *from;
  to->pixels = malloc((size_t)from->count * pixels);
  to->labels = malloc((size_t)from->count);
  if (to->pixels == NULL || to->labels == NULL)
    return nn_fail("no memory for %d images", from->count);
  size_t next = 0;
  for (uint8_t label = 0; label < NN_CLASSES; label++) {
    for (size_t i = 0; i < (size_t)from->count; i++) {
      if (from->labels[i] != label) continue;
      memcpy(to->pixels + next * pixels, from->pixels + i * pixels, pixels);
      to->labels[next++] = label;
    }
  }
  return true;
}

static bool test_in_batches(claims *c, const nn_plan *plan, const nn_images *sorted) {
  nn_trainer trained, trainer = {0};
  bool done = claims_open(c, &trained, plan) && claims_train(&trained) &&
              claims_reopen(c, &trained, test_batches[TEST_BATCHES - 1], &trainer);
  for (int i = 0; done && i < TEST_BATCHES; i++)
    done = write_line(c, &trainer, &c->test, "shuffled", NN_BATCH_STATISTICS, test_batches[i]) &&
           write_line(c, &trainer, sorted, "by class", NN_BATCH_STATISTICS, test_batches[i]) &&
           write_line(c, &trainer, &c->test, "shuffled", NN_INFERENCE, test_batches[i]);
  nn_trainer_close(&trained);
  nn_trainer_close(&trainer);
  return done;
}

static bool train_with_batch(claims *c, const nn_plan *plan) {
  nn_trainer trainer;
  double accuracy[2] = {0}, loss = 0;
  const bool done = claims_open(c, &trainer, plan) && claims_train(&trainer) &&
                    claims_test(&trainer, &c->test, NN_INFERENCE, &accuracy[0], &loss) &&
                    claims_test(&trainer, &c->test, NN_BATCH_STATISTICS, &accuracy[1], &loss);
  if (done)
    fprintf(c->csv, "%u,%d,%llu,%.6f,%.6f\n", plan->model.batch_norm, plan->batch,
            (unsigned long long)plan->seed, accuracy[0], accuracy[1]);
  nn_trainer_close(&trainer);
  return done;
}

/* The same number of images for each size, and a rate in proportion to the batch. */
static bool train_with_batches(claims *c) {
  static const int batches[] = {2, 3, 4, 8, 16, 32, 64};
  for (int i = 0; i < (int)(sizeof batches / sizeof batches[0]); i++) {
    for (int j = 0; j < 2 * c->seeds; j++) {
      nn_plan plan = claims_mlp(c, NN_RELU, j % 2 == 1);
      plan.batch = batches[i];
      plan.rate = 0.1f * (float)batches[i] / 64.0f;
      plan.seed = c->first_seed + (uint64_t)(j / 2);
      if (!train_with_batch(c, &plan)) return false;
    }
  }
  return true;
}

bool claim_inference(claims *c) {
  nn_images sorted = {0};
  bool done = sort_images(&c->test, &sorted) &&
              claims_open_csv(c, "g_test.csv", "seed,statistics,order,batch,accuracy,loss");
  for (int i = 0; done && i < c->seeds; i++) {
    nn_plan plan = claims_mlp(c, NN_RELU, true);
    plan.rate = 0.1f;
    plan.seed = c->first_seed + (uint64_t)i;
    done = test_in_batches(c, &plan, &sorted);
  }
  done =
      done && claims_close_csv(c) &&
      claims_open_csv(c, "g_train.csv", "batch_norm,batch,seed,running_accuracy,batch_accuracy") &&
      train_with_batches(c) && claims_close_csv(c);
  nn_free_images(&sorted);
  return done;
}
