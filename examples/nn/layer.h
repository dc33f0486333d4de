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

enum { NN_PARAMETER_MAX = 2 };

typedef struct nn_layer nn_layer;

typedef struct nn_layer_type {
  const char *name;
  /* output = f(input) for n images. */
  bool (*forward)(nn_layer *layer, int n, bool training);
  /* From output_gradient: the gradients of the parameters, and input_gradient unless it is NULL. */
  bool (*backward)(nn_layer *layer, int n);
  /* Frees what the kind of layer has beyond nn_layer; NULL for nothing. */
  void (*release)(nn_layer *layer);
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
};

/* Creation: for batches of up to max_batch images; NULL on failure, with a message. Weights are
 * drawn from `random`, uniform within gain * sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010):
 * gain 1 in front of nothing or ReLU, 4 in front of a sigmoid, whose slope at 0 is 1/4. Biases
 * begin with 0, the scale of batch norm with 1. */
nn_layer *nn_create_convolution(nn_device *device, nn_shape in, int max_batch, int channels,
                                int kernel, int pad, bool bias, float gain, nn_random *random);
nn_layer *nn_create_linear(nn_device *device, nn_shape in, int max_batch, int features, bool bias,
                           float gain, nn_random *random);
nn_layer *nn_create_batch_norm(nn_device *device, nn_shape in, int max_batch);
nn_layer *nn_create_activation(nn_device *device, nn_shape in, int max_batch, nn_activation kind);
nn_layer *nn_create_pool(nn_device *device, nn_shape in, int max_batch, int size);

/* NULL is allowed and does nothing. */
void nn_destroy_layer(nn_layer *layer);

/* For the files that define layers. */
static inline size_t nn_shape_count(nn_shape shape) {
  return (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}
/* `bytes` bytes that begin with an nn_layer, filled in, with output and output gradient. */
void *nn_create_layer(const nn_layer_type *type, size_t bytes, nn_device *device, nn_shape in,
                      nn_shape out, int max_batch);
/* Appends a parameter of zeros to the layer. */
bool nn_add_parameter(nn_layer *layer, size_t count);
/* Fills the first parameter with uniform values between -limit and limit. */
bool nn_draw_weights(nn_layer *layer, float limit, nn_random *random);

#endif /* NN_LAYER_H */
