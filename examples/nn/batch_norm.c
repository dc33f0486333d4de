/* Batch normalization: everything is done by cubn.
 *
 * After a convolution a channel's statistics go over all pixels of all images (spatial); after a
 * fully connected layer they go over the images only (per activation). In training the batch's
 * statistics are used, and averaged into the running ones; at test time the running ones are used,
 * so that the answer for an image does not depend on its neighbors.
 *
 * What often follows belongs to the layer, y = activation(batch norm(x) + z): this is the place for
 * calls that do all of it in one pass over the data. */
#include <math.h>
#include <stdlib.h>

#include "nn/layer.h"

static const double EPSILON = 1e-5;
/* Weight of a batch in the running statistics. */
static const double FACTOR = 0.1;
/* result replaces what was there: 1 * result + 0 * prior */
static const float ONE = 1.0f, ZERO = 0.0f;

typedef struct batch_norm_layer {
  nn_layer base; /* parameters: scale, bias; statistics: running mean and variance; second: z */
  nn_activation activation;
  cubnBatchNormMode_t mode;
  cubnTensorDescriptor_t tensor, channels;
  nn_array saved_mean, saved_inv_std; /* from forward to backward */
  bool skipped;                       /* folded into the layer before, or not wanted */
} batch_norm_layer;

static void batch_norm_release(nn_layer *layer) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  cubnDestroyTensorDescriptor(self->tensor);
  cubnDestroyTensorDescriptor(self->channels);
  nn_array_destroy(&self->saved_mean);
  nn_array_destroy(&self->saved_inv_std);
}

/* The last batch of an epoch may be smaller: the descriptor follows. */
static bool describe(batch_norm_layer *self, int n) {
  const nn_shape shape = self->base.in;
  return nn_check(cubnSetTensor4dDescriptor(self->tensor, CUBN_TENSOR_NHWC, CUBN_DATA_FLOAT, n,
                                            shape.c, shape.h, shape.w));
}

static bool normalize(batch_norm_layer *self, nn_mode mode) {
  nn_layer *layer = &self->base;
  const float *scale = layer->parameters[0].value.data;
  const float *bias = layer->parameters[1].value.data;
  float *running_mean = layer->statistics[0].data, *running_var = layer->statistics[1].data;
  if (mode == NN_INFERENCE)
    return nn_check(cubnBatchNormalizationForwardInference(
        layer->device->handle, self->mode, &ONE, &ZERO, self->tensor, layer->input, self->tensor,
        layer->output.data, self->channels, scale, bias, running_mean, running_var, EPSILON));
  if (mode == NN_BATCH_STATISTICS) running_mean = running_var = NULL; /* stay as they are */
  return nn_check(cubnBatchNormalizationForwardTraining(
      layer->device->handle, self->mode, &ONE, &ZERO, self->tensor, layer->input, self->tensor,
      layer->output.data, self->channels, scale, bias, FACTOR, running_mean, running_var, EPSILON,
      self->saved_mean.data, self->saved_inv_std.data));
}

static bool batch_norm_forward(nn_layer *layer, int n, nn_mode mode) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  const nn_operations *ops = layer->device->ops;
  const size_t count = (size_t)n * nn_shape_count(layer->in);
  float *y = layer->output.data;
  return describe(self, n) &&
         (self->skipped ? ops->activate(layer->device, NN_IDENTITY, count, layer->input, y)
                        : normalize(self, mode)) &&
         (layer->second == NULL || ops->add(layer->device, count, layer->second->output.data, y)) &&
         (self->activation == NN_IDENTITY ||
          ops->activate(layer->device, self->activation, count, y, y));
}

static bool differentiate(batch_norm_layer *self, const float *dy, float *dx) {
  nn_layer *layer = &self->base;
  return nn_check(cubnBatchNormalizationBackward(
      layer->device->handle, self->mode, &ONE, &ZERO, &ONE, &ZERO, self->tensor, layer->input,
      self->tensor, dy, self->tensor, dx, self->channels, layer->parameters[0].value.data,
      layer->parameters[0].gradient.data, layer->parameters[1].gradient.data, EPSILON,
      self->saved_mean.data, self->saved_inv_std.data));
}

static bool batch_norm_backward(nn_layer *layer, int n) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  const nn_operations *ops = layer->device->ops;
  const size_t count = (size_t)n * nn_shape_count(layer->in);
  float *dy = layer->output_gradient.data;
  /* cubn always writes dx. Where nobody wants it, it may replace dy. */
  float *dx = layer->input_gradient != NULL ? layer->input_gradient : dy;
  return describe(self, n) &&
         (self->activation == NN_IDENTITY ||
          ops->activate_backward(layer->device, self->activation, count, layer->output.data, dy,
                                 dy)) &&
         (layer->second == NULL || ops->activate(layer->device, NN_IDENTITY, count, dy,
                                                 layer->second->output_gradient.data)) &&
         (self->skipped ? ops->activate(layer->device, NN_IDENTITY, count, dy, dx)
                        : differentiate(self, dy, dx));
}

static const nn_layer_type batch_norm_type = {"batch norm", batch_norm_forward, batch_norm_backward,
                                              batch_norm_release, NULL};

static bool create_channels(batch_norm_layer *self, size_t channels) {
  nn_layer *layer = &self->base;
  return nn_add_parameter(layer, channels) && nn_add_parameter(layer, channels) &&
         nn_array_set(&layer->parameters[0].value, 1.0f) &&
         nn_add_statistic(layer, channels, 0.0f) && nn_add_statistic(layer, channels, 1.0f) &&
         nn_array_create(layer->device, &self->saved_mean, channels) &&
         nn_array_create(layer->device, &self->saved_inv_std, channels);
}

nn_layer *nn_create_batch_norm(nn_device *device, nn_shape in, int max_batch,
                               const nn_batch_norm *what) {
  batch_norm_layer *self =
      nn_create_layer(&batch_norm_type, sizeof *self, device, in, in, max_batch);
  if (self == NULL) return NULL;
  const bool spatial = in.h * in.w > 1 && !what->per_activation;
  self->base.second = what->z;
  self->activation = what->activation;
  self->mode = spatial ? CUBN_BATCHNORM_SPATIAL : CUBN_BATCHNORM_PER_ACTIVATION;
  if (nn_check(cubnCreateTensorDescriptor(&self->tensor)) &&
      nn_check(cubnCreateTensorDescriptor(&self->channels)) && describe(self, max_batch) &&
      nn_check(cubnDeriveBNTensorDescriptor(self->channels, self->tensor, self->mode)) &&
      create_channels(self, spatial ? (size_t)in.c : nn_shape_count(in)))
    return &self->base;
  nn_destroy_layer(&self->base);
  return NULL;
}

bool nn_is_batch_norm(const nn_layer *layer) {
  return layer->type == &batch_norm_type && !((const batch_norm_layer *)layer)->skipped;
}

bool nn_batch_norm_factors(const nn_layer *layer, float *factor, float *shift) {
  const size_t channels = (size_t)layer->in.c;
  float *host = malloc(2 * channels * sizeof *host);
  if (host == NULL) return nn_fail("no memory for %zu channels", channels);
  float *mean = host, *var = host + channels;
  bool done = layer->parameters[0].value.count == channels ||
              nn_fail(
                  "batch norm with statistics per activation cannot be folded into a "
                  "convolution, which has one weight for all pixels");
  done = done && nn_array_download(&layer->parameters[0].value, factor, channels) &&
         nn_array_download(&layer->parameters[1].value, shift, channels) &&
         nn_array_download(&layer->statistics[0], mean, channels) &&
         nn_array_download(&layer->statistics[1], var, channels);
  for (size_t c = 0; done && c < channels; c++) {
    factor[c] = (float)((double)factor[c] / sqrt((double)var[c] + EPSILON));
    shift[c] -= factor[c] * mean[c];
  }
  free(host);
  return done;
}

void nn_skip_batch_norm(nn_layer *layer) {
  ((batch_norm_layer *)layer)->skipped = true;
}

bool nn_batch_statistics(const nn_layer *layer, float *mean, float *inv_std) {
  const batch_norm_layer *self = (const batch_norm_layer *)layer;
  return nn_array_download(&self->saved_mean, mean, self->saved_mean.count) &&
         nn_array_download(&self->saved_inv_std, inv_std, self->saved_inv_std.count);
}
