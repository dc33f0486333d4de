/* The two layers that are matrix products: fully connected, and convolution.
 *
 * Weights are [outputs][inputs], so with one row per image (or per pixel: the patch around it)
 *     output = input * weights^T (+ bias)
 *     weights' gradient = output_gradient^T * input
 *     input_gradient = output_gradient * weights
 * A bias is of no use in front of batch norm, which subtracts the mean: there it is left out. */
#include <math.h>

#include "nn/layer.h"

typedef struct product_layer {
  nn_layer base;
  bool bias;
  nn_array ones;    /* the bias' gradient is the sum of rows: ones * output_gradient */
  nn_array patches; /* convolution: input, then its gradient, as one row per position */
  nn_window window;
} product_layer;

static void product_release(nn_layer *layer) {
  product_layer *self = (product_layer *)layer;
  nn_array_destroy(&self->ones);
  nn_array_destroy(&self->patches);
}

static bool product_forward(product_layer *self, int rows, int inner, const float *input) {
  const nn_layer *layer = &self->base;
  const int columns = layer->out.c;
  const nn_operations *ops = layer->device->ops;
  return ops->gemm(layer->device, false, true, rows, columns, inner, input,
                   layer->parameters[0].value.data, layer->output.data) &&
         (!self->bias || ops->add_bias(layer->device, rows, columns,
                                       layer->parameters[1].value.data, layer->output.data));
}

/* Gradients of the parameters, then of the input unless input_gradient is NULL. */
static bool product_backward(product_layer *self, int rows, int inner, const float *input,
                             float *input_gradient) {
  const nn_layer *layer = &self->base;
  const int columns = layer->out.c;
  const nn_operations *ops = layer->device->ops;
  const float *gradient = layer->output_gradient.data;
  return ops->gemm(layer->device, true, false, columns, inner, rows, gradient, input,
                   layer->parameters[0].gradient.data) &&
         (!self->bias || ops->gemm(layer->device, false, false, 1, columns, rows, self->ones.data,
                                   gradient, layer->parameters[1].gradient.data)) &&
         (input_gradient == NULL ||
          ops->gemm(layer->device, false, false, rows, inner, columns, gradient,
                    layer->parameters[0].value.data, input_gradient));
}

bool nn_add_bias(nn_layer *product) {
  ((product_layer *)product)->bias = true;
  return nn_add_parameter(product, (size_t)product->out.c);
}

static nn_layer *product_create(const nn_layer_type *type, nn_device *device, nn_shape in,
                                nn_shape out, int max_batch, int inner, bool bias, float gain,
                                nn_random *random) {
  product_layer *self = nn_create_layer(type, sizeof *self, device, in, out, max_batch);
  if (self == NULL) return NULL;
  nn_layer *layer = &self->base;
  const int positions = out.h * out.w, outputs = inner / in.c * out.c;
  if (nn_add_parameter(layer, (size_t)out.c * (size_t)inner) &&
      nn_draw_weights(layer, gain * sqrtf(6.0f / (float)(inner + outputs)), random) &&
      nn_array_create(device, &self->ones, (size_t)max_batch * (size_t)positions) &&
      nn_array_set(&self->ones, 1.0f) && (!bias || nn_add_bias(layer)))
    return layer;
  nn_destroy_layer(layer);
  return NULL;
}

/* ---- Fully connected: each image is one row ---- */

static bool linear_forward(nn_layer *layer, int n, nn_mode mode) {
  (void)mode;
  return product_forward((product_layer *)layer, n, (int)nn_shape_count(layer->in), layer->input);
}

static bool linear_backward(nn_layer *layer, int n) {
  return product_backward((product_layer *)layer, n, (int)nn_shape_count(layer->in), layer->input,
                          layer->input_gradient);
}

static const nn_layer_type linear_type = {"fully connected", linear_forward, linear_backward,
                                          product_release, NULL};

nn_layer *nn_create_linear(nn_device *device, nn_shape in, int max_batch, int features, bool bias,
                           float gain, nn_random *random) {
  const nn_shape flat = {1, 1, (int)nn_shape_count(in)}, out = {1, 1, features};
  return product_create(&linear_type, device, flat, out, max_batch, flat.c, bias, gain, random);
}

/* ---- Convolution (cross-correlation, as everywhere in deep learning) ---- */

static bool convolution_forward(nn_layer *layer, int n, nn_mode mode) {
  product_layer *self = (product_layer *)layer;
  const nn_window *window = &self->window;
  (void)mode;
  self->window.n = n;
  return layer->device->ops->im2col(layer->device, window, layer->input, self->patches.data) &&
         product_forward(self, n * window->out_h * window->out_w,
                         window->size * window->size * window->c, self->patches.data);
}

/* The patches are still those of forward. The gradient with respect to them overwrites them, which
 * is why product_backward takes the gradient of the weights first. */
static bool convolution_backward(nn_layer *layer, int n) {
  product_layer *self = (product_layer *)layer;
  const nn_window *window = &self->window;
  const bool wanted = layer->input_gradient != NULL;
  return product_backward(self, n * window->out_h * window->out_w,
                          window->size * window->size * window->c, self->patches.data,
                          wanted ? self->patches.data : NULL) &&
         (!wanted || layer->device->ops->col2im(layer->device, window, self->patches.data,
                                                layer->input_gradient));
}

static const nn_layer_type convolution_type = {"convolution", convolution_forward,
                                               convolution_backward, product_release, NULL};

nn_layer *nn_create_convolution(nn_device *device, nn_shape in, int max_batch, int channels,
                                int kernel, int stride, int pad, bool bias, float gain,
                                nn_random *random) {
  const nn_shape out = {(in.h + 2 * pad - kernel) / stride + 1,
                        (in.w + 2 * pad - kernel) / stride + 1, channels};
  if (in.h + 2 * pad < kernel || in.w + 2 * pad < kernel) {
    nn_fail("a convolution by %d with border %d does not fit images of %d x %d", kernel, pad, in.h,
            in.w);
    return NULL;
  }
  const int inner = kernel * kernel * in.c;
  nn_layer *layer =
      product_create(&convolution_type, device, in, out, max_batch, inner, bias, gain, random);
  if (layer == NULL) return NULL;
  product_layer *self = (product_layer *)layer;
  self->window = (nn_window){.h = in.h,
                             .w = in.w,
                             .c = in.c,
                             .size = kernel,
                             .stride = stride,
                             .pad = pad,
                             .out_h = out.h,
                             .out_w = out.w};
  const size_t rows = (size_t)max_batch * (size_t)(out.h * out.w);
  if (nn_array_create(device, &self->patches, rows * (size_t)inner)) return layer;
  nn_destroy_layer(layer);
  return NULL;
}

bool nn_is_product(const nn_layer *layer) {
  return layer->type == &linear_type || layer->type == &convolution_type;
}
