/* LeNet (LeCun et al. 1998), as in Dive into Deep Learning: two convolutions with average pooling,
 * three fully connected layers; sigmoids, or what the model says. From 16 x 16 pixels on the
 * classic one with 5 x 5 convolutions, for smaller images with 3 x 3. */
#include "nn/model.h"

static bool add_pool(nn_builder *b) {
  return nn_network_add(b->network, nn_create_pool(b->network->device, nn_network_out(b->network),
                                                   b->network->max_batch, 2));
}

bool nn_build_lenet(nn_builder *b) {
  const bool small = b->model->h < 16 || b->model->w < 16;
  const bool bias = !b->model->batch_norm; /* batch norm would subtract it again */
  return nn_build_convolution(b, 6, small ? 3 : 5, small ? 1 : 2) && nn_build_hidden(b) &&
         add_pool(b) &&                                                                      //
         nn_build_convolution(b, 16, small ? 3 : 5, small ? 1 : 0) && nn_build_hidden(b) &&  //
         add_pool(b) &&                                                                      //
         nn_build_linear(b, 120, bias) && nn_build_hidden(b) &&                              //
         nn_build_linear(b, 84, bias) && nn_build_hidden(b) &&                               //
         nn_build_output(b);
}
