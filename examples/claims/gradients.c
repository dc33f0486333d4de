/* Claim c: the lower layers of a deep network learn, too. Norms of the gradients of all layers'
 * weights over the training of ten layers. */
#include "claims/claims.h"

/* The gradients of the last step; testing leaves them alone. */
static bool record(claims *c, nn_trainer *trainer, const char *name, int step) {
  nn_layer *products[NN_LAYER_MAX];
  const int count = claims_products(&trainer->network, products);
  double accuracy, loss, norm;
  if (!claims_test(trainer, &c->test, NN_INFERENCE, &accuracy, &loss)) return false;
  for (int i = 0; i < count; i++) {
    if (!claims_norm(&products[i]->parameters[0].gradient, &norm)) return false;
    fprintf(c->csv, "%s,%u,%llu,%d,%d,%.6g,%.6f\n", name, trainer->plan.model.batch_norm,
            (unsigned long long)trainer->plan.seed, step, i + 1, norm, accuracy);
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
    if (done && (step == 1 || step == all || claims_is_due(step, all, 20)))
      done = record(c, &trainer, name, step);
  }
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
                         "network,batch_norm,seed,step,layer,gradient_norm,test_accuracy") &&
         claims_sweep(c, &sigmoid, "sigmoid", rates, run) &&
         claims_sweep(c, &tanh, "tanh", rates, run) && claims_close_csv(c);
}
