/* Batch normalization: everything is done by cubn.
 *
 * After a convolution a channel's statistics go over all pixels of all images (spatial); after a
 * fully connected layer they go over the images only (per activation). In training the batch's
 * statistics are used, and averaged into the running ones; at test time the running ones are used,
 * so that the answer for an image does not depend on its neighbors. */
#include "nn/layer.h"

static const double EPSILON = 1e-5;
/* Weight of a batch in the running statistics. */
static const double FACTOR = 0.1;
/* result replaces what was there: 1 * result + 0 * prior */
static const float ONE = 1.0f, ZERO = 0.0f;

typedef struct batch_norm_layer {
  nn_layer base; /* parameters: scale, bias */
  cubnBatchNormMode_t mode;
  cubnTensorDescriptor_t tensor, channels;
  nn_array running_mean, running_var; /* for testing */
  nn_array saved_mean, saved_inv_std; /* from forward to backward */
} batch_norm_layer;

static void batch_norm_release(nn_layer *layer) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  cubnDestroyTensorDescriptor(self->tensor);
  cubnDestroyTensorDescriptor(self->channels);
  nn_array_destroy(&self->running_mean);
  nn_array_destroy(&self->running_var);
  nn_array_destroy(&self->saved_mean);
  nn_array_destroy(&self->saved_inv_std);
}

/* The last batch of an epoch may be smaller: the descriptor follows. */
static bool describe(batch_norm_layer *self, int n) {
  const nn_shape shape = self->base.in;
  return nn_check(cubnSetTensor4dDescriptor(self->tensor, CUBN_TENSOR_NHWC, CUBN_DATA_FLOAT, n,
                                            shape.c, shape.h, shape.w));
}

static bool batch_norm_forward(nn_layer *layer, int n, bool training) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  const float *scale = layer->parameters[0].value.data;
  const float *bias = layer->parameters[1].value.data;
  if (!describe(self, n)) return false;
  if (!training)
    return nn_check(cubnBatchNormalizationForwardInference(
        layer->device->handle, self->mode, &ONE, &ZERO, self->tensor, layer->input, self->tensor,
        layer->output.data, self->channels, scale, bias, self->running_mean.data,
        self->running_var.data, EPSILON));
  return nn_check(cubnBatchNormalizationForwardTraining(
      layer->device->handle, self->mode, &ONE, &ZERO, self->tensor, layer->input, self->tensor,
      layer->output.data, self->channels, scale, bias, FACTOR, self->running_mean.data,
      self->running_var.data, EPSILON, self->saved_mean.data, self->saved_inv_std.data));
}

static bool batch_norm_backward(nn_layer *layer, int n) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  /* cubn always writes dx. Where nobody wants it, it may replace dy. */
  float *dx = layer->input_gradient != NULL ? layer->input_gradient : layer->output_gradient.data;
  return describe(self, n) &&
         nn_check(cubnBatchNormalizationBackward(
             layer->device->handle, self->mode, &ONE, &ZERO, &ONE, &ZERO, self->tensor,
             layer->input, self->tensor, layer->output_gradient.data, self->tensor, dx,
             self->channels, layer->parameters[0].value.data, layer->parameters[0].gradient.data,
             layer->parameters[1].gradient.data, EPSILON, self->saved_mean.data,
             self->saved_inv_std.data));
}

static bool create_channels(batch_norm_layer *self) {
  nn_layer *layer = &self->base;
  const size_t channels = (size_t)layer->in.c;
  return nn_add_parameter(layer, channels) && nn_add_parameter(layer, channels) &&
         nn_array_set(&layer->parameters[0].value, 1.0f) &&
         nn_array_create(layer->device, &self->running_mean, channels) &&
         nn_array_create(layer->device, &self->running_var, channels) &&
         nn_array_set(&self->running_var, 1.0f) &&
         nn_array_create(layer->device, &self->saved_mean, channels) &&
         nn_array_create(layer->device, &self->saved_inv_std, channels);
}

nn_layer *nn_create_batch_norm(nn_device *device, nn_shape in, int max_batch) {
  static const nn_layer_type type = {"batch norm", batch_norm_forward, batch_norm_backward,
                                     batch_norm_release};
  batch_norm_layer *self = nn_create_layer(&type, sizeof *self, device, in, in, max_batch);
  if (self == NULL) return NULL;
  self->mode = in.h * in.w > 1 ? CUBN_BATCHNORM_SPATIAL : CUBN_BATCHNORM_PER_ACTIVATION;
  if (nn_check(cubnCreateTensorDescriptor(&self->tensor)) &&
      nn_check(cubnCreateTensorDescriptor(&self->channels)) && describe(self, max_batch) &&
      nn_check(cubnDeriveBNTensorDescriptor(self->channels, self->tensor, self->mode)) &&
      create_channels(self))
    return &self->base;
  nn_destroy_layer(&self->base);
  return NULL;
}
