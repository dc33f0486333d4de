/* A layer: a function with parameters, and its derivative.
 *
 * The kinds of layers are types of functions (nn_layer_type) over a structure that begins with an
 * nn_layer. A layer owns its output and the gradient of the loss with respect to it; it reads the
 * output of the layer before it, and writes the gradient there. */
#ifndef NN_LAYER_H
#define NN_LAYER_H

#include "nn/device.h"
#include "nn/random.h"

typedef struct nn_shape {
  int h, w, c;
} nn_shape;

/* What SGD changes. */
typedef struct nn_parameter {
  nn_array value, gradient, velocity;
} nn_parameter;

enum { NN_PARAMETER_MAX = 2, NN_STATISTIC_MAX = 2 };

typedef struct nn_layer nn_layer;

/* What a pass is for. */
typedef enum {
  NN_INFERENCE,       /* batch norm: running statistics; no dropout */
  NN_TRAINING,        /* batch norm: the batch's statistics, which the running ones follow */
  NN_BATCH_STATISTICS /* as inference, but with the batch's statistics; changes nothing */
} nn_mode;

typedef struct nn_layer_type {
  const char *name;
  /* output = f(input) for n images. */
  bool (*forward)(nn_layer *layer, int n, nn_mode mode);
  /* From output_gradient: the gradients of the parameters, and input_gradient unless it is NULL. */
  bool (*backward)(nn_layer *layer, int n);
  /* Frees what the kind of layer has beyond nn_layer; NULL for nothing. */
  void (*release)(nn_layer *layer);
  /* Draws the random numbers of a training step, before it; NULL for none. */
  bool (*prepare)(nn_layer *layer, int n, uint64_t step);
} nn_layer_type;

struct nn_layer {
  const nn_layer_type *type;
  nn_device *device;
  nn_shape in, out;
  const float *input;
  float *input_gradient; /* NULL: nobody wants it */
  nn_array output, output_gradient;
  nn_parameter parameters[NN_PARAMETER_MAX];
  int parameter_count;
  nn_array statistics[NN_STATISTIC_MAX]; /* what training gathers beside them */
  int statistic_count;

  /* Set by the network. Of two readers of one output, the later one writes its gradient there, and
   * the earlier one, whose turn in the backward pass comes after, adds its own. */
  nn_layer *second; /* another layer whose output is read, or NULL */
  nn_layer *reader; /* the last layer that reads the output */
  nn_array summand; /* what is to be added; input_gradient points to it */
  float *sum;
};

/* Creation: for batches of up to max_batch images; NULL on failure, with a message. Weights are
 * drawn from `random`, uniform within gain * sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010):
 * gain 1 in front of nothing or ReLU, 4 in front of a sigmoid, whose slope at 0 is 1/4. Biases
 * begin with 0, the scale of batch norm with 1. */
nn_layer *nn_create_convolution(nn_device *device, nn_shape in, int max_batch, int channels,
                                int kernel, int stride, int pad, bool bias, float gain,
                                nn_random *random);
nn_layer *nn_create_linear(nn_device *device, nn_shape in, int max_batch, int features, bool bias,
                           float gain, nn_random *random);
nn_layer *nn_create_activation(nn_device *device, nn_shape in, int max_batch, nn_activation kind);
nn_layer *nn_create_pool(nn_device *device, nn_shape in, int max_batch, int size);

/* y = activation(batch norm(x) + z). */
typedef struct nn_batch_norm {
  nn_activation activation; /* by default NN_IDENTITY: none */
  nn_layer *z;              /* NULL: nothing is added. Has the shape of x. */
  bool per_activation;      /* statistics for each pixel of a channel; else over all its pixels */
} nn_batch_norm;
nn_layer *nn_create_batch_norm(nn_device *device, nn_shape in, int max_batch,
                               const nn_batch_norm *what);

/* In training y = factor * x + shift with random factors and shifts for each element; otherwise
 * y = x. Dropout: factor 0 with the given probability, else 1 / (1 - probability). Noise: every
 * step draws a mean for each feature from +-0.5 and a spread from 1 to 1.25, and around them,
 * within +-0.1, shift and factor of each element (Santurkar et al. 2018, appendix A). */
nn_layer *nn_create_dropout(nn_device *device, nn_shape in, int max_batch, float probability,
                            uint64_t seed);
nn_layer *nn_create_noise(nn_device *device, nn_shape in, int max_batch, uint64_t seed);

/* NULL is allowed and does nothing. */
void nn_destroy_layer(nn_layer *layer);

bool nn_is_product(const nn_layer *layer);    /* convolution or fully connected */
bool nn_is_batch_norm(const nn_layer *layer); /* and not skipped */
/* From now on the layer passes its input on, and the gradient back: only z and activation stay. */
void nn_skip_batch_norm(nn_layer *layer);
/* Folds batch norm into the product in front of it, for inference only: w * x followed by
 * factor * x + shift is (factor * w) * x + shift. Then the batch norm is skipped. */
bool nn_fold_batch_norm(nn_layer *product, nn_layer *batch_norm);
/* Mean and 1 / standard deviation of the last training batch, per channel. */
bool nn_batch_statistics(const nn_layer *layer, float *mean, float *inv_std);

/* For the files that define layers. */
static inline size_t nn_shape_count(nn_shape shape) {
  return (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}
/* `bytes` bytes that begin with an nn_layer, filled in, with output and output gradient. */
void *nn_create_layer(const nn_layer_type *type, size_t bytes, nn_device *device, nn_shape in,
                      nn_shape out, int max_batch);
/* Appends a parameter of zeros, or a statistic, to the layer. */
bool nn_add_parameter(nn_layer *layer, size_t count);
bool nn_add_statistic(nn_layer *layer, size_t count, float value);
/* Gives a bias of zeros to a product that has none. */
bool nn_add_bias(nn_layer *product);
/* Fills the first parameter with uniform values between -limit and limit. */
bool nn_draw_weights(nn_layer *layer, float limit, nn_random *random);

#endif /* NN_LAYER_H */
