/* LeNet on digits or other small images: convolution, batch norm, sigmoid, average pooling.
 *
 * The network is nn/model_lenet.c, the training loop nn/trainer.c, batch norm nn/batch_norm.c.
 *
 *     build/examples/lenet
 *     build/examples/lenet --no-bn
 *     build/examples/lenet --activation relu --gain 1 --checkpoint digits.net
 *
 * The curves of Dive into Deep Learning, on Fashion-MNIST:
 *
 *     build/examples/lenet --data FOLDER --gain 1 --batch 128 --lr 0.1 --epochs 10
 */
#include "nn/program.h"

int main(int argc, char **argv) {
  /* The slope of a sigmoid at 0 is 1/4: weights are drawn with four times the spread. */
  const nn_plan defaults = {.model = {.kind = NN_LENET, .activation = NN_SIGMOID, .gain = 4.0f},
                            .rate = 0.1f,
                            .epochs = 30,
                            .batch = 16,
                            .seed = 1};
  return nn_run_program(argc, argv, "lenet", "Trains LeNet with batch normalization.", &defaults,
                        NULL);
}
