/* A small residual network on digits: blocks of two convolutions, each followed by batch norm and
 * ReLU, the second with the block's input added in between.
 *
 * The network is nn/model_resnet.c, and batch norm + addition + ReLU one layer of nn/batch_norm.c.
 *
 *     build/examples/resnet --checkpoint digits.net
 *     build/examples/infer --checkpoint digits.net --fold --show 5
 *
 * By several processes of MPI, two images of each batch on each:
 *
 *     mpirun -n 4 build/examples/resnet --batch 8 --sync
 */
#include "nn/program.h"
#if NN_WITH_MPI
#include "group_mpi.h"
#define OPEN_GROUP group_open_mpi
#else
#define OPEN_GROUP NULL
#endif

int main(int argc, char **argv) {
  /* ReLU passes half of its input: He et al. 2015 draw weights with sqrt(2) times the spread. */
  const nn_plan defaults = {
      .model = {.kind = NN_RESNET, .activation = NN_RELU, .depth = 1, .width = 8, .gain = 1.41f},
      .rate = 0.05f,
      .momentum = 0.9f,
      .epochs = 10,
      .batch = 32,
      .seed = 1};
  return nn_run_program(argc, argv, "resnet",
                        "Trains a small residual network with batch normalization.", &defaults,
                        OPEN_GROUP);
}
