/* A chain of layers, and the LeNet that the example trains. */
#include "nn/network.h"

#include <stdlib.h>
#include <string.h>

bool nn_network_init(nn_network *network, nn_device *device, nn_shape in, int max_batch) {
  memset(network, 0, sizeof *network);
  network->device = device;
  network->in = in;
  network->max_batch = max_batch;
  const size_t images = (size_t)max_batch;
  return nn_array_create(device, &network->input, images * nn_shape_count(in)) &&
         nn_array_create(device, &network->labels, images) &&
         nn_array_create(device, &network->losses, images) &&
         nn_array_create(device, &network->hits, images);
}

void nn_network_destroy(nn_network *network) {
  for (int i = 0; i < network->layer_count; i++) nn_destroy_layer(network->layers[i]);
  nn_array_destroy(&network->input);
  nn_array_destroy(&network->labels);
  nn_array_destroy(&network->losses);
  nn_array_destroy(&network->hits);
  memset(network, 0, sizeof *network);
}

nn_shape nn_network_out(const nn_network *network) {
  return network->layer_count > 0 ? network->layers[network->layer_count - 1]->out : network->in;
}

bool nn_network_add(nn_network *network, nn_layer *layer) {
  if (layer == NULL) return false;
  if (network->layer_count == NN_LAYER_MAX) {
    nn_destroy_layer(layer);
    return nn_fail("a network has at most %d layers", NN_LAYER_MAX);
  }
  layer->input = network->input.data;
  if (network->layer_count > 0) {
    nn_layer *before = network->layers[network->layer_count - 1];
    layer->input = before->output.data;
    layer->input_gradient = before->output_gradient.data;
  }
  network->layers[network->layer_count++] = layer;
  return true;
}

bool nn_network_load(nn_network *network, int n, const float *images, const int32_t *labels) {
  if (n < 1 || n > network->max_batch)
    return nn_fail("a batch of %d images; the network takes 1 to %d", n, network->max_batch);
  return nn_array_upload(&network->input, images, (size_t)n * nn_shape_count(network->in)) &&
         nn_array_upload(&network->labels, labels, (size_t)n);
}

bool nn_network_forward(nn_network *network, int n, bool training) {
  for (int i = 0; i < network->layer_count; i++)
    if (!network->layers[i]->type->forward(network->layers[i], n, training)) return false;
  return true;
}

bool nn_network_loss(nn_network *network, int n, double *loss_sum, int *hits) {
  nn_layer *last = network->layers[network->layer_count - 1];
  float *host = malloc(2 * (size_t)n * sizeof(float));
  if (host == NULL) return nn_fail("no memory for the losses of %d images", n);
  const bool done = network->device->ops->softmax_loss(
                        network->device, n, last->out.c, last->output.data,
                        (const int32_t *)(const void *)network->labels.data, network->losses.data,
                        network->hits.data, last->output_gradient.data) &&
                    nn_array_download(&network->losses, host, (size_t)n) &&
                    nn_array_download(&network->hits, host + n, (size_t)n);
  for (int i = 0; done && i < n; i++) {
    *loss_sum += (double)host[i];
    *hits += host[n + i] > 0.0f;
  }
  free(host);
  return done;
}

bool nn_network_backward(nn_network *network, int n) {
  for (int i = network->layer_count - 1; i >= 0; i--)
    if (!network->layers[i]->type->backward(network->layers[i], n)) return false;
  return true;
}

bool nn_network_update(nn_network *network, float rate, float momentum) {
  for (int i = 0; i < network->layer_count; i++) {
    nn_layer *layer = network->layers[i];
    for (int j = 0; j < layer->parameter_count; j++) {
      nn_parameter *parameter = &layer->parameters[j];
      if (!network->device->ops->sgd(network->device, parameter->value.count, rate, momentum,
                                     parameter->gradient.data, parameter->velocity.data,
                                     parameter->value.data))
        return false;
    }
  }
  return true;
}

/* ---- LeNet ---- */

/* Of the weights in front of sigmoids, with and without batch norm between; see layer.h. */
static const float SIGMOID_GAIN = 4.0f;

/* (batch norm,) sigmoid */
static bool add_activation(nn_network *network, bool batch_norm) {
  nn_device *device = network->device;
  const nn_shape in = nn_network_out(network);
  return (!batch_norm ||
          nn_network_add(network, nn_create_batch_norm(device, in, network->max_batch))) &&
         nn_network_add(network, nn_create_activation(device, in, network->max_batch, NN_SIGMOID));
}

/* convolution, (batch norm,) sigmoid, pooling by 2 */
static bool add_convolution(nn_network *network, int channels, int kernel, int pad, bool batch_norm,
                            nn_random *random) {
  nn_device *device = network->device;
  const int batch = network->max_batch;
  return nn_network_add(network,
                        nn_create_convolution(device, nn_network_out(network), batch, channels,
                                              kernel, pad, !batch_norm, SIGMOID_GAIN, random)) &&
         add_activation(network, batch_norm) &&
         nn_network_add(network, nn_create_pool(device, nn_network_out(network), batch, 2));
}

/* fully connected, (batch norm,) sigmoid */
static bool add_linear(nn_network *network, int features, bool batch_norm, nn_random *random) {
  return nn_network_add(
             network, nn_create_linear(network->device, nn_network_out(network), network->max_batch,
                                       features, !batch_norm, SIGMOID_GAIN, random)) &&
         add_activation(network, batch_norm);
}

bool nn_lenet_init(nn_network *network, nn_device *device, int h, int w, int max_batch,
                   bool batch_norm, uint64_t seed) {
  nn_random random = {seed};
  const bool small = h < 16 || w < 16;
  return nn_network_init(network, device, (nn_shape){h, w, 1}, max_batch) &&
         add_convolution(network, 6, small ? 3 : 5, small ? 1 : 2, batch_norm, &random) &&
         add_convolution(network, 16, small ? 3 : 5, small ? 1 : 0, batch_norm, &random) &&
         add_linear(network, 120, batch_norm, &random) &&
         add_linear(network, 84, batch_norm, &random) &&
         nn_network_add(network, nn_create_linear(device, nn_network_out(network), max_batch, 10,
                                                  true, 1.0f, &random));
}
