/* Claim d: the distribution of a unit's input stays put. The {15, 50, 85}th percentiles of inputs
 * of units in the last hidden layer over training (Ioffe and Szegedy 2015, figure 1). */
#include <stdlib.h>
#include <string.h>

#include "claims/claims.h"

enum { UNITS = 20 };

static int compare(const void *a, const void *b) {
  const float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

/* The inputs of one unit, sorted. Values: [images][units]. */
static void sort_unit(const float *values, int images, int units, int unit, float *sorted) {
  for (int i = 0; i < images; i++) sorted[i] = values[i * units + unit];
  qsort(sorted, (size_t)images, sizeof *sorted, compare);
}

/* What the last hidden layer's activations get for the test images, with the batches' statistics:
 * those that training sees. */
static bool gather(claims *c, nn_trainer *trainer, float *values) {
  const nn_layer *layer = claims_preactivation(&trainer->network, trainer->plan.model.depth - 1);
  const int batch = trainer->plan.batch, units = layer->out.c;
  for (int first = 0; first + batch <= c->test.count; first += batch)
    if (!nn_trainer_load(trainer, &c->test, first, batch) ||
        !nn_network_forward(&trainer->network, batch, NN_BATCH_STATISTICS) ||
        !nn_array_download(&layer->output, values + (size_t)first * (size_t)units,
                           (size_t)batch * (size_t)units))
      return false;
  return true;
}

static bool record(claims *c, nn_trainer *trainer, int step, float *values) {
  const nn_plan *plan = &trainer->plan;
  const int images = c->test.count / plan->batch * plan->batch, units = plan->model.width;
  float *sorted = values + (size_t)images * (size_t)units;
  double accuracy, loss;
  if (!claims_test(trainer, &c->test, NN_INFERENCE, &accuracy, &loss) ||
      !gather(c, trainer, values))
    return false;
  for (int unit = 0; unit < UNITS; unit++) {
    sort_unit(values, images, units, unit, sorted);
    fprintf(c->csv, "%u,%llu,%d,%d,%.5g,%.5g,%.5g,%.6f\n", plan->model.batch_norm,
            (unsigned long long)plan->seed, step, unit, (double)sorted[images * 15 / 100],
            (double)sorted[images / 2], (double)sorted[images * 85 / 100], accuracy);
  }
  return true;
}

static bool run(claims *c, const nn_plan *plan, const char *name) {
  nn_trainer trainer;
  nn_score score = {0};
  float *values =
      malloc((size_t)(c->test.count + 1) * (size_t)(plan->model.width + 1) * sizeof *values);
  memset(&trainer, 0, sizeof trainer);
  (void)name;
  bool done = (values != NULL || nn_fail("no memory for %d images", c->test.count)) &&
              claims_open(c, &trainer, plan) && record(c, &trainer, 0, values);
  const int all = done ? plan->epochs * nn_trainer_steps_per_epoch(&trainer) : 0;
  for (int step = 1; done && step <= all; step++) {
    done = nn_trainer_step(&trainer, &score);
    if (done && claims_is_due(step, all, 60)) done = record(c, &trainer, step, values);
  }
  nn_trainer_close(&trainer);
  free(values);
  return done;
}

bool claim_distributions(claims *c) {
  static const float rates[] = {0.5f, 0.0f};
  nn_plan plan = claims_mlp(c, NN_SIGMOID, true);
  plan.epochs = 60;
  return claims_open_csv(c, "d.csv", "batch_norm,seed,step,unit,p15,p50,p85,test_accuracy") &&
         claims_sweep(c, &plan, "mlp sigmoid", rates, run) && claims_close_csv(c);
}
