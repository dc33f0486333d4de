/* Batch normalization: everything is done by cubn.
 *
 * After a convolution a channel's statistics go over all pixels of all images (spatial); after a
 * fully connected layer they go over the images only (per activation). In training the batch's
 * statistics are used, and averaged into the running ones; at test time the running ones are used,
 * so that the answer for an image does not depend on its neighbors.
 *
 * What often follows is fused with it: y = activation(batch norm(x) + z) is one call forward and
 * one backward, which read and write each tensor no more often than batch norm alone would. */
#include "nn/group.h"

static const double EPSILON = 1e-5;
/* Weight of a batch in the running statistics. */
static const double FACTOR = 0.1;

typedef struct batch_norm_layer {
  nn_layer base; /* parameters: scale, bias; statistics: running mean and variance; second: z */
  nn_activation activation;
  cubnBatchNormDescriptor_t descriptor; /* what is computed */
  cubnTensorDescriptor_t tensor, channels;
  /* From forward to backward: the statistics, and what the derivative of the activation needs. */
  nn_array saved_mean, saved_mean_low, saved_inv_std, reserve; /* low: in a group */
  bool skipped; /* folded into the layer before, or not wanted */
} batch_norm_layer;

static void batch_norm_release(nn_layer *layer) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  cubnDestroyBatchNormDescriptor(self->descriptor);
  cubnDestroyTensorDescriptor(self->tensor);
  cubnDestroyTensorDescriptor(self->channels);
  nn_array_destroy(&self->saved_mean);
  nn_array_destroy(&self->saved_mean_low);
  nn_array_destroy(&self->saved_inv_std);
  nn_array_destroy(&self->reserve);
}

/* The last batch of an epoch may be smaller: the descriptor follows. */
static bool describe(batch_norm_layer *self, int n) {
  const nn_shape shape = self->base.in;
  return nn_check(cubnSetTensor4dDescriptor(self->tensor, CUBN_TENSOR_NHWC, CUBN_DATA_FLOAT, n,
                                            shape.c, shape.h, shape.w));
}

/* The tensors that forward and backward share; what stays NULL does not take part. */
static cubnBatchNormTensors_t tensors_of(const batch_norm_layer *self) {
  const nn_layer *layer = &self->base;
  return (cubnBatchNormTensors_t){.x_desc = self->tensor,
                                  .y_desc = self->tensor,
                                  .z_desc = self->tensor,
                                  .dy_desc = self->tensor,
                                  .dx_desc = self->tensor,
                                  .dz_desc = self->tensor,
                                  .param_desc = self->channels,
                                  .x = layer->input,
                                  .scale = layer->parameters[0].value.data,
                                  .bias = layer->parameters[1].value.data};
}

static void take_saved(batch_norm_layer *self, cubnBatchNormTensors_t *tensors) {
  tensors->saved_mean = self->saved_mean.data;
  tensors->saved_mean_low = self->saved_mean_low.data;
  tensors->saved_inv_std = self->saved_inv_std.data;
  tensors->reserve = self->reserve.data;
  tensors->reserve_bytes = self->reserve.count * sizeof(float);
}

static bool set_statistics(batch_norm_layer *self, cubnBatchNormStatistics_t statistics) {
  return nn_check(
      cubnSetBatchNormAttribute(self->descriptor, CUBN_BATCHNORM_STATISTICS, statistics));
}

static bool normalize(batch_norm_layer *self, nn_mode mode) {
  nn_layer *layer = &self->base;
  cubnBatchNormTensors_t tensors = tensors_of(self);
  tensors.y = layer->output.data;
  tensors.z = layer->second != NULL ? layer->second->output.data : NULL;
  if (mode == NN_INFERENCE) {
    tensors.mean = layer->statistics[0].data;
    tensors.var = layer->statistics[1].data;
  } else {
    take_saved(self, &tensors);
  }
  if (mode == NN_TRAINING) {
    tensors.running_mean = layer->statistics[0].data;
    tensors.running_var = layer->statistics[1].data;
  }
  return set_statistics(self,
                        mode == NN_INFERENCE ? CUBN_STATISTICS_GIVEN : CUBN_STATISTICS_BATCH) &&
         nn_check(cubnBatchNormForward(layer->device->handle, self->descriptor, &tensors));
}

static bool differentiate(batch_norm_layer *self) {
  nn_layer *layer = &self->base;
  cubnBatchNormTensors_t tensors = tensors_of(self);
  take_saved(self, &tensors);
  tensors.dy = layer->output_gradient.data;
  tensors.dx = layer->input_gradient;
  tensors.dz = layer->second != NULL ? layer->second->output_gradient.data : NULL;
  tensors.dscale = layer->parameters[0].gradient.data;
  tensors.dbias = layer->parameters[1].gradient.data;
  return set_statistics(self, CUBN_STATISTICS_BATCH) &&
         nn_check(cubnBatchNormBackward(layer->device->handle, self->descriptor, &tensors));
}

/* Without batch norm: z and activation only. */
static bool pass_on(batch_norm_layer *self, size_t count) {
  nn_layer *layer = &self->base;
  const nn_operations *ops = layer->device->ops;
  float *y = layer->output.data;
  return ops->activate(layer->device, NN_IDENTITY, count, layer->input, y) &&
         (layer->second == NULL || ops->add(layer->device, count, layer->second->output.data, y)) &&
         ops->activate(layer->device, self->activation, count, y, y);
}

static bool pass_back(batch_norm_layer *self, size_t count) {
  nn_layer *layer = &self->base;
  const nn_operations *ops = layer->device->ops;
  const float *y = layer->output.data, *dy = layer->output_gradient.data;
  float *dx = layer->input_gradient;
  float *dz = layer->second != NULL ? layer->second->output_gradient.data : NULL;
  return (dx == NULL ||
          ops->activate_backward(layer->device, self->activation, count, y, dy, dx)) &&
         (dz == NULL || ops->activate_backward(layer->device, self->activation, count, y, dy, dz));
}

static bool batch_norm_forward(nn_layer *layer, int n, nn_mode mode) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  if (self->skipped) return pass_on(self, (size_t)n * nn_shape_count(layer->in));
  return describe(self, n) && normalize(self, mode);
}

static bool batch_norm_backward(nn_layer *layer, int n) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  if (self->skipped) return pass_back(self, (size_t)n * nn_shape_count(layer->in));
  return describe(self, n) && differentiate(self);
}

static const nn_layer_type batch_norm_type = {"batch norm", batch_norm_forward, batch_norm_backward,
                                              batch_norm_release, NULL};

/* ---- Creation ---- */

/* What the descriptor says beside the mode of statistics. */
static bool describe_fusion(batch_norm_layer *self, cubnBatchNormMode_t mode) {
  static const cubnActivationMode_t activations[] = {
      [NN_IDENTITY] = CUBN_ACTIVATION_IDENTITY,
      [NN_SIGMOID] = CUBN_ACTIVATION_SIGMOID,
      [NN_TANH] = CUBN_ACTIVATION_TANH,
      [NN_RELU] = CUBN_ACTIVATION_RELU,
  };
  const cubnBatchNormOps_t ops = self->base.second != NULL ? CUBN_BATCHNORM_OPS_BN_ADD_ACTIVATION
                                                           : CUBN_BATCHNORM_OPS_BN_ACTIVATION;
  cubnActivationDescriptor_t activation = NULL;
  const bool done =
      nn_check(cubnCreateActivationDescriptor(&activation)) &&
      nn_check(cubnSetActivationDescriptor(activation, activations[self->activation],
                                           CUBN_PROPAGATE_NAN, 0)) &&
      nn_check(cubnSetBatchNormActivation(self->descriptor, ops, activation)) &&
      nn_check(cubnSetBatchNormAttribute(self->descriptor, CUBN_BATCHNORM_MODE, mode)) &&
      nn_check(cubnSetBatchNormAttribute(self->descriptor, CUBN_BATCHNORM_EPSILON, EPSILON)) &&
      nn_check(cubnSetBatchNormAttribute(self->descriptor, CUBN_BATCHNORM_FACTOR, FACTOR));
  cubnDestroyActivationDescriptor(activation);
  return done;
}

static bool create_arrays(batch_norm_layer *self, size_t channels) {
  nn_layer *layer = &self->base;
  size_t reserve_bytes;
  return nn_check(cubnGetBatchNormReserveSize(self->descriptor, self->tensor, &reserve_bytes)) &&
         nn_array_create(layer->device, &self->reserve, (reserve_bytes + 3) / sizeof(float)) &&
         nn_add_parameter(layer, channels) && nn_add_parameter(layer, channels) &&
         nn_array_set(&layer->parameters[0].value, 1.0f) &&
         nn_add_statistic(layer, channels, 0.0f) && nn_add_statistic(layer, channels, 1.0f) &&
         nn_array_create(layer->device, &self->saved_mean, channels) &&
         nn_array_create(layer->device, &self->saved_inv_std, channels);
}

/* In a group with a communicator the statistics are those of all ranks. */
static bool join_group(batch_norm_layer *self, size_t channels) {
  nn_device *device = self->base.device;
  if (device->group == NULL || device->group->communicator == NULL) return true;
  return nn_array_create(device, &self->saved_mean_low, channels) &&
         nn_check(cubnSetBatchNormCommunicator(device->handle, self->descriptor,
                                               device->group->communicator, (int64_t)channels));
}

nn_layer *nn_create_batch_norm(nn_device *device, nn_shape in, int max_batch,
                               const nn_batch_norm *what) {
  batch_norm_layer *self =
      nn_create_layer(&batch_norm_type, sizeof *self, device, in, in, max_batch);
  if (self == NULL) return NULL;
  const bool spatial = in.h * in.w > 1 && !what->per_activation;
  const size_t channels = spatial ? (size_t)in.c : nn_shape_count(in);
  const cubnBatchNormMode_t mode = spatial ? CUBN_BATCHNORM_SPATIAL : CUBN_BATCHNORM_PER_ACTIVATION;
  self->base.second = what->z;
  self->activation = what->activation;
  if (nn_check(cubnCreateBatchNormDescriptor(&self->descriptor)) && describe_fusion(self, mode) &&
      nn_check(cubnCreateTensorDescriptor(&self->tensor)) &&
      nn_check(cubnCreateTensorDescriptor(&self->channels)) && describe(self, max_batch) &&
      nn_check(cubnDeriveBNTensorDescriptor(self->channels, self->tensor, mode)) &&
      create_arrays(self, channels) && join_group(self, channels))
    return &self->base;
  nn_destroy_layer(&self->base);
  return NULL;
}

/* ---- For inference and for those who look inside ---- */

bool nn_is_batch_norm(const nn_layer *layer) {
  return layer->type == &batch_norm_type && !((const batch_norm_layer *)layer)->skipped;
}

void nn_skip_batch_norm(nn_layer *layer) {
  ((batch_norm_layer *)layer)->skipped = true;
}

bool nn_fold_batch_norm(nn_layer *product, nn_layer *layer) {
  batch_norm_layer *self = (batch_norm_layer *)layer;
  cubnTensorDescriptor_t weights = NULL;
  const int dims[] = {product->out.c, (int)product->parameters[0].value.count / product->out.c};
  if (layer->parameters[0].value.count != (size_t)product->out.c)
    return nn_fail(
        "batch norm with statistics per activation cannot be folded into a "
        "convolution, which has one weight for all pixels");
  if (product->parameter_count < 2 && !nn_add_bias(product)) return false;
  float *w = product->parameters[0].value.data, *b = product->parameters[1].value.data;
  self->skipped =
      nn_check(cubnCreateTensorDescriptor(&weights)) &&
      nn_check(cubnSetTensorNdDescriptorEx(weights, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 2, dims)) &&
      nn_check(cubnFoldBatchNorm(layer->device->handle, weights, w, b,
                                 layer->parameters[0].value.data, layer->parameters[1].value.data,
                                 layer->statistics[0].data, layer->statistics[1].data, EPSILON,
                                 NULL, w, b));
  cubnDestroyTensorDescriptor(weights);
  return self->skipped;
}

bool nn_batch_statistics(const nn_layer *layer, float *mean, float *inv_std) {
  const batch_norm_layer *self = (const batch_norm_layer *)layer;
  return nn_array_download(&self->saved_mean, mean, self->saved_mean.count) &&
         nn_array_download(&self->saved_inv_std, inv_std, self->saved_inv_std.count);
}
