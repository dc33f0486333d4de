/* Layers with a softmax cross-entropy loss at their end, and the steps of training. */
#ifndef NN_NETWORK_H
#define NN_NETWORK_H

#include "nn/layer.h"

enum { NN_LAYER_MAX = 160 };

typedef struct nn_network {
  nn_device *device;
  nn_shape in;
  int max_batch;
  uint64_t step;    /* training steps so far */
  int batch_images; /* of a step, on all ranks of the device's group; 0: as on this one */
  nn_array input, labels, losses, hits;
  nn_layer *layers[NN_LAYER_MAX]; /* in an order in which they can be computed */
  int layer_count;

  /* A step with max_batch images, recorded; NULL: not yet. */
  nn_graph *graph;
  float graph_rate, graph_momentum;
  bool warm; /* one such step was done: everything that is done only once is done */
} nn_network;

/* After a failure too, the network is to be destroyed. */
bool nn_network_init(nn_network *network, nn_device *device, nn_shape in, int max_batch);
void nn_network_destroy(nn_network *network);

/* The last layer so far, or NULL; and what comes out of it: the input of the next one. */
nn_layer *nn_network_last(const nn_network *network);
nn_shape nn_network_out(const nn_network *network);
/* Appends a layer, which may be NULL: that is a failure, and lets creation be an argument. It reads
 * the last layer, or `source`. */
bool nn_network_add(nn_network *network, nn_layer *layer);
bool nn_network_add_behind(nn_network *network, nn_layer *source, nn_layer *layer);

/* A step of training is load, step, score; a test is load, forward, loss, score. n images, at most
 * max_batch. */
bool nn_network_load(nn_network *network, int n, const float *images, const int32_t *labels);
/* Forward, loss, backward, update; on a GPU from the third full batch on by one recorded graph. */
bool nn_network_step(nn_network *network, int n, float rate, float momentum);
/* Adds the images' losses and the number of right answers. */
bool nn_network_score(nn_network *network, int n, double *loss_sum, int *hits);

/* The parts of a step. The loss begins the backward pass; prepare draws random numbers. */
bool nn_network_prepare(nn_network *network, int n);
bool nn_network_forward(nn_network *network, int n, nn_mode mode);
bool nn_network_loss(nn_network *network, int n);
bool nn_network_backward(nn_network *network, int n);
bool nn_network_update(nn_network *network, float rate, float momentum);

/* For inference only: folds each batch norm that follows a convolution or a fully connected layer
 * into its weights. */
bool nn_network_fold(nn_network *network, int *folded);

#endif /* NN_NETWORK_H */
