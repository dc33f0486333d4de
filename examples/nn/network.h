/* A chain of layers with a softmax cross-entropy loss at its end, and the steps of training. */
#ifndef NN_NETWORK_H
#define NN_NETWORK_H

#include "nn/layer.h"

enum { NN_LAYER_MAX = 32 };

typedef struct nn_network {
  nn_device *device;
  nn_shape in;
  int max_batch;
  nn_array input, labels, losses, hits;
  nn_layer *layers[NN_LAYER_MAX];
  int layer_count;
} nn_network;

/* After a failure too, the network is to be destroyed. */
bool nn_network_init(nn_network *network, nn_device *device, nn_shape in, int max_batch);
void nn_network_destroy(nn_network *network);

/* What comes out of the last layer so far: the input of the next one. */
nn_shape nn_network_out(const nn_network *network);
/* Appends a layer, which may be NULL: that is a failure, and lets creation be an argument. */
bool nn_network_add(nn_network *network, nn_layer *layer);

/* LeNet with sigmoids (LeCun et al. 1998), for images of h x w gray pixels, 4 x 4 at least: the
 * classic of 5 x 5 convolutions from 16 x 16 on, with 3 x 3 convolutions for smaller ones. The same
 * seed gives the same weights with and without batch norm. */
bool nn_lenet_init(nn_network *network, nn_device *device, int h, int w, int max_batch,
                   bool batch_norm, uint64_t seed);

/* The steps, in this order. n images, at most max_batch. */
bool nn_network_load(nn_network *network, int n, const float *images, const int32_t *labels);
bool nn_network_forward(nn_network *network, int n, bool training);
/* Adds the images' losses and the number of right answers; begins the backward pass. */
bool nn_network_loss(nn_network *network, int n, double *loss_sum, int *hits);
bool nn_network_backward(nn_network *network, int n);
bool nn_network_update(nn_network *network, float rate, float momentum);

#endif /* NN_NETWORK_H */
