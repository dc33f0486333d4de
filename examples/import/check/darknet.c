/* darknet itself writes a file of weights, and reads it; for real.py. Its functions take structs
 * whose layout only darknet.h knows. */
#include <string.h>

#include <darknet.h>

/* Values that tell layers, arrays and channels apart; the first variance of a layer is so small
 * that the place of epsilon matters. */
static void fill(float *to, int count, double least, double step) {
  for (int i = 0; i < count; i++) to[i] = (float)(least + step * (i % 17));
}

static int channels_of(layer l) {
  return l.type == CONVOLUTIONAL ? l.n : l.type == CONNECTED ? l.outputs : l.c;
}

static int normalizes(layer l) {
  return l.type == BATCHNORM || (l.batch_normalize && l.scales != NULL);
}

void check_save(char *cfg, char *weights) {
  network *net = load_network(cfg, NULL, 0);
  for (int i = 0; i < net->n; i++) {
    const layer l = net->layers[i];
    if (!normalizes(l)) continue;
    fill(l.biases, channels_of(l), 0.3 + i, -0.07);
    fill(l.scales, channels_of(l), 1.1 + 0.1 * i, 0.05);
    fill(l.rolling_mean, channels_of(l), -0.9 - i, 0.11);
    fill(l.rolling_variance, channels_of(l), 1e-11, 0.31 + 0.1 * i);
  }
  save_weights(net, weights);
  free_network(net);
}

network *check_load(char *cfg, char *weights) {
  return load_network(cfg, weights, 0);
}

/* The channels of layer i, 0 without batch norm, -1 behind the last layer. */
int check_channels(network *net, int i) {
  if (i >= net->n) return -1;
  return normalizes(net->layers[i]) ? channels_of(net->layers[i]) : 0;
}

void check_take(network *net, int i, float *scale, float *bias, float *mean, float *var) {
  const layer l = net->layers[i];
  const size_t bytes = channels_of(l) * sizeof(float);
  memcpy(scale, l.scales, bytes);
  memcpy(bias, l.biases, bytes);
  memcpy(mean, l.rolling_mean, bytes);
  memcpy(var, l.rolling_variance, bytes);
}
