#include "suites/support/nn_reference.h"

#include <math.h>
#include <string.h>

static int inputs_of(int layer) {
  return layer == 0 ? PIXELS : WIDTH;
}

static int outputs_of(int layer) {
  return layer == DEPTH ? CLASSES : WIDTH;
}

static void normalize(nn_reference *r, int layer, int j) {
  double mean = 0, var = 0;
  for (int i = 0; i < BATCH; ++i) mean += r->in[layer + 1][i][j] / BATCH;
  for (int i = 0; i < BATCH; ++i) var += pow(r->in[layer + 1][i][j] - mean, 2) / BATCH;
  r->inv_std[layer][j] = 1 / sqrt(var + 1e-5);
  for (int i = 0; i < BATCH; ++i) {
    r->hat[layer][i][j] = (r->in[layer + 1][i][j] - mean) * r->inv_std[layer][j];
    r->in[layer + 1][i][j] = r->scale[layer][j] * r->hat[layer][i][j];
  }
}

double nn_reference_forward(nn_reference *r, const int32_t *labels) {
  double loss = 0;
  for (int layer = 0; layer <= DEPTH; ++layer) {
    for (int j = 0; j < outputs_of(layer); ++j) {
      for (int i = 0; i < BATCH; ++i) {
        double sum = 0;
        for (int k = 0; k < inputs_of(layer); ++k)
          sum += r->weights[layer][j * inputs_of(layer) + k] * r->in[layer][i][k];
        r->in[layer + 1][i][j] = sum;
      }
      if (layer < DEPTH && r->batch_norm) normalize(r, layer, j);
      for (int i = 0; i < BATCH; ++i) {
        double *y = &r->in[layer + 1][i][j];
        *y += r->bias[layer][j];
        if (layer < DEPTH) *y = 1 / (1 + exp(-*y));
      }
    }
  }
  for (int i = 0; i < BATCH; ++i) {
    double sum = 0;
    for (int j = 0; j < CLASSES; ++j) sum += exp(r->in[DEPTH + 1][i][j]);
    loss += (log(sum) - r->in[DEPTH + 1][i][labels[i]]) / BATCH;
    for (int j = 0; j < CLASSES; ++j)
      r->gradient[i][j] = (exp(r->in[DEPTH + 1][i][j]) / sum - (j == labels[i])) / BATCH;
  }
  return loss;
}

static void step_value(double gradient, double rate, double momentum, double *velocity,
                       double *value) {
  *velocity = momentum * *velocity + gradient;
  *value -= rate * *velocity;
}

/* Goes back through sigmoid and batch norm of unit j of a hidden layer; updates scale and bias. */
static void backward_unit(nn_reference *r, int layer, int j, double rate, double momentum) {
  double dbias = 0, dscale = 0;
  for (int i = 0; i < BATCH; ++i) {
    const double y = r->in[layer + 1][i][j];
    r->gradient[i][j] *= y * (1 - y);
    dbias += r->gradient[i][j];
    dscale += r->gradient[i][j] * r->hat[layer][i][j];
  }
  if (r->batch_norm) {
    for (int i = 0; i < BATCH; ++i)
      r->gradient[i][j] = r->scale[layer][j] * r->inv_std[layer][j] *
                          (r->gradient[i][j] - (dbias + r->hat[layer][i][j] * dscale) / BATCH);
    step_value(dscale, rate, momentum, &r->scale_velocity[layer][j], &r->scale[layer][j]);
  }
  step_value(dbias, rate, momentum, &r->bias_velocity[layer][j], &r->bias[layer][j]);
}

void nn_reference_backward(nn_reference *r, double rate, double momentum) {
  for (int layer = DEPTH; layer >= 0; --layer) {
    double below[BATCH][PIXELS] = {{0}};
    for (int j = 0; j < outputs_of(layer); ++j) {
      if (layer < DEPTH) backward_unit(r, layer, j, rate, momentum);
      double sum = 0;
      for (int i = 0; i < BATCH; ++i) sum += r->gradient[i][j];
      if (layer == DEPTH)
        step_value(sum, rate, momentum, &r->bias_velocity[layer][j], &r->bias[layer][j]);
      for (int k = 0; k < inputs_of(layer); ++k) {
        const int w = j * inputs_of(layer) + k;
        double dw = 0;
        for (int i = 0; i < BATCH; ++i) {
          dw += r->gradient[i][j] * r->in[layer][i][k];
          below[i][k] += r->gradient[i][j] * r->weights[layer][w];
        }
        step_value(dw, rate, momentum, &r->velocity[layer][w], &r->weights[layer][w]);
      }
    }
    memcpy(r->gradient, below, sizeof below);
  }
}
