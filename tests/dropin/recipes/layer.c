/* A layer of a network: a convolution by cuDNN, then batch normalization, forward and backward, on
 * one stream. As it is, cuDNN's functions are called for both, and a drop-in may take over the
 * second. With WITH_CUBN the program calls cubn for it, beside cuDNN: what stands under WITH_CUBN
 * is all that changes. */
#include <cuda_runtime_api.h>
#include <cudnn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef WITH_CUBN
#include <cubn.h>
#endif

enum { N = 4, C = 3, K = 2, H = 5, W = 4, X_COUNT = N * C * H * W, Y_COUNT = N * K * H * W };

#define CHECK(call)                                                    \
  do {                                                                 \
    const int status = (int)(call);                                    \
    if (status != 0) {                                                 \
      fprintf(stderr, "layer: status %d from %.40s\n", status, #call); \
      exit(1);                                                         \
    }                                                                  \
  } while (0)

static const float one = 1, zero = 0;
static const double epsilon = 1e-5;

/* Device memory with these values; NULL: with zeros. */
static float *upload(int count, const float *values) {
  float *memory;
  CHECK(cudaMalloc((void **)&memory, (size_t)count * sizeof *memory));
  CHECK(cudaMemset(memory, 0, (size_t)count * sizeof *memory));
  if (values)
    CHECK(cudaMemcpy(memory, values, (size_t)count * sizeof *memory, cudaMemcpyHostToDevice));
  return memory;
}

static void convolve(cudnnHandle_t cudnn, const float *x, float *y) {
  static const float weights[K * C] = {1, -2, 0.5f, 3, 1, -1};
  float *filter = upload(K * C, weights);
  cudnnTensorDescriptor_t x_desc, y_desc;
  cudnnFilterDescriptor_t filter_desc;
  cudnnConvolutionDescriptor_t convolution;
  CHECK(cudnnCreateTensorDescriptor(&x_desc));
  CHECK(cudnnCreateTensorDescriptor(&y_desc));
  CHECK(cudnnCreateFilterDescriptor(&filter_desc));
  CHECK(cudnnCreateConvolutionDescriptor(&convolution));
  CHECK(cudnnSetTensor4dDescriptor(x_desc, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, N, C, H, W));
  CHECK(cudnnSetTensor4dDescriptor(y_desc, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, N, K, H, W));
  CHECK(cudnnSetFilter4dDescriptor(filter_desc, CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW, K, C, 1, 1));
  CHECK(cudnnSetConvolution2dDescriptor(convolution, 0, 0, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                        CUDNN_DATA_FLOAT));
  CHECK(cudnnConvolutionForward(cudnn, &one, x_desc, x, filter_desc, filter, convolution,
                                CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, NULL, 0, &zero, y_desc,
                                y));
  CHECK(cudnnDestroyTensorDescriptor(x_desc));
  CHECK(cudnnDestroyTensorDescriptor(y_desc));
  CHECK(cudnnDestroyFilterDescriptor(filter_desc));
  CHECK(cudnnDestroyConvolutionDescriptor(convolution));
}

/* All arrays of the layer's batch normalization, on the device. */
typedef struct batch_norm {
  float *scale, *bias, *running_mean, *running_var, *saved_mean, *saved_inv_std, *dscale, *dbias;
} batch_norm;

#ifdef WITH_CUBN
/* The tensor of a descriptor of cuDNN's, for cubn. */
static cubnTensorDescriptor_t same_tensor(cudnnTensorDescriptor_t cudnn_desc) {
  cubnTensorDescriptor_t cubn_desc;
  cudnnDataType_t type;
  int rank, dims[CUDNN_DIM_MAX], strides[CUDNN_DIM_MAX];
  CHECK(cubnCreateTensorDescriptor(&cubn_desc));
  CHECK(cudnnGetTensorNdDescriptor(cudnn_desc, CUDNN_DIM_MAX, &type, &rank, dims, strides));
  CHECK(cubnSetTensorNdDescriptor(cubn_desc, (cubnDataType_t)type, rank, dims, strides));
  return cubn_desc;
}
#endif

static void normalize(cudnnHandle_t cudnn, cudaStream_t stream, const batch_norm *b, const float *x,
                      float *y, const float *dy, float *dx) {
  cudnnTensorDescriptor_t x_desc, param_desc;
  CHECK(cudnnCreateTensorDescriptor(&x_desc));
  CHECK(cudnnCreateTensorDescriptor(&param_desc));
  CHECK(cudnnSetTensor4dDescriptor(x_desc, CUDNN_TENSOR_NCHW, CUDNN_DATA_FLOAT, N, K, H, W));
  CHECK(cudnnDeriveBNTensorDescriptor(param_desc, x_desc, CUDNN_BATCHNORM_SPATIAL));
#ifdef WITH_CUBN
  cubnTensorDescriptor_t x_cubn = same_tensor(x_desc), param_cubn = same_tensor(param_desc);
  cubnHandle_t cubn; /* a program makes it once, and its descriptors, too */
  CHECK(cubnCreate(&cubn));
  CHECK(cubnSetStream(cubn, stream));
  CHECK(cubnBatchNormalizationForwardTraining(
      cubn, CUBN_BATCHNORM_SPATIAL, &one, &zero, x_cubn, x, x_cubn, y, param_cubn, b->scale,
      b->bias, 0.1, b->running_mean, b->running_var, epsilon, b->saved_mean, b->saved_inv_std));
  CHECK(cubnBatchNormalizationBackward(
      cubn, CUBN_BATCHNORM_SPATIAL, &one, &zero, &one, &zero, x_cubn, x, x_cubn, dy, x_cubn, dx,
      param_cubn, b->scale, b->dscale, b->dbias, epsilon, b->saved_mean, b->saved_inv_std));
  CHECK(cubnDestroyTensorDescriptor(x_cubn));
  CHECK(cubnDestroyTensorDescriptor(param_cubn));
  CHECK(cubnDestroy(cubn));
  (void)cudnn;
#else
  CHECK(cudnnBatchNormalizationForwardTraining(
      cudnn, CUDNN_BATCHNORM_SPATIAL, &one, &zero, x_desc, x, x_desc, y, param_desc, b->scale,
      b->bias, 0.1, b->running_mean, b->running_var, epsilon, b->saved_mean, b->saved_inv_std));
  CHECK(cudnnBatchNormalizationBackward(
      cudnn, CUDNN_BATCHNORM_SPATIAL, &one, &zero, &one, &zero, x_desc, x, x_desc, dy, x_desc, dx,
      param_desc, b->scale, b->dscale, b->dbias, epsilon, b->saved_mean, b->saved_inv_std));
  (void)stream;
#endif
  CHECK(cudnnDestroyTensorDescriptor(x_desc));
  CHECK(cudnnDestroyTensorDescriptor(param_desc));
}

/* In each channel y has the mean bias and the deviation scale, and the sum of dx is 0. */
static int is_right(const float *y, const float *dx, const float *scale, const float *bias) {
  for (int k = 0; k < K; ++k) {
    double sum = 0, squares = 0, gradient = 0, largest = 0;
    for (int n = 0; n < N; ++n)
      for (int i = 0; i < H * W; ++i) {
        const int at = (n * K + k) * H * W + i;
        sum += (double)y[at];
        squares += pow((double)(y[at] - bias[k]), 2);
        gradient += (double)dx[at];
        largest = fmax(largest, fabs((double)dx[at]));
      }
    const double m = N * H * W;
    if (!(fabs(sum / m - (double)bias[k]) < 1e-5)) return 0;
    if (!(fabs(sqrt(squares / m) - (double)scale[k]) < 1e-4)) return 0;
    if (!(fabs(gradient) < 1e-4 && largest > 1e-3)) return 0;
  }
  return 1;
}

int main(void) {
  static const float scale[K] = {1.5f, 0.5f}, bias[K] = {-1, 2}, ones[K] = {1, 1};
  static float x_values[X_COUNT], dy_values[Y_COUNT], y_values[Y_COUNT], dx_values[Y_COUNT];
  for (int i = 0; i < X_COUNT; ++i) x_values[i] = (float)(i * 37 % 101) / 50;
  for (int i = 0; i < Y_COUNT; ++i) dy_values[i] = (float)(i * 53 % 97) / 50 - 1;
  float *x = upload(X_COUNT, x_values), *between = upload(Y_COUNT, NULL);
  float *y = upload(Y_COUNT, NULL), *dy = upload(Y_COUNT, dy_values), *dx = upload(Y_COUNT, NULL);
  batch_norm b = {upload(K, scale), upload(K, bias), upload(K, NULL), upload(K, ones),
                  upload(K, NULL),  upload(K, NULL), upload(K, NULL), upload(K, NULL)};
  cudaStream_t stream;
  cudnnHandle_t cudnn;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudnnCreate(&cudnn));
  CHECK(cudnnSetStream(cudnn, stream));

  convolve(cudnn, x, between);
  normalize(cudnn, stream, &b, between, y, dy, dx);

  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaMemcpy(y_values, y, sizeof y_values, cudaMemcpyDeviceToHost));
  CHECK(cudaMemcpy(dx_values, dx, sizeof dx_values, cudaMemcpyDeviceToHost));
  CHECK(cudnnDestroy(cudnn));
  CHECK(cudaStreamDestroy(stream));
  const int right = is_right(y_values, dx_values, scale, bias);
  puts(right ? "layer: right" : "layer: wrong");
  return !right;
}
