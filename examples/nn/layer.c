/* What all layers have in common; and the two without parameters, activation and pooling. */
#include "nn/layer.h"

#include <limits.h>
#include <stdlib.h>

void *nn_create_layer(const nn_layer_type *type, size_t bytes, nn_device *device, nn_shape in,
                      nn_shape out, int max_batch) {
  /* Rows of matrices are counted in int, as CBLAS and cuBLAS do. */
  if ((size_t)max_batch * (size_t)in.h * (size_t)in.w > INT_MAX) {
    nn_fail("batches of %d images of %d x %d are too large", max_batch, in.h, in.w);
    return NULL;
  }
  nn_layer *layer = calloc(1, bytes);
  if (layer == NULL) {
    nn_fail("no memory for a layer (%s)", type->name);
    return NULL;
  }
  layer->type = type;
  layer->device = device;
  layer->in = in;
  layer->out = out;
  const size_t count = (size_t)max_batch * nn_shape_count(out);
  if (nn_array_create(device, &layer->output, count) &&
      nn_array_create(device, &layer->output_gradient, count))
    return layer;
  nn_destroy_layer(layer);
  return NULL;
}

void nn_destroy_layer(nn_layer *layer) {
  if (layer == NULL) return;
  if (layer->type->release != NULL) layer->type->release(layer);
  for (int i = 0; i < layer->parameter_count; i++) {
    nn_array_destroy(&layer->parameters[i].value);
    nn_array_destroy(&layer->parameters[i].gradient);
    nn_array_destroy(&layer->parameters[i].velocity);
  }
  for (int i = 0; i < layer->statistic_count; i++) nn_array_destroy(&layer->statistics[i]);
  nn_array_destroy(&layer->summand);
  nn_array_destroy(&layer->output);
  nn_array_destroy(&layer->output_gradient);
  free(layer);
}

bool nn_add_parameter(nn_layer *layer, size_t count) {
  nn_parameter *parameter = &layer->parameters[layer->parameter_count++];
  return nn_array_create(layer->device, &parameter->value, count) &&
         nn_array_create(layer->device, &parameter->gradient, count) &&
         nn_array_create(layer->device, &parameter->velocity, count);
}

bool nn_add_statistic(nn_layer *layer, size_t count, float value) {
  nn_array *statistic = &layer->statistics[layer->statistic_count++];
  return nn_array_create(layer->device, statistic, count) && nn_array_set(statistic, value);
}

bool nn_draw_weights(nn_layer *layer, float limit, nn_random *random) {
  nn_array *weights = &layer->parameters[0].value;
  float *host = malloc(weights->count * sizeof(float) + 1);
  if (host == NULL) return nn_fail("no memory for %zu weights", weights->count);
  for (size_t i = 0; i < weights->count; i++) host[i] = nn_random_uniform(random, limit);
  const bool done = nn_array_upload(weights, host, weights->count);
  free(host);
  return done;
}

/* ---- Activation: y = f(x), element by element ---- */

typedef struct activation_layer {
  nn_layer base;
  nn_activation kind;
} activation_layer;

static bool activation_forward(nn_layer *layer, int n, nn_mode mode) {
  const activation_layer *self = (const activation_layer *)layer;
  (void)mode;
  return layer->device->ops->activate(layer->device, self->kind,
                                      (size_t)n * nn_shape_count(layer->out), layer->input,
                                      layer->output.data);
}

static bool activation_backward(nn_layer *layer, int n) {
  const activation_layer *self = (const activation_layer *)layer;
  if (layer->input_gradient == NULL) return true;
  return layer->device->ops->activate_backward(
      layer->device, self->kind, (size_t)n * nn_shape_count(layer->out), layer->output.data,
      layer->output_gradient.data, layer->input_gradient);
}

nn_layer *nn_create_activation(nn_device *device, nn_shape in, int max_batch, nn_activation kind) {
  static const nn_layer_type type = {"activation", activation_forward, activation_backward, NULL,
                                     NULL};
  activation_layer *self = nn_create_layer(&type, sizeof *self, device, in, in, max_batch);
  if (self == NULL) return NULL;
  self->kind = kind;
  return &self->base;
}

/* ---- Average pooling over squares that do not overlap; an incomplete square is left out ---- */

typedef struct pool_layer {
  nn_layer base;
  nn_window window;
} pool_layer;

static bool pool_forward(nn_layer *layer, int n, nn_mode mode) {
  pool_layer *self = (pool_layer *)layer;
  (void)mode;
  self->window.n = n;
  return layer->device->ops->pool(layer->device, &self->window, layer->input, layer->output.data);
}

static bool pool_backward(nn_layer *layer, int n) {
  pool_layer *self = (pool_layer *)layer;
  if (layer->input_gradient == NULL) return true;
  self->window.n = n;
  return layer->device->ops->pool_backward(layer->device, &self->window,
                                           layer->output_gradient.data, layer->input_gradient);
}

nn_layer *nn_create_pool(nn_device *device, nn_shape in, int max_batch, int size) {
  static const nn_layer_type type = {"pool", pool_forward, pool_backward, NULL, NULL};
  const nn_shape out = {in.h / size, in.w / size, in.c};
  if (out.h < 1 || out.w < 1) {
    nn_fail("pooling by %d needs images of %d x %d at least, got %d x %d", size, size, size, in.h,
            in.w);
    return NULL;
  }
  pool_layer *self = nn_create_layer(&type, sizeof *self, device, in, out, max_batch);
  if (self == NULL) return NULL;
  self->window = (nn_window){.h = in.h,
                             .w = in.w,
                             .c = in.c,
                             .size = size,
                             .stride = size,
                             .out_h = out.h,
                             .out_w = out.w};
  return &self->base;
}
