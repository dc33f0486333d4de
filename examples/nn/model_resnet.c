/* A small residual network (He et al. 2015), with ReLU or what the model says: a convolution,
 * stages of blocks, the mean over all pixels, ten logits. A stage halves the images and doubles the
 * channels.
 *
 * A block is y = ReLU(batch norm(conv(ReLU(batch norm(conv(x))))) + x): what follows each
 * convolution is one layer, so that a library can do it in one pass. Without batch norm the same
 * layers remain, and the convolutions have a bias. */
#include "nn/model.h"

enum { STAGES = 2 };

static bool add_convolution(nn_builder *b, nn_layer *source, int channels, int kernel, int stride) {
  nn_network *network = b->network;
  return nn_network_add_behind(
      network, source,
      nn_create_convolution(network->device, source != NULL ? source->out : network->in,
                            network->max_batch, channels, kernel, stride, kernel / 2,
                            !b->model->batch_norm, b->model->gain, &b->random));
}

/* activation(batch norm(x) + z); x is the last layer. */
static bool add_norm(nn_builder *b, nn_activation activation, nn_layer *z) {
  nn_network *network = b->network;
  const nn_batch_norm what = {
      .activation = activation, .z = z, .per_activation = b->model->per_activation != 0};
  nn_layer *layer =
      nn_create_batch_norm(network->device, nn_network_out(network), network->max_batch, &what);
  if (layer != NULL && !b->model->batch_norm) nn_skip_batch_norm(layer);
  return nn_network_add(network, layer);
}

static bool add_block(nn_builder *b, int channels, int stride) {
  const nn_activation activation = (nn_activation)b->model->activation;
  nn_layer *x = nn_network_last(b->network), *shortcut = x;
  if (stride != 1 || x->out.c != channels) { /* x does not fit: 1 x 1 convolution */
    if (!add_convolution(b, x, channels, 1, stride) || !add_norm(b, NN_IDENTITY, NULL))
      return false;
    shortcut = nn_network_last(b->network);
  }
  return add_convolution(b, x, channels, 3, stride) && add_norm(b, activation, NULL) &&
         add_convolution(b, nn_network_last(b->network), channels, 3, 1) &&
         add_norm(b, activation, shortcut);
}

bool nn_build_resnet(nn_builder *b) {
  nn_network *network = b->network;
  const nn_activation activation = (nn_activation)b->model->activation;
  int channels = b->model->width;
  if (!add_convolution(b, NULL, channels, 3, 1) || !add_norm(b, activation, NULL)) return false;
  for (int stage = 0; stage < STAGES; stage++, channels *= 2)
    for (int block = 0; block < b->model->depth; block++)
      if (!add_block(b, channels, stage > 0 && block == 0 ? 2 : 1)) return false;
  const nn_shape out = nn_network_out(network);
  return nn_network_add(network, nn_create_pool(network->device, out, network->max_batch,
                                                out.h < out.w ? out.h : out.w)) &&
         nn_build_output(b);
}
