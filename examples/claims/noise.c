/* Claim f: the batch's mean and deviation are a random shift and scale, and this noise regularizes.
 * First, how far they spread over random batches of a trained network; then, what is between
 * training and test accuracy with batch norm, with dropout, with both. */
#include <math.h>
#include <stdlib.h>

#include "claims/claims.h"

enum { BATCH_MAX = 256, DRAWS = 200, UNITS = 100, HIDDEN = 3 };

/* Sums over batches of (batch mean - mean) / std and of batch std / std, and of their squares. */
typedef struct spread {
  double shift[HIDDEN][UNITS], shift_square[HIDDEN][UNITS];
  double scale[HIDDEN][UNITS], scale_square[HIDDEN][UNITS];
} spread;

static bool load_random(claims *c, nn_trainer *trainer, nn_random *random, int n) {
  const size_t pixels = (size_t)c->train.h * (size_t)c->train.w;
  for (int i = 0; i < n; i++) {
    const size_t image = nn_random_below(random, (uint32_t)c->train.count);
    for (size_t j = 0; j < pixels; j++)
      trainer->images[(size_t)i * pixels + j] =
          (float)c->train.pixels[image * pixels + j] * trainer->pixel_scale;
    trainer->labels[i] = c->train.labels[image];
  }
  return nn_network_load(&trainer->network, n, trainer->images, trainer->labels);
}

/* One batch, whose moments are compared with the running ones. */
static bool add_batch(nn_trainer *trainer, int n, spread *sums) {
  float mean[UNITS], inv_std[UNITS], all_mean[UNITS], all_var[UNITS];
  if (!nn_network_forward(&trainer->network, n, NN_BATCH_STATISTICS)) return false;
  for (int k = 0; k < HIDDEN; k++) {
    const nn_layer *layer = claims_preactivation(&trainer->network, k);
    if (!nn_batch_statistics(layer, mean, inv_std) ||
        !nn_array_download(&layer->statistics[0], all_mean, UNITS) ||
        !nn_array_download(&layer->statistics[1], all_var, UNITS))
      return false;
    for (int j = 0; j < UNITS; j++) {
      const double std = sqrt((double)all_var[j] + 1e-12);
      const double shift = ((double)mean[j] - (double)all_mean[j]) / std;
      const double scale = 1 / ((double)inv_std[j] * std);
      sums->shift[k][j] += shift;
      sums->shift_square[k][j] += shift * shift;
      sums->scale[k][j] += scale;
      sums->scale_square[k][j] += scale * scale;
    }
  }
  return true;
}

/* The unit's standard deviation over batches, as root mean square over units. */
static double root_mean_variance(const double *sums, const double *squares) {
  double total = 0;
  for (int j = 0; j < UNITS; j++)
    total += (squares[j] - sums[j] * sums[j] / DRAWS) / (DRAWS - 1) / UNITS;
  return sqrt(total);
}

static bool spread_over_batches(claims *c, const nn_plan *plan) {
  nn_trainer trained, trainer = {0};
  nn_random random = {plan->seed};
  bool done = claims_open(c, &trained, plan) && claims_train(&trained) &&
              claims_reopen(c, &trained, BATCH_MAX, &trainer);
  for (int n = 4; done && n <= BATCH_MAX; n *= 2) {
    static spread sums;
    sums = (spread){0};
    for (int draw = 0; done && draw < DRAWS; draw++)
      done = load_random(c, &trainer, &random, n) && add_batch(&trainer, n, &sums);
    for (int k = 0; done && k < HIDDEN; k++)
      fprintf(c->csv, "%llu,%d,%d,%.6g,%.6g\n", (unsigned long long)plan->seed, k + 1, n,
              root_mean_variance(sums.shift[k], sums.shift_square[k]),
              root_mean_variance(sums.scale[k], sums.scale_square[k]));
  }
  nn_trainer_close(&trained);
  nn_trainer_close(&trainer);
  return done;
}

/* Few images, so that there is something to memorize. */
static bool train_on_few(claims *c, const nn_plan *plan, const char *name) {
  nn_images few = c->train;
  nn_trainer trainer;
  double train_accuracy = 0, train_loss = 0, test_accuracy = 0, test_loss = 0;
  few.count = c->full ? 1000 : 300;
  if (few.count > c->train.count) few.count = c->train.count;
  const bool done = nn_trainer_open(&trainer, &c->device, &few, &c->test, plan) &&
                    claims_train(&trainer) &&
                    claims_test(&trainer, &few, NN_INFERENCE, &train_accuracy, &train_loss) &&
                    claims_test(&trainer, &c->test, NN_INFERENCE, &test_accuracy, &test_loss);
  if (done)
    fprintf(c->csv, "%s,%d,%llu,%.6f,%.6f,%.6g,%.6g\n", name, plan->batch,
            (unsigned long long)plan->seed, train_accuracy, test_accuracy, train_loss, test_loss);
  nn_trainer_close(&trainer);
  return done;
}

static bool compare_with_dropout(claims *c) {
  static const char *const names[] = {"neither", "batch norm", "dropout", "both"};
  static const int batches[] = {10, 30, 100};
  for (int i = 0; i < 3; i++) {
    for (int j = 0; j < 4 * 2 * c->seeds; j++) { /* twice as many: the differences are small */
      nn_plan plan = claims_mlp(c, NN_RELU, j % 2 == 1);
      plan.model.dropout = j % 4 >= 2 ? 0.5f : 0.0f;
      plan.seed = c->first_seed + (uint64_t)(j / 4);
      plan.batch = batches[i];
      plan.rate = 0.1f;
      plan.epochs = 100;
      if (!train_on_few(c, &plan, names[j % 4])) return false;
    }
  }
  return true;
}

bool claim_noise(claims *c) {
  bool done = claims_open_csv(c, "f_spread.csv", "seed,layer,batch,shift_spread,scale_spread");
  for (int i = 0; done && i < c->seeds; i++) {
    nn_plan plan = claims_mlp(c, NN_RELU, true);
    plan.rate = 0.1f;
    plan.seed = c->first_seed + (uint64_t)i;
    done = spread_over_batches(c, &plan);
  }
  return done && claims_close_csv(c) &&
         claims_open_csv(c, "f_gap.csv",
                         "variant,batch,seed,train_accuracy,test_accuracy,train_loss,test_loss") &&
         compare_with_dropout(c) && claims_close_csv(c);
}
