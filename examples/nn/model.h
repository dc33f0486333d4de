/* The three networks of the examples. */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "nn/network.h"

typedef enum { NN_LENET, NN_MLP, NN_RESNET } nn_model_kind;

/* The most that options and files may ask for. */
enum { NN_DEPTH_MAX = 30, NN_WIDTH_MAX = 4096, NN_EPOCHS_MAX = 10000, NN_BATCH_MAX = 65536 };

/* What tells one network from another: a checkpoint begins with it, so there is no pointer in it
 * and all fields have 32 bits. */
typedef struct nn_model {
  uint32_t kind;                              /* nn_model_kind */
  uint32_t activation;                        /* nn_activation */
  uint32_t batch_norm, per_activation, noise; /* 0 or 1 */
  int32_t h, w;                               /* of the gray images */
  int32_t depth, width; /* mlp: hidden layers and their units; resnet: blocks per stage, channels */
  float gain;           /* of the weights, see layer.h */
  float dropout;        /* probability; 0: none */
  uint32_t seed;        /* of the weights: the same with and without batch norm */
} nn_model;

const char *nn_model_name(const nn_model *model);

/* Builds it. After a failure too, the network is to be destroyed. */
bool nn_model_init(nn_network *network, nn_device *device, const nn_model *model, int max_batch);

/* For the builders: hidden layers are product, (batch norm,) activation, (noise, dropout). */
typedef struct nn_builder {
  nn_network *network;
  const nn_model *model;
  nn_random random;
} nn_builder;

bool nn_build_lenet(nn_builder *builder);
bool nn_build_mlp(nn_builder *builder);
bool nn_build_resnet(nn_builder *builder);

bool nn_build_linear(nn_builder *builder, int features, bool bias);
bool nn_build_convolution(nn_builder *builder, int channels, int kernel, int pad);
/* What follows the product of a hidden layer. */
bool nn_build_hidden(nn_builder *builder);
/* The fully connected layer that gives ten logits. */
bool nn_build_output(nn_builder *builder);

#endif /* NN_MODEL_H */
