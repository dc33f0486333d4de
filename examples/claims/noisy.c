/* Claim e, second part: batch norm followed by random shifts and scales, which undo the stability
 * of distributions, trains as well as without them (Santurkar et al. 2018, figure 2). */
#include <math.h>
#include <stdlib.h>

#include "claims/claims.h"

/* Mean and standard deviation over the images of the last training batch of each unit's input of
 * the last hidden activation. */
static bool moments(const nn_trainer *trainer, float *values, double *mean, double *std) {
  const nn_layer *layer = claims_preactivation(&trainer->network, trainer->plan.model.depth - 1);
  const int units = layer->out.c, images = trainer->plan.batch;
  if (!nn_array_download(&layer->output, values, (size_t)images * (size_t)units)) return false;
  for (int j = 0; j < units; j++) {
    mean[j] = std[j] = 0;
    for (int i = 0; i < images; i++) mean[j] += (double)values[i * units + j] / images;
    for (int i = 0; i < images; i++) {
      const double d = (double)values[i * units + j] - mean[j];
      std[j] += d * d / images;
    }
    std[j] = sqrt(std[j]);
  }
  return true;
}

/* One training; `work` has room for a batch, `statistics` for four values per unit. */
static bool train(claims *c, nn_trainer *trainer, const char *name, float *work,
                  double *statistics) {
  const int units = trainer->plan.model.width, per_epoch = nn_trainer_steps_per_epoch(trainer);
  double *mean = statistics, *std = mean + units, *mean_next = std + units;
  double *std_next = mean_next + units;
  while (trainer->epoch < trainer->plan.epochs) {
    nn_score score = {0};
    double moved = 0, accuracy, loss;
    /* Two full batches in the middle of the epoch tell how far a step moves the means. */
    for (int step = 0; step < per_epoch; step++) {
      if (!nn_trainer_step(trainer, &score)) return false;
      if (step == per_epoch / 2 && !moments(trainer, work, mean, std)) return false;
      if (step == per_epoch / 2 + 1 && !moments(trainer, work, mean_next, std_next)) return false;
    }
    for (int j = 0; j < units; j++) moved += fabs(mean_next[j] - mean[j]) / (std[j] * units);
    if (!claims_test(trainer, &c->test, NN_INFERENCE, &accuracy, &loss)) return false;
    fprintf(c->csv, "%s,%llu,%d,%.6g,%.6f,%.6g\n", name, (unsigned long long)trainer->plan.seed,
            trainer->epoch, score.loss / score.images, accuracy, moved);
  }
  return true;
}

static bool run(claims *c, const nn_plan *plan, const char *name) {
  nn_trainer trainer;
  const size_t units = (size_t)plan->model.width, images = (size_t)plan->batch;
  float *work = malloc(images * units * sizeof *work);
  double *statistics = malloc(4 * units * sizeof *statistics);
  bool done = claims_open(c, &trainer, plan);
  if (done && (work == NULL || statistics == NULL))
    done = nn_fail("no memory for %zu images", images);
  done = done && train(c, &trainer, name, work, statistics);
  nn_trainer_close(&trainer);
  free(work);
  free(statistics);
  return done;
}

bool claim_noisy(claims *c) {
  static const char *const names[] = {"without", "batch norm", "noisy batch norm"};
  bool done =
      claims_open_csv(c, "e_noisy.csv", "variant,seed,epoch,train_loss,test_accuracy,mean_change");
  for (int i = 0; done && i < 3 * c->seeds; i++) {
    nn_plan plan = claims_mlp(c, NN_SIGMOID, i % 3 > 0);
    plan.model.noise = i % 3 == 2;
    plan.seed = c->first_seed + (uint64_t)(i / 3);
    plan.epochs = 30;
    done = run(c, &plan, names[i % 3]);
  }
  return done && claims_close_csv(c);
}
