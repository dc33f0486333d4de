/* Fully connected layers on digits: three of 100 sigmoids, as in section 4.1 of Ioffe and
 * Szegedy 2015.
 *
 * The network is nn/model_mlp.c. With --depth there is no end to how badly it learns without batch
 * norm:
 *
 *     build/examples/mlp --depth 10
 *     build/examples/mlp --depth 10 --no-bn
 */
#include "nn/program.h"

int main(int argc, char **argv) {
  const nn_plan defaults = {
      .model = {.kind = NN_MLP, .activation = NN_SIGMOID, .depth = 3, .width = 100, .gain = 1.0f},
      .rate = 0.5f,
      .epochs = 30,
      .batch = 60,
      .seed = 1};
  return nn_run_program(argc, argv, "mlp",
                        "Trains fully connected layers with batch normalization.", &defaults, NULL);
}
