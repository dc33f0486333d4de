/* Layers in a row, with branches: how they are wired, and what a step of training is. */
#include "nn/network.h"

#include <stdlib.h>
#include <string.h>

#include "nn/group.h"

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
  if (network->graph != NULL) network->device->ops->free_graph(network->graph);
  for (int i = 0; i < network->layer_count; i++) nn_destroy_layer(network->layers[i]);
  nn_array_destroy(&network->input);
  nn_array_destroy(&network->labels);
  nn_array_destroy(&network->losses);
  nn_array_destroy(&network->hits);
  memset(network, 0, sizeof *network);
}

/* ---- Wiring ---- */

nn_layer *nn_network_last(const nn_network *network) {
  return network->layer_count > 0 ? network->layers[network->layer_count - 1] : NULL;
}

nn_shape nn_network_out(const nn_network *network) {
  const nn_layer *last = nn_network_last(network);
  return last != NULL ? last->out : network->in;
}

/* `layer` is now the first in the backward pass to write the gradient of source's output: who read
 * that output before adds to it. */
static bool take_over(nn_network *network, nn_layer *source, nn_layer *layer) {
  nn_layer *earlier = source->reader;
  source->reader = layer;
  if (earlier == NULL) return true;
  earlier->sum = earlier->input_gradient;
  if (!nn_array_create(network->device, &earlier->summand,
                       (size_t)network->max_batch * nn_shape_count(source->out)))
    return false;
  earlier->input_gradient = earlier->summand.data;
  return true;
}

bool nn_network_add_behind(nn_network *network, nn_layer *source, nn_layer *layer) {
  if (layer == NULL) return false;
  if (network->layer_count == NN_LAYER_MAX) {
    nn_destroy_layer(layer);
    return nn_fail("a network has at most %d layers", NN_LAYER_MAX);
  }
  network->layers[network->layer_count++] = layer;
  layer->input = source != NULL ? source->output.data : network->input.data;
  layer->input_gradient = source != NULL ? source->output_gradient.data : NULL;
  return (source == NULL || take_over(network, source, layer)) &&
         (layer->second == NULL || take_over(network, layer->second, layer));
}

bool nn_network_add(nn_network *network, nn_layer *layer) {
  return nn_network_add_behind(network, nn_network_last(network), layer);
}

/* ---- The parts of a step ---- */

bool nn_network_load(nn_network *network, int n, const float *images, const int32_t *labels) {
  if (n < 1 || n > network->max_batch)
    return nn_fail("a batch of %d images; the network takes 1 to %d", n, network->max_batch);
  return nn_array_upload(&network->input, images, (size_t)n * nn_shape_count(network->in)) &&
         nn_array_upload(&network->labels, labels, (size_t)n);
}

bool nn_network_prepare(nn_network *network, int n) {
  for (int i = 0; i < network->layer_count; i++) {
    nn_layer *layer = network->layers[i];
    if (layer->type->prepare != NULL && !layer->type->prepare(layer, n, network->step))
      return false;
  }
  return true;
}

bool nn_network_forward(nn_network *network, int n, nn_mode mode) {
  for (int i = 0; i < network->layer_count; i++)
    if (!network->layers[i]->type->forward(network->layers[i], n, mode)) return false;
  return true;
}

bool nn_network_loss(nn_network *network, int n) {
  nn_layer *last = nn_network_last(network);
  const int images = network->batch_images > 0 ? network->batch_images : n;
  return network->device->ops->softmax_loss(
      network->device, n, last->out.c, images, last->output.data,
      (const int32_t *)(const void *)network->labels.data, network->losses.data, network->hits.data,
      last->output_gradient.data);
}

bool nn_network_score(nn_network *network, int n, double *loss_sum, int *hits) {
  float *host = malloc(2 * (size_t)n * sizeof(float));
  if (host == NULL) return nn_fail("no memory for the losses of %d images", n);
  const bool done = nn_array_download(&network->losses, host, (size_t)n) &&
                    nn_array_download(&network->hits, host + n, (size_t)n);
  for (int i = 0; done && i < n; i++) {
    *loss_sum += (double)host[i];
    *hits += host[n + i] > 0.0f;
  }
  free(host);
  return done;
}

bool nn_network_backward(nn_network *network, int n) {
  for (int i = network->layer_count - 1; i >= 0; i--) {
    nn_layer *layer = network->layers[i];
    if (!layer->type->backward(layer, n)) return false;
    if (layer->sum != NULL &&
        !network->device->ops->add(network->device, (size_t)n * nn_shape_count(layer->in),
                                   layer->summand.data, layer->sum))
      return false;
  }
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

/* ---- The step ---- */

static bool enqueue_step(nn_network *network, int n, float rate, float momentum) {
  return nn_network_forward(network, n, NN_TRAINING) && nn_network_loss(network, n) &&
         nn_network_backward(network, n) && nn_group_add_gradients(network) &&
         nn_network_update(network, rate, momentum);
}

/* A graph contains rate and momentum, too: with others, a new one is recorded. */
static bool record_step(nn_network *network, float rate, float momentum) {
  const nn_operations *ops = network->device->ops;
  if (network->graph != NULL) ops->free_graph(network->graph);
  network->graph = NULL;
  if (!ops->begin_graph(network->device)) return false;
  const bool enqueued = enqueue_step(network, network->max_batch, rate, momentum);
  network->graph_rate = rate;
  network->graph_momentum = momentum;
  return ops->end_graph(network->device, &network->graph) && enqueued;
}

bool nn_network_step(nn_network *network, int n, float rate, float momentum) {
  const nn_operations *ops = network->device->ops;
  if (!nn_network_prepare(network, n)) return false;
  network->step++;
  const bool full = n == network->max_batch;
  if (ops->begin_graph == NULL || network->device->group != NULL || !full || !network->warm) {
    network->warm = network->warm || full;
    return enqueue_step(network, n, rate, momentum);
  }
  const bool recorded =
      network->graph != NULL && network->graph_rate == rate && network->graph_momentum == momentum;
  return (recorded || record_step(network, rate, momentum)) &&
         ops->replay_graph(network->device, network->graph);
}

/* ---- Folding ---- */

bool nn_network_fold(nn_network *network, int *folded) {
  *folded = 0;
  for (int i = 0; i < network->layer_count; i++) {
    nn_layer *product = network->layers[i], *next = product->reader;
    if (!nn_is_product(product) || next == NULL || !nn_is_batch_norm(next) ||
        next->input != product->output.data)
      continue;
    if (!nn_fold_batch_norm(product, next)) return false;
    ++*folded;
  }
  return true;
}
