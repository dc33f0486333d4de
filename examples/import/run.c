#include "import/run.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { X, Y, SCALE, BIAS, MEAN, VAR, ARRAYS };

void import_variance(const import_norm *norm, float *variance, double *epsilon) {
  const double given = norm->epsilon;
  *epsilon = norm->root == IMPORT_INSIDE ? given : 0;
  for (int64_t i = 0; i < norm->channels; i++) {
    const double var = norm->var[i];
    double root = sqrt(var + given);
    if (norm->root == IMPORT_OUTSIDE) root = sqrt(var) + given;
    if (norm->root == IMPORT_NO_ZERO && root == 0) root = 1e-4;
    variance[i] = norm->root == IMPORT_INSIDE ? norm->var[i] : (float)(root * root);
  }
}

float import_input(int64_t channel, int pixel) {
  return (float)(4 * sin(7.0 * (double)channel + pixel));
}

/* The input, and the layer's arrays, on the device. */
static bool upload(const import_norm *norm, float *x, float *variance, nn_array *arrays) {
  const size_t channels = (size_t)norm->channels;
  for (int64_t i = 0; i < norm->channels * IMPORT_PIXELS; i++)
    x[i] = import_input(i / IMPORT_PIXELS, (int)(i % IMPORT_PIXELS));
  return nn_array_upload(&arrays[X], x, channels * IMPORT_PIXELS) &&
         nn_array_upload(&arrays[SCALE], norm->scale, channels) &&
         nn_array_upload(&arrays[BIAS], norm->bias, channels) &&
         nn_array_upload(&arrays[MEAN], norm->mean, channels) &&
         nn_array_upload(&arrays[VAR], variance, channels);
}

static bool infer(nn_device *device, int channels, const nn_array *a, double epsilon) {
  const cubnBatchNormMode_t mode = CUBN_BATCHNORM_SPATIAL;
  const float one = 1, zero = 0;
  cubnTensorDescriptor_t image = NULL, param = NULL;
  const bool done = nn_check(cubnCreateTensorDescriptor(&image)) &&
                    nn_check(cubnCreateTensorDescriptor(&param)) &&
                    nn_check(cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, 1,
                                                       channels, IMPORT_SIDE, IMPORT_SIDE)) &&
                    nn_check(cubnDeriveBNTensorDescriptor(param, image, mode)) &&
                    nn_check(cubnBatchNormalizationForwardInference(
                        device->handle, mode, &one, &zero, image, a[X].data, image, a[Y].data,
                        param, a[SCALE].data, a[BIAS].data, a[MEAN].data, a[VAR].data, epsilon));
  cubnDestroyTensorDescriptor(image);
  cubnDestroyTensorDescriptor(param);
  return done;
}

bool import_normalize(nn_device *device, const import_norm *norm, float *y) {
  const size_t channels = (size_t)norm->channels;
  float *x = malloc(channels * IMPORT_PIXELS * sizeof *x);
  float *variance = malloc(channels * sizeof *variance);
  nn_array arrays[ARRAYS] = {{NULL, NULL, 0}};
  double epsilon = 0;
  bool done = (x != NULL && variance != NULL) || nn_fail("no memory for %zu channels", channels);
  for (int i = 0; done && i < ARRAYS; i++)
    done = nn_array_create(device, &arrays[i], i <= Y ? channels * IMPORT_PIXELS : channels);
  if (done) import_variance(norm, variance, &epsilon);
  done = done && upload(norm, x, variance, arrays) &&
         infer(device, (int)norm->channels, arrays, epsilon) &&
         nn_array_download(&arrays[Y], y, channels * IMPORT_PIXELS);
  for (int i = 0; i < ARRAYS; i++) nn_array_destroy(&arrays[i]);
  free(x);
  free(variance);
  return done;
}

/* ---- Output ---- */

static void print_norm(const import_norm *norm, const float *y) {
  double sum = 0;
  for (int64_t i = 0; i < norm->channels * IMPORT_PIXELS; i++) sum += (double)y[i];
  printf("%s: %" PRId64 " channels, root ", norm->name, norm->channels);
  if (norm->root == IMPORT_OUTSIDE)
    printf("sqrt(var) + %g", norm->epsilon);
  else
    printf("sqrt(var + %g)%s", norm->epsilon, norm->root == IMPORT_NO_ZERO ? ", if 0: 1e-4" : "");
  printf("; y begins %.6g %.6g %.6g, sum %.6g\n", (double)y[0], (double)y[1], (double)y[2], sum);
}

static void write_values(FILE *csv, int index, const import_norm *norm, const float *y) {
  for (int64_t i = 0; i < norm->channels * IMPORT_PIXELS; i++)
    fprintf(csv, "%d,%" PRId64 ",%d,%.9g\n", index, i / IMPORT_PIXELS, (int)(i % IMPORT_PIXELS),
            (double)y[i]);
}

static bool run_norm(nn_device *device, int index, const import_norm *norm, FILE *csv) {
  float *y = malloc((size_t)norm->channels * IMPORT_PIXELS * sizeof *y);
  bool done = y != NULL || nn_fail("%s: no memory for its output", norm->name);
  done = done && import_normalize(device, norm, y);
  if (done) print_norm(norm, y);
  if (done && csv != NULL) write_values(csv, index, norm, y);
  free(y);
  return done;
}

bool import_run(nn_device *device, const import_norms *norms, const char *path) {
  FILE *csv = path == NULL ? NULL : fopen(path, "w");
  if (path != NULL && csv == NULL) return nn_fail("%s: cannot write: %s", path, strerror(errno));
  if (csv != NULL) fprintf(csv, "layer,channel,pixel,y\n");
  printf("%d batch norm layers\n", norms->count);
  bool done = true;
  for (int i = 0; done && i < norms->count; i++) done = run_norm(device, i, &norms->list[i], csv);
  if (csv == NULL) return done;
  const bool failed = ferror(csv) != 0;
  return ((fclose(csv) == 0 && !failed) || nn_fail("%s: the values could not be written", path)) &&
         done;
}
