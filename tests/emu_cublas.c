/* The four functions of cuBLAS that examples/nn calls, for programs on the emulated device.
 *
 * The product is computed by the host, straight from its definition: operands are fetched after the
 * stream's earlier work, and the result is stored before its later work. */
#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <stdlib.h>

struct cublasContext {
  cudaStream_t stream;
};

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle) {
  *handle = calloc(1, sizeof **handle);
  return *handle != NULL ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  free(handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

/* `count` floats of the device, in memory that the caller frees; NULL on failure. */
static float *fetch(cudaStream_t stream, const float *from, size_t count) {
  const size_t bytes = count * sizeof(float);
  float *host = malloc(bytes);
  if (host != NULL &&
      (cudaMemcpyAsync(host, from, bytes, cudaMemcpyDeviceToHost, stream) != cudaSuccess ||
       cudaStreamSynchronize(stream) != cudaSuccess)) {
    free(host);
    host = NULL;
  }
  return host;
}

static cublasStatus_t store(cudaStream_t stream, float *to, const float *host, size_t count) {
  if (cudaMemcpyAsync(to, host, count * sizeof(float), cudaMemcpyHostToDevice, stream) !=
          cudaSuccess ||
      cudaStreamSynchronize(stream) != cudaSuccess)
    return CUBLAS_STATUS_EXECUTION_FAILED;
  return CUBLAS_STATUS_SUCCESS;
}

/* c[m x n] = op(a) * op(b), stored by columns, which lie side by side without gaps. */
static void multiply(int transpose_a, int transpose_b, size_t m, size_t n, size_t k, const float *a,
                     const float *b, float *c) {
  for (size_t column = 0; column < n; ++column) {
    for (size_t row = 0; row < m; ++row) {
      float sum = 0.0f;
      for (size_t i = 0; i < k; ++i)
        sum += (transpose_a ? a[row * k + i] : a[i * m + row]) *
               (transpose_b ? b[i * n + column] : b[column * k + i]);
      c[column * m + row] = sum;
    }
  }
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transa,
                              cublasOperation_t transb, int m, int n, int k, const float *alpha,
                              const float *A, int lda, const float *B, int ldb, const float *beta,
                              float *C, int ldc) {
  const int transpose_a = transa != CUBLAS_OP_N, transpose_b = transb != CUBLAS_OP_N;
  if (m < 1 || n < 1 || k < 1 || *alpha != 1.0f || *beta != 0.0f || ldc != m ||
      lda != (transpose_a ? k : m) || ldb != (transpose_b ? n : k))
    return CUBLAS_STATUS_INVALID_VALUE;
  const size_t rows = (size_t)m, columns = (size_t)n, inner = (size_t)k;
  float *const a = fetch(handle->stream, A, rows * inner);
  float *const b = fetch(handle->stream, B, inner * columns);
  float *const c = malloc(rows * columns * sizeof(float));
  cublasStatus_t status = CUBLAS_STATUS_ALLOC_FAILED;
  if (a != NULL && b != NULL && c != NULL) {
    multiply(transpose_a, transpose_b, rows, columns, inner, a, b, c);
    status = store(handle->stream, C, c, rows * columns);
  }
  free(a);
  free(b);
  free(c);
  return status;
}
