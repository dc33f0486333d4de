/* What the networks have in common. */
#include "nn/model.h"

const char *nn_model_name(const nn_model *model) {
  static const char *const names[] = {"lenet", "mlp", "resnet"};
  return model->kind <= NN_RESNET ? names[model->kind] : "unknown";
}

bool nn_model_init(nn_network *network, nn_device *device, const nn_model *model, int max_batch) {
  static bool (*const builders[])(nn_builder *) = {nn_build_lenet, nn_build_mlp, nn_build_resnet};
  nn_builder builder = {.network = network, .model = model, .random = {model->seed}};
  return nn_network_init(network, device, (nn_shape){model->h, model->w, 1}, max_batch) &&
         builders[model->kind](&builder);
}

bool nn_build_linear(nn_builder *b, int features, bool bias) {
  return nn_network_add(b->network, nn_create_linear(b->network->device, nn_network_out(b->network),
                                                     b->network->max_batch, features, bias,
                                                     b->model->gain, &b->random));
}

bool nn_build_convolution(nn_builder *b, int channels, int kernel, int pad) {
  return nn_network_add(b->network,
                        nn_create_convolution(b->network->device, nn_network_out(b->network),
                                              b->network->max_batch, channels, kernel, 1, pad,
                                              !b->model->batch_norm, b->model->gain, &b->random));
}

bool nn_build_hidden(nn_builder *b) {
  nn_network *network = b->network;
  nn_device *device = network->device;
  const nn_model *model = b->model;
  const nn_batch_norm what = {.per_activation = model->per_activation != 0};
  const nn_shape shape = nn_network_out(network);
  const int batch = network->max_batch;
  const uint64_t seed = ((uint64_t)model->seed << 32) + (uint64_t)network->layer_count;
  return (!model->batch_norm ||
          nn_network_add(network, nn_create_batch_norm(device, shape, batch, &what))) &&
         (!model->noise || nn_network_add(network, nn_create_noise(device, shape, batch, seed))) &&
         nn_network_add(network, nn_create_activation(device, shape, batch,
                                                      (nn_activation)model->activation)) &&
         (model->dropout == 0.0f ||
          nn_network_add(network, nn_create_dropout(device, shape, batch, model->dropout, ~seed)));
}

bool nn_build_output(nn_builder *b) {
  return nn_network_add(b->network,
                        nn_create_linear(b->network->device, nn_network_out(b->network),
                                         b->network->max_batch, 10, true, 1.0f, &b->random));
}
