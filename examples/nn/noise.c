/* Layers that disturb training at random: dropout, and the noise of Santurkar et al.
 *
 * Both are y = factor * x + shift with one random pair per element. The numbers of a step follow
 * from seed and step alone, so that a training that is resumed draws what it would have drawn. They
 * are drawn on the host, before the step, and not inside a recorded graph. */
#include <stdlib.h>

#include "nn/layer.h"

/* Of the noise: greatest mean, greatest spread, and how far elements are from them. */
static const float NOISE_MEAN = 0.5f, NOISE_SPREAD = 1.25f, NOISE_RANGE = 0.1f;

typedef struct noise_layer {
  nn_layer base;
  uint64_t seed;
  float dropout; /* 0: noise */
  nn_array factor, shift;
  float *host; /* [2][output.count] */
} noise_layer;

static void noise_release(nn_layer *layer) {
  noise_layer *self = (noise_layer *)layer;
  nn_array_destroy(&self->factor);
  nn_array_destroy(&self->shift);
  free(self->host);
}

static void draw_dropout(noise_layer *self, size_t count, nn_random *random) {
  const float kept = 1.0f / (1.0f - self->dropout);
  for (size_t i = 0; i < count; i++)
    self->host[i] = nn_random_uniform(random, 0.5f) + 0.5f < self->dropout ? 0.0f : kept;
}

static void draw_noise(noise_layer *self, int n, nn_random *random) {
  const size_t features = nn_shape_count(self->base.in);
  float *factor = self->host, *shift = self->host + self->base.output.count;
  for (size_t j = 0; j < features; j++) {
    const float mean = nn_random_uniform(random, NOISE_MEAN);
    const float half = 0.5f * (NOISE_SPREAD - 1.0f);
    const float spread = 1.0f + half + nn_random_uniform(random, half);
    for (size_t i = j; i < (size_t)n * features; i += features) {
      shift[i] = mean + nn_random_uniform(random, NOISE_RANGE);
      factor[i] = spread + nn_random_uniform(random, NOISE_RANGE);
    }
  }
}

static bool noise_prepare(nn_layer *layer, int n, uint64_t step) {
  noise_layer *self = (noise_layer *)layer;
  const size_t count = (size_t)n * nn_shape_count(layer->in);
  nn_random seeds = {self->seed ^ (step << 20)};
  nn_random random = {nn_random_next(&seeds)};
  if (self->dropout > 0.0f) {
    draw_dropout(self, count, &random);
    return nn_array_upload(&self->factor, self->host, count);
  }
  draw_noise(self, n, &random);
  return nn_array_upload(&self->factor, self->host, count) &&
         nn_array_upload(&self->shift, self->host + layer->output.count, count);
}

static bool noise_forward(nn_layer *layer, int n, nn_mode mode) {
  const noise_layer *self = (const noise_layer *)layer;
  const nn_operations *ops = layer->device->ops;
  const size_t count = (size_t)n * nn_shape_count(layer->in);
  if (mode != NN_TRAINING)
    return ops->activate(layer->device, NN_IDENTITY, count, layer->input, layer->output.data);
  return ops->multiply_add(layer->device, count, self->factor.data,
                           self->dropout > 0.0f ? NULL : self->shift.data, layer->input,
                           layer->output.data);
}

static bool noise_backward(nn_layer *layer, int n) {
  const noise_layer *self = (const noise_layer *)layer;
  if (layer->input_gradient == NULL) return true;
  return layer->device->ops->multiply_add(layer->device, (size_t)n * nn_shape_count(layer->in),
                                          self->factor.data, NULL, layer->output_gradient.data,
                                          layer->input_gradient);
}

static nn_layer *create(const nn_layer_type *type, nn_device *device, nn_shape in, int max_batch,
                        float dropout, uint64_t seed) {
  noise_layer *self = nn_create_layer(type, sizeof *self, device, in, in, max_batch);
  if (self == NULL) return NULL;
  const size_t count = self->base.output.count;
  self->dropout = dropout;
  self->seed = seed;
  self->host = malloc(2 * count * sizeof *self->host);
  if ((self->host != NULL || nn_fail("no memory for %zu random numbers", count)) &&
      nn_array_create(device, &self->factor, count) && nn_array_create(device, &self->shift, count))
    return &self->base;
  nn_destroy_layer(&self->base);
  return NULL;
}

nn_layer *nn_create_dropout(nn_device *device, nn_shape in, int max_batch, float probability,
                            uint64_t seed) {
  static const nn_layer_type type = {"dropout", noise_forward, noise_backward, noise_release,
                                     noise_prepare};
  if (!(probability > 0.0f && probability < 1.0f)) {
    nn_fail("dropout: expected a probability above 0 and below 1, found %g", (double)probability);
    return NULL;
  }
  return create(&type, device, in, max_batch, probability, seed);
}

nn_layer *nn_create_noise(nn_device *device, nn_shape in, int max_batch, uint64_t seed) {
  static const nn_layer_type type = {"noise", noise_forward, noise_backward, noise_release,
                                     noise_prepare};
  return create(&type, device, in, max_batch, 0.0f, seed);
}
