/* One training step with batch normalization: forward, backward, and inference afterwards; on the
 * GPU if there is one, else on the CPU. */
#include <cubn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 8, C = 2, H = 4, W = 4, COUNT = N * C * H * W };
enum { X, Y, DY, DX, SCALE, BIAS, MEAN, VAR, SAVED_MEAN, SAVED_INV_STD, DSCALE, DBIAS, ARRAYS };

static void check(cubnStatus_t status) {
  if (status == CUBN_STATUS_SUCCESS) return;
  char message[256];
  cubnGetLastErrorString(message, sizeof message);
  fprintf(stderr, "%s: %s\n", cubnGetErrorString(status), message);
  exit(1);
}

/* Prints mean, standard deviation and norm of an array in device memory. */
static void print(const char *name, cubnBuffer_t buffer) {
  float v[COUNT];
  size_t bytes;
  check(cubnGetBufferSize(buffer, &bytes));
  check(cubnDownloadBuffer(buffer, 0, v, bytes));
  const int count = (int)(bytes / sizeof *v);
  double mean = 0, var = 0, square = 0;
  for (int i = 0; i < count; ++i) mean += v[i] / (double)count;
  for (int i = 0; i < count; ++i) var += (v[i] - mean) * (v[i] - mean) / count;
  for (int i = 0; i < count; ++i) square += (double)v[i] * v[i];
  printf("%-12s mean %9.4f  std %7.4f  norm %8.4f\n", name, mean, sqrt(var), sqrt(square));
}

int main(void) {
  cubnHandle_t handle;
  cubnDeviceType_t device;
  check(cubnCreate(&handle));
  check(cubnGetDevice(handle, &device, NULL));
  printf("device: %s\n", device == CUBN_DEVICE_CUDA ? "GPU" : "CPU");

  cubnTensorDescriptor_t image, param;
  const cubnBatchNormMode_t mode = CUBN_BATCHNORM_SPATIAL;
  check(cubnCreateTensorDescriptor(&image));
  check(cubnCreateTensorDescriptor(&param));
  check(cubnSetTensor4dDescriptor(image, CUBN_TENSOR_NCHW, CUBN_DATA_FLOAT, N, C, H, W));
  check(cubnDeriveBNTensorDescriptor(param, image, mode));

  cubnBuffer_t b[ARRAYS];
  void *p[ARRAYS];
  for (int a = 0; a < ARRAYS; ++a) {
    const int count = a <= DX ? COUNT : C;
    float v[COUNT];
    for (int i = 0; i < count; ++i)
      v[i] = a == X ? 5 + 3 * sinf((float)(i * i)) : a == DY ? cosf((float)(i * i)) : 1;
    check(cubnCreateBuffer(handle, (size_t)count * sizeof *v, &b[a]));
    check(cubnUploadBuffer(b[a], 0, v, (size_t)count * sizeof *v));
    check(cubnGetBufferPointer(b[a], &p[a]));
  }

  const float one = 1, zero = 0;
  check(cubnBatchNormalizationForwardTraining(handle, mode, &one, &zero, image, p[X], image, p[Y],
                                              param, p[SCALE], p[BIAS], 0.1, p[MEAN], p[VAR], 1e-5,
                                              p[SAVED_MEAN], p[SAVED_INV_STD]));
  print("x", b[X]);
  print("y", b[Y]);
  check(cubnBatchNormalizationBackward(handle, mode, &one, &zero, &one, &zero, image, p[X], image,
                                       p[DY], image, p[DX], param, p[SCALE], p[DSCALE], p[DBIAS],
                                       1e-5, p[SAVED_MEAN], p[SAVED_INV_STD]));
  print("dx", b[DX]);
  print("dscale", b[DSCALE]);
  print("dbias", b[DBIAS]);
  check(cubnBatchNormalizationForwardInference(handle, mode, &one, &zero, image, p[X], image, p[Y],
                                               param, p[SCALE], p[BIAS], p[MEAN], p[VAR], 1e-5));
  print("y, inference", b[Y]);

  for (int a = 0; a < ARRAYS; ++a) check(cubnDestroyBuffer(b[a]));
  check(cubnDestroyTensorDescriptor(image));
  check(cubnDestroyTensorDescriptor(param));
  check(cubnDestroy(handle));
  return 0;
}
