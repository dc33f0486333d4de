/* Claim e, third part: does batch norm reduce internal covariate shift? The shift that a layer
 * sees, as the optimizer sees it: its gradient, and what that becomes once all layers below it
 * have made their step (Santurkar et al. 2018, definition 2.1), in a deep linear network and in a
 * usual one. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "claims/claims.h"

enum { SAMPLES = 1000, FEATURES = 10, LAYERS = 25 };

/* The loss of one fixed batch: softmax cross-entropy of labels, or squared distance to targets. */
typedef struct task {
  nn_network *network;
  int n;
  float *targets, *outputs; /* [n][10]; NULL: labels */
} task;

/* Forward, loss, backward. The mean over samples of |output - target|^2 / 2 is differentiated on
 * the host: it is not among the operations. */
static bool differentiate(task *t, double *loss) {
  nn_network *network = t->network;
  nn_layer *last = nn_network_last(network);
  int hits = 0;
  *loss = 0;
  if (!nn_network_forward(network, t->n, NN_TRAINING)) return false;
  if (t->targets == NULL) {
    if (!nn_network_loss(network, t->n) || !nn_network_score(network, t->n, loss, &hits))
      return false;
  } else {
    const size_t count = (size_t)t->n * FEATURES;
    if (!nn_array_download(&last->output, t->outputs, count)) return false;
    for (size_t i = 0; i < count; i++) {
      const float d = t->outputs[i] - t->targets[i];
      *loss += 0.5 * (double)d * (double)d;
      t->outputs[i] = d / (float)t->n;
    }
    if (!nn_array_upload(&last->output_gradient, t->outputs, count)) return false;
  }
  *loss /= t->n;
  return nn_network_backward(network, t->n);
}

/* Where the parameters of layers 0 .. `end` - 1 end in the list of all of them. */
static size_t parameters_below(const nn_network *network, const nn_layer *end) {
  size_t count = 0;
  for (int i = 0; network->layers[i] != end; i++)
    for (int j = 0; j < network->layers[i]->parameter_count; j++)
      count += network->layers[i]->parameters[j].value.count;
  return count;
}

/* For each layer with weights: its gradient, and the same after the step of the layers below.
 * Leaves the parameters as they were. room: [4][all parameters]. */
static bool measure(claims *c, task *t, const nn_plan *plan, const char *name, int step,
                    float *room) {
  nn_network *network = t->network;
  nn_layer *products[NN_LAYER_MAX];
  const int layers = claims_products(network, products);
  const size_t count = claims_parameter_count(network);
  float *value = room, *before = room + count, *moved = before + count, *after = moved + count;
  double loss, other;
  if (!differentiate(t, &loss) || !claims_get_parameters(network, false, value) ||
      !claims_get_parameters(network, true, before))
    return false;
  for (int k = 1; k < layers; k++) {
    const size_t below = parameters_below(network, products[k]);
    const size_t end = below + products[k]->parameters[0].value.count;
    double dot = 0, square = 0, square_after = 0, difference = 0;
    memcpy(moved, value, count * sizeof *moved);
    for (size_t i = 0; i < below; i++) moved[i] -= plan->rate * before[i];
    if (!claims_set_parameters(network, moved) || !differentiate(t, &other) ||
        !claims_get_parameters(network, true, after))
      return false;
    for (size_t i = below; i < end; i++) {
      const double g = (double)before[i], h = (double)after[i];
      dot += g * h;
      square += g * g;
      square_after += h * h;
      difference += (g - h) * (g - h);
    }
    fprintf(c->csv, "%s,%u,%llu,%d,%d,%.6g,%.6g,%.6g,%.6g\n", name, plan->model.batch_norm,
            (unsigned long long)plan->seed, step, k + 1, loss, sqrt(square), sqrt(difference),
            dot / sqrt(square * square_after));
  }
  return claims_set_parameters(network, value);
}

static bool train(claims *c, task *t, const nn_plan *plan, const char *name, int steps) {
  float *room = malloc(4 * claims_parameter_count(t->network) * sizeof *room);
  bool done = room != NULL || nn_fail("no memory for the gradients");
  for (int step = 0; done && step <= steps; step++) {
    double loss;
    if (claims_is_due(step, steps, 20)) done = measure(c, t, plan, name, step, room);
    done = done && differentiate(t, &loss) && nn_network_update(t->network, plan->rate, 0.0f);
  }
  free(room);
  return done;
}

/* About normal: the sum of 12 uniform numbers. */
static float normal(nn_random *random) {
  float sum = 0;
  for (int i = 0; i < 12; i++) sum += nn_random_uniform(random, 0.5f);
  return sum;
}

/* 25 linear layers of 10 units learn a linear map, from 1000 samples at once. */
static bool run_linear(claims *c, const nn_plan *plan, const char *name) {
  static float x[SAMPLES * FEATURES], targets[SAMPLES * FEATURES], outputs[SAMPLES * FEATURES];
  static const int32_t labels[SAMPLES];
  float map[FEATURES * FEATURES];
  nn_random random = {~plan->seed};
  nn_network network;
  task t = {.network = &network, .n = SAMPLES, .targets = targets, .outputs = outputs};
  nn_model model = plan->model;
  model.seed = (uint32_t)plan->seed;
  for (int i = 0; i < SAMPLES * FEATURES; i++) x[i] = normal(&random);
  for (int i = 0; i < FEATURES * FEATURES; i++) map[i] = normal(&random) / sqrtf(FEATURES);
  for (int i = 0; i < SAMPLES * FEATURES; i++) {
    targets[i] = 0;
    for (int j = 0; j < FEATURES; j++)
      targets[i] += map[i % FEATURES * FEATURES + j] * x[i / FEATURES * FEATURES + j];
  }
  const bool done = nn_model_init(&network, &c->device, &model, SAMPLES) &&
                    nn_network_load(&network, SAMPLES, x, labels) && train(c, &t, plan, name, 400);
  nn_network_destroy(&network);
  return done;
}

/* The usual network, on one batch of images that is as large as the data. */
static bool run_images(claims *c, const nn_plan *plan, const char *name) {
  nn_trainer trainer;
  bool done =
      claims_open(c, &trainer, plan) && nn_trainer_load(&trainer, &c->train, 0, plan->batch);
  if (done) {
    task t = {.network = &trainer.network, .n = plan->batch};
    done = train(c, &t, plan, name, 200);
  }
  nn_trainer_close(&trainer);
  return done;
}

bool claim_shift(claims *c) {
  static const float linear_rates[] = {0.01f, 0.0f}, rates[] = {0.1f, 0.0f};
  const nn_plan linear = {.model = {.kind = NN_MLP,
                                    .activation = NN_IDENTITY,
                                    .h = 1,
                                    .w = FEATURES,
                                    .depth = LAYERS - 1,
                                    .width = FEATURES,
                                    .gain = 1.0f}};
  nn_plan relu = claims_mlp(c, NN_RELU, true);
  relu.batch = c->train.count < 1000 ? c->train.count : 1000;
  return claims_open_csv(
             c, "e_shift.csv",
             "network,batch_norm,seed,step,layer,loss,gradient_norm,difference,cosine") &&
         claims_sweep(c, &linear, "deep linear", linear_rates, run_linear) &&
         claims_sweep(c, &relu, "mlp relu", rates, run_images) && claims_close_csv(c);
}
