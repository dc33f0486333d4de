/* Claim b: with batch norm a network learns in fewer steps, and as well in the end. The test
 * accuracy over training, at several learning rates, so that each can be judged at its best one. */
#include "claims/claims.h"

static bool run(claims *c, const nn_plan *plan, const char *name) {
  nn_trainer trainer;
  nn_score score = {0};
  double accuracy = 0, loss = 0;
  bool done = claims_open(c, &trainer, plan);
  const int all = done ? plan->epochs * nn_trainer_steps_per_epoch(&trainer) : 0;
  for (int step = 1; done && step <= all; step++) {
    done = nn_trainer_step(&trainer, &score);
    const bool wanted = step <= 200 ? step % 5 == 0 : claims_is_due(step, all, 80);
    if (!done || (!wanted && step != all)) continue;
    done = claims_test(&trainer, &c->test, NN_INFERENCE, &accuracy, &loss);
    fprintf(c->csv, "%s,%u,%g,%llu,%d,%.6f\n", name, plan->model.batch_norm, (double)plan->rate,
            (unsigned long long)plan->seed, step, accuracy);
  }
  nn_trainer_close(&trainer);
  return done;
}

bool claim_convergence(claims *c) {
  static const float rates[] = {0.3f, 1.0f, 3.0f, 0.0f};
  nn_plan mlp = claims_mlp(c, NN_SIGMOID, true), lenet = claims_lenet(c, NN_SIGMOID, true);
  mlp.epochs = lenet.epochs = c->full ? 20 : 100;
  return claims_open_csv(c, "b.csv", "network,batch_norm,rate,seed,step,test_accuracy") &&
         claims_sweep(c, &mlp, "mlp sigmoid", rates, run) &&
         claims_sweep(c, &lenet, "lenet sigmoid", rates, run) && claims_close_csv(c);
}
