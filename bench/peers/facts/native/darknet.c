/* darknet's layer batchnorm, for libraries/darknet.py. Its functions take structs by value, whose
 * layout only darknet.h knows. */
#include <string.h>

#include <darknet.h>

layer make_batchnorm_layer(int batch, int w, int h, int c);
void forward_batchnorm_layer(layer l, network net);

static size_t size_of(const int *dims) {
  return (size_t)dims[0] * dims[1] * dims[2] * dims[3] * sizeof(float);
}

/* dims: N, C, H, W. */
void facts_run(const int *dims, int training, const float *x, const float *scale, const float *bias,
               float *mean, float *var, float *y) {
  const size_t channels = dims[1] * sizeof(float);
  network net = {.train = training, .batch = dims[0]};
  layer l = make_batchnorm_layer(dims[0], dims[3], dims[2], dims[1]);
  /* As make_convolutional_layer does; make_batchnorm_layer leaves them out. */
  if (!l.x) l.x = calloc(1, size_of(dims) + 1);
  if (!l.x_norm) l.x_norm = calloc(1, size_of(dims) + 1);
  memcpy(l.scales, scale, channels);
  memcpy(l.biases, bias, channels);
  memcpy(l.rolling_mean, mean, channels);
  memcpy(l.rolling_variance, var, channels);
  net.input = calloc(1, size_of(dims) + 1);
  memcpy(net.input, x, size_of(dims));
  forward_batchnorm_layer(l, net);
  memcpy(y, l.output, size_of(dims));
  memcpy(mean, l.rolling_mean, channels);
  memcpy(var, l.rolling_variance, channels);
  free(net.input);
}
