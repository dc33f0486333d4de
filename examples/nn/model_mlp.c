/* Fully connected layers, all of the same width: the network of Ioffe and Szegedy 2015, section
 * 4.1, with three hidden layers of 100 sigmoids; or deeper. */
#include "nn/model.h"

bool nn_build_mlp(nn_builder *b) {
  const bool bias = !b->model->batch_norm; /* batch norm would subtract it again */
  for (int i = 0; i < b->model->depth; i++)
    if (!nn_build_linear(b, b->model->width, bias) || !nn_build_hidden(b)) return false;
  return nn_build_output(b);
}
