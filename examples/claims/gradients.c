/* Claim c: the lower layers of a deep network learn, too. Norms of the gradients of all layers'
 * weights over the training of ten layers. */
#include "claims/claims.h"

static bool record(claims *c, const nn_trainer *trainer, const char *name, int step) {
  nn_layer *products[NN_LAYER_MAX];
  const int count = claims_products(&trainer->network, products);
  for (int i = 0; i < count; i++) {
    double gradient, weights;
    if (!claims_norm(&products[i]->parameters[0].gradient, &gradient) ||
        !claims_norm(&products[i]->parameters[0].value, &weights))
      return false;
    fprintf(c->csv, "%s,%u,%llu,%d,%d,%.6g,%.6g\n", name, trainer->plan.model.batch_norm,
            (unsigned long long)trainer->plan.seed, step, i + 1, gradient, weights);
  }
  return true;
}

static bool run(claims *c, const nn_plan *plan, const char *name) {
  nn_trainer trainer;
  nn_score score = {0};
  bool done = claims_open(c, &trainer, plan);
  const int all = done ? plan->epochs * nn_trainer_steps_per_epoch(&trainer) : 0;
  for (int step = 1; done && step <= all; step++) {
    done = nn_trainer_step(&trainer, &score);
    if (done && (step == 1 || claims_is_due(step, all, 20))) done = record(c, &trainer, name, step);
  }
  double accuracy = 0, loss = 0;
  done = done && claims_test(&trainer, &c->test, NN_INFERENCE, &accuracy, &loss);
  /* Layer 0: the accuracy in place of a gradient. */
  if (done)
    fprintf(c->csv, "%s,%u,%llu,%d,0,%.6g,0\n", name, plan->model.batch_norm,
            (unsigned long long)plan->seed, all, accuracy);
  nn_trainer_close(&trainer);
  return done;
}

bool claim_gradients(claims *c) {
  static const float rates[] = {0.1f, 0.0f};
  nn_plan sigmoid = claims_mlp(c, NN_SIGMOID, true);
  sigmoid.model.depth = 10;
  sigmoid.model.width = 64;
  nn_plan tanh = sigmoid;
  tanh.model.activation = NN_TANH;
  return claims_open_csv(c, "c.csv",
                         "network,batch_norm,seed,step,layer,gradient_norm,weight_norm") &&
         claims_sweep(c, &sigmoid, "sigmoid", rates, run) &&
         claims_sweep(c, &tanh, "tanh", rates, run) && claims_close_csv(c);
}
