/* Claim e, first part: batch norm makes the loss smoother (Santurkar et al. 2018, figure 4). At
 * steps of the training the network is moved along its gradient by 0.5 to 4 times the learning
 * rate; how much do loss and gradient change on the same batch? */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "claims/claims.h"

enum { DISTANCES = 8 };

/* Parameters, their gradient, and both somewhere else. */
typedef struct point {
  size_t count;
  float *value, *gradient, *moved, *other;
} point;

/* Loss and gradient of the loaded batch, with its statistics; running ones stay as they are. */
static bool differentiate(nn_network *network, int n, float *gradient, double *loss) {
  int hits = 0;
  *loss = 0;
  if (!nn_network_forward(network, n, NN_BATCH_STATISTICS) || !nn_network_loss(network, n) ||
      !nn_network_score(network, n, loss, &hits) || !nn_network_backward(network, n) ||
      !claims_get_parameters(network, true, gradient))
    return false;
  *loss /= n;
  return true;
}

static double distance(const float *a, const float *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    const double d = (double)a[i] - (b != NULL ? (double)b[i] : 0.0);
    sum += d * d;
  }
  return sqrt(sum);
}

static bool probe(claims *c, nn_trainer *trainer, const char *name, int step, point *p) {
  nn_network *network = &trainer->network;
  const int n = trainer->plan.batch, first = step * n % (c->train.count - n);
  double loss, least = INFINITY, most = -INFINITY, change_least = INFINITY, change_most = 0;
  double smoothness = 0;
  if (!nn_trainer_load(trainer, &c->train, first, n) ||
      !claims_get_parameters(network, false, p->value) ||
      !differentiate(network, n, p->gradient, &loss))
    return false;
  const double norm = distance(p->gradient, NULL, p->count);
  for (int k = 1; k <= DISTANCES; k++) {
    const float length = 0.5f * (float)k * trainer->plan.rate;
    double moved_loss;
    for (size_t i = 0; i < p->count; i++) p->moved[i] = p->value[i] - length * p->gradient[i];
    if (!claims_set_parameters(network, p->moved) ||
        !differentiate(network, n, p->other, &moved_loss))
      return false;
    const double change = distance(p->other, p->gradient, p->count);
    least = fmin(least, moved_loss);
    most = fmax(most, moved_loss);
    change_least = fmin(change_least, change);
    change_most = fmax(change_most, change);
    smoothness = fmax(smoothness, change / ((double)length * norm));
  }
  fprintf(c->csv, "%s,%u,%llu,%d,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g\n", name,
          trainer->plan.model.batch_norm, (unsigned long long)trainer->plan.seed, step, loss, norm,
          least, most, change_least, change_most, smoothness);
  return claims_set_parameters(network, p->value);
}

static bool run(claims *c, const nn_plan *plan, const char *name) {
  nn_trainer trainer;
  nn_score score = {0};
  point p = {0};
  bool done = claims_open(c, &trainer, plan);
  if (done) {
    p.count = claims_parameter_count(&trainer.network);
    p.value = malloc(4 * p.count * sizeof *p.value);
    done = p.value != NULL || nn_fail("no memory for %zu parameters", p.count);
    p.gradient = p.value + p.count;
    p.moved = p.gradient + p.count;
    p.other = p.moved + p.count;
  }
  const int all = done ? plan->epochs * nn_trainer_steps_per_epoch(&trainer) : 0;
  for (int step = 0; done && step < all; step++) {
    if (claims_is_due(step, all, 50)) done = probe(c, &trainer, name, step, &p);
    done = done && nn_trainer_step(&trainer, &score);
  }
  nn_trainer_close(&trainer);
  free(p.value);
  return done;
}

bool claim_landscape(claims *c) {
  static const float rates[] = {0.1f, 0.0f};
  nn_plan mlp = claims_mlp(c, NN_RELU, true), lenet = claims_lenet(c, NN_RELU, true);
  mlp.model.depth = 6;
  mlp.model.gain = lenet.model.gain = 1.41f; /* for ReLU: He et al. 2015 */
  mlp.epochs = lenet.epochs = 10;
  return claims_open_csv(c, "e_landscape.csv",
                         "network,batch_norm,seed,step,loss,gradient_norm,loss_least,loss_most,"
                         "change_least,change_most,smoothness") &&
         claims_sweep(c, &mlp, "mlp relu", rates, run) &&
         claims_sweep(c, &lenet, "lenet relu", rates, run) && claims_close_csv(c) &&
         claim_noisy(c) && claim_shift(c);
}
