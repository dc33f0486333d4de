/* Claim a: batch norm allows larger learning rates. Final accuracy over a sweep of rates. */
#include "claims/claims.h"

static bool run(claims *c, const nn_plan *plan, const char *name) {
  nn_trainer trainer;
  double accuracy = 0, loss = 0;
  const bool done = claims_open(c, &trainer, plan) && claims_train(&trainer) &&
                    claims_test(&trainer, &c->test, NN_INFERENCE, &accuracy, &loss);
  if (done)
    fprintf(c->csv, "%s,%u,%g,%llu,%.6f,%.6g\n", name, plan->model.batch_norm, (double)plan->rate,
            (unsigned long long)plan->seed, accuracy, loss);
  nn_trainer_close(&trainer);
  return done;
}

bool claim_rates(claims *c) {
  static const float rates[] = {0.01f, 0.03f, 0.1f, 0.3f, 1.0f, 3.0f, 10.0f, 30.0f, 0.0f};
  const nn_plan sigmoid = claims_mlp(c, NN_SIGMOID, true), relu = claims_mlp(c, NN_RELU, true);
  const nn_plan lenet = claims_lenet(c, NN_SIGMOID, true);
  return claims_open_csv(c, "a.csv", "network,batch_norm,rate,seed,test_accuracy,test_loss") &&
         claims_sweep(c, &sigmoid, "mlp sigmoid", rates, run) &&
         claims_sweep(c, &relu, "mlp relu", rates, run) &&
         claims_sweep(c, &lenet, "lenet sigmoid", rates, run) && claims_close_csv(c);
}
