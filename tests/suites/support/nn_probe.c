#include "suites/support/nn_probe.h"

#include <math.h>
#include <string.h>

#include "suites/support/suite.h"

enum { PROBES = 24 };
/* Step of the differences: a multiple of 1/64, so that x + h is exact. */
static const double STEP = 1.0 / 16;

float nn_probe_value(nn_random *random) {
  return (float)((int)nn_random_below(random, 129) - 64) / 64.0f;
}

bool nn_probe_open(nn_probe *p) {
  p->layer = NULL;
  p->x = p->dx = (nn_array){0};
  p->random.state = 7;
  const bool is_cpu = strcmp(suite_device(), "cpu") == 0;
  if (nn_operations_for(is_cpu ? CUBN_DEVICE_CPU : CUBN_DEVICE_CUDA) == NULL) {
    CU_PASS("the layers were built without a BLAS for this device");
    return false;
  }
  return SUITE_CHECK(nn_device_open(&p->device, suite_device()), "%s", nn_message());
}

void nn_probe_close(nn_probe *p) {
  nn_destroy_layer(p->layer);
  nn_array_destroy(&p->x);
  nn_array_destroy(&p->dx);
  nn_device_close(&p->device);
}

bool nn_probe_randomize(nn_probe *p, nn_array *array) {
  for (size_t i = 0; i < array->count; ++i) p->host[i] = nn_probe_value(&p->random);
  return nn_array_upload(array, p->host, array->count);
}

double nn_probe_loss(nn_probe *p) {
  float y[VALUES_MAX];
  double sum = 0;
  nn_layer *layer = p->layer;
  SUITE_CHECK(layer->type->forward(layer, BATCH, NN_TRAINING) &&
                  nn_array_download(&layer->output, y, layer->output.count),
              "%s: %s", layer->type->name, nn_message());
  for (size_t i = 0; i < layer->output.count; ++i) sum += (double)p->weights[i] * (double)y[i];
  return sum;
}

static double loss_at(nn_probe *p, nn_array *array, size_t i, double step) {
  const float kept = p->host[i];
  p->host[i] = (float)((double)kept + step);
  CU_ASSERT(nn_array_upload(array, p->host, array->count));
  p->host[i] = kept;
  return nn_probe_loss(p);
}

void nn_probe_compare(nn_probe *p, nn_array *array, const nn_array *gradient, double bound,
                      const char *what) {
  float got[VALUES_MAX];
  CU_ASSERT(nn_array_download(gradient, got, gradient->count));
  for (int k = 0; k < PROBES; ++k) {
    const size_t i = nn_random_below(&p->random, (uint32_t)array->count);
    const double near = loss_at(p, array, i, STEP) - loss_at(p, array, i, -STEP);
    const double far = loss_at(p, array, i, 2 * STEP) - loss_at(p, array, i, -2 * STEP);
    const double wanted = (8 * near - far) / (12 * STEP);
    SUITE_CHECK(fabs((double)got[i] - wanted) <= bound,
                "%s, gradient of %s at %zu: got %.9g, wanted %.9g within %g", p->layer->type->name,
                what, i, (double)got[i], wanted, bound);
  }
  CU_ASSERT(nn_array_upload(array, p->host, array->count));
}

void nn_probe_check(nn_probe *p, double bound, float away) {
  nn_layer *layer = p->layer;
  if (!SUITE_CHECK(layer != NULL, "%s", nn_message())) return;
  const size_t inputs = BATCH * nn_shape_count(layer->in);
  float x[VALUES_MAX];
  CU_ASSERT_FATAL(inputs <= VALUES_MAX && layer->output.count <= VALUES_MAX);
  CU_ASSERT_FATAL(nn_array_create(&p->device, &p->x, inputs) &&
                  nn_array_create(&p->device, &p->dx, inputs));
  for (size_t i = 0; i < inputs; ++i) {
    x[i] = nn_probe_value(&p->random);
    x[i] += x[i] < 0 ? -away : away;
  }
  CU_ASSERT(nn_array_upload(&p->x, x, inputs));
  layer->input = p->x.data;
  layer->input_gradient = p->dx.data;
  for (int j = 0; j < layer->parameter_count; ++j)
    CU_ASSERT(nn_probe_randomize(p, &layer->parameters[j].value));
  CU_ASSERT(nn_probe_randomize(p, &layer->output_gradient));
  for (size_t i = 0; i < layer->output.count; ++i) p->weights[i] = p->host[i];
  nn_probe_loss(p);
  SUITE_CHECK(layer->type->backward(layer, BATCH), "%s", nn_message());
  for (size_t i = 0; i < inputs; ++i) p->host[i] = x[i];
  nn_probe_compare(p, &p->x, &p->dx, bound, "the input");
  for (int j = 0; j < layer->parameter_count; ++j) {
    nn_parameter *parameter = &layer->parameters[j];
    CU_ASSERT(nn_array_download(&parameter->value, p->host, parameter->value.count));
    nn_probe_compare(p, &parameter->value, &parameter->gradient, bound, "a parameter");
  }
}
