// The four functions of cuBLAS that examples/nn calls, for programs on the emulated device. The
// product is a kernel, directly from its definition, so that graphs can capture it like that of
// cuBLAS.
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstdlib>

struct cublasContext {
  cudaStream_t stream;
};

namespace {

// c[m x n] = op(a) * op(b), stored by columns, which are adjacent without gaps.
__global__ void multiply(bool transpose_a, bool transpose_b, int m, int n, int k, const float *a,
                         const float *b, float *c) {
  const int threads = static_cast<int>(gridDim.x * blockDim.x);
  for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < m * n; i += threads) {
    const int row = i % m, column = i / m;
    float sum = 0.0f;
    for (int j = 0; j < k; ++j)
      sum += a[transpose_a ? row * k + j : j * m + row] *
             b[transpose_b ? j * n + column : column * k + j];
    c[i] = sum;
  }
}

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t *handle) {
  *handle = static_cast<cublasHandle_t>(std::calloc(1, sizeof **handle));
  return *handle != nullptr ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_ALLOC_FAILED;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  std::free(handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transa,
                              cublasOperation_t transb, int m, int n, int k, const float *alpha,
                              const float *A, int lda, const float *B, int ldb, const float *beta,
                              float *C, int ldc) {
  const bool transpose_a = transa != CUBLAS_OP_N, transpose_b = transb != CUBLAS_OP_N;
  if (m < 1 || n < 1 || k < 1 || *alpha != 1.0f || *beta != 0.0f || ldc != m ||
      lda != (transpose_a ? k : m) || ldb != (transpose_b ? n : k))
    return CUBLAS_STATUS_INVALID_VALUE;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>((m * n + 63) / 64));
  config.blockDim = dim3(64);
  config.stream = handle->stream;
  const cudaError_t error =
      cudaLaunchKernelEx(&config, multiply, transpose_a, transpose_b, m, n, k, A, B, C);
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
