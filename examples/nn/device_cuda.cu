// The operations on a GPU: cuBLAS for matrix products, one small kernel for each of the others.
//
// Everything is enqueued on one stream, where cubn works too, so that it needs no synchronization.
// The default stream cannot be recorded into a graph, so the handle gets a stream of its own.
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstdlib>

#include "kernels.cuh"

namespace {

struct State {
  cublasHandle_t blas;
  cudaStream_t stream;
};

State *state_of(nn_device *device) {
  return static_cast<State *>(device->state);
}

cudaGraphExec_t executable(nn_graph *graph) {
  return reinterpret_cast<cudaGraphExec_t>(graph);
}

bool check_cuda(cudaError_t error, const char *what) {
  return error == cudaSuccess || nn_fail("%s: %s", what, cudaGetErrorString(error));
}

bool check_blas(cublasStatus_t status, const char *what) {
  return status == CUBLAS_STATUS_SUCCESS ||
         nn_fail("%s: cuBLAS status %d", what, static_cast<int>(status));
}

// Launches a kernel over `count` elements; arguments are converted to the kernel's parameters.
template <class... Parameters, class... Arguments>
bool launch(nn_device *device, void (*kernel)(size_t, Parameters...), size_t count,
            Arguments... arguments) {
  constexpr size_t THREADS = 256, BLOCKS_MAX = 65536;
  if (count == 0) return true;
  const size_t blocks = (count + THREADS - 1) / THREADS;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks < BLOCKS_MAX ? blocks : BLOCKS_MAX));
  config.blockDim = dim3(THREADS);
  config.stream = state_of(device)->stream;
  return check_cuda(
      cudaLaunchKernelEx(&config, kernel, count, static_cast<Parameters>(arguments)...),
      "a kernel of the layers");
}

size_t product(int a, int b) {
  return static_cast<size_t>(a) * static_cast<size_t>(b);
}

// ---- The operations

void cuda_close(nn_device *device) {
  State *state = state_of(device);
  if (state->blas != nullptr) cublasDestroy(state->blas);
  if (state->stream != nullptr) {
    cubnSetStream(device->handle, nullptr);
    cudaStreamDestroy(state->stream);
  }
  std::free(state);
  device->state = nullptr;
}

bool cuda_open(nn_device *device) {
  int ordinal;
  if (!nn_check(cubnGetDevice(device->handle, nullptr, &ordinal))) return false;
  device->state = std::calloc(1, sizeof(State));
  if (device->state == nullptr) return nn_fail("no memory for the state of a device");
  State *state = state_of(device);
  if (check_cuda(cudaSetDevice(ordinal), "cudaSetDevice") &&
      check_cuda(cudaStreamCreateWithFlags(&state->stream, cudaStreamNonBlocking),
                 "cudaStreamCreateWithFlags") &&
      nn_check(cubnSetStream(device->handle, state->stream)) &&
      check_blas(cublasCreate(&state->blas), "cublasCreate") &&
      check_blas(cublasSetStream(state->blas, state->stream), "cublasSetStream"))
    return true;
  cuda_close(device);
  return false;
}

// cuBLAS stores matrices by columns, in which our c is c^T = op(b)^T * op(a)^T.
bool cuda_gemm(nn_device *device, bool transpose_a, bool transpose_b, int rows, int columns,
               int inner, const float *a, const float *b, float *c) {
  const float one = 1.0f, zero = 0.0f;
  return check_blas(
      cublasSgemm(state_of(device)->blas, transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N,
                  transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N, columns, rows, inner, &one, b,
                  transpose_b ? inner : columns, a, transpose_a ? rows : inner, &zero, c, columns),
      "cublasSgemm");
}

bool cuda_add_bias(nn_device *device, int rows, int columns, const float *bias, float *y) {
  return launch(device, nn::add_bias_kernel, product(rows, columns), columns, bias, y);
}

bool cuda_im2col(nn_device *device, const nn_window *w, const float *x, float *patches) {
  const size_t positions = product(w->n, w->out_h) * w->out_w;
  return launch(device, nn::im2col_kernel, positions * w->size * w->size * w->c, *w, x, patches);
}

bool cuda_col2im(nn_device *device, const nn_window *w, const float *patches, float *dx) {
  return launch(device, nn::col2im_kernel, product(w->n, w->h) * w->w * w->c, *w, patches, dx);
}

bool cuda_pool(nn_device *device, const nn_window *w, const float *x, float *y) {
  return launch(device, nn::pool_kernel, product(w->n, w->out_h) * w->out_w * w->c, *w,
                1.0f / static_cast<float>(w->size * w->size), x, y);
}

bool cuda_pool_backward(nn_device *device, const nn_window *w, const float *dy, float *dx) {
  return launch(device, nn::pool_backward_kernel, product(w->n, w->h) * w->w * w->c, *w,
                1.0f / static_cast<float>(w->size * w->size), dy, dx);
}

bool cuda_activate(nn_device *device, nn_activation kind, size_t count, const float *x, float *y) {
  return launch(device, nn::activate_kernel, count, kind, x, y);
}

bool cuda_activate_backward(nn_device *device, nn_activation kind, size_t count, const float *y,
                            const float *dy, float *dx) {
  return launch(device, nn::activate_backward_kernel, count, kind, y, dy, dx);
}

bool cuda_softmax_loss(nn_device *device, int rows, int classes, int images, const float *logits,
                       const int32_t *labels, float *losses, float *hits, float *dlogits) {
  return launch(device, nn::softmax_loss_kernel, product(rows, 1), classes, images, logits, labels,
                losses, hits, dlogits);
}

bool cuda_add(nn_device *device, size_t count, const float *x, float *sum) {
  return launch(device, nn::add_kernel, count, x, sum);
}

bool cuda_multiply_add(nn_device *device, size_t count, const float *factor, const float *shift,
                       const float *x, float *y) {
  return launch(device, nn::multiply_add_kernel, count, factor, shift, x, y);
}

bool cuda_sgd(nn_device *device, size_t count, float rate, float momentum, const float *gradient,
              float *velocity, float *value) {
  return launch(device, nn::sgd_kernel, count, rate, momentum, gradient, velocity, value);
}

// ---- Graphs

bool cuda_begin_graph(nn_device *device) {
  return check_cuda(
      cudaStreamBeginCapture(state_of(device)->stream, cudaStreamCaptureModeThreadLocal),
      "cudaStreamBeginCapture");
}

bool cuda_end_graph(nn_device *device, nn_graph **graph) {
  cudaGraph_t captured = nullptr;
  cudaGraphExec_t runnable = nullptr;
  *graph = nullptr;
  if (!check_cuda(cudaStreamEndCapture(state_of(device)->stream, &captured),
                  "cudaStreamEndCapture"))
    return false;
  const bool done =
      check_cuda(cudaGraphInstantiate(&runnable, captured, 0), "cudaGraphInstantiate");
  cudaGraphDestroy(captured);
  *graph = reinterpret_cast<nn_graph *>(runnable);
  return done;
}

bool cuda_replay_graph(nn_device *device, nn_graph *graph) {
  return check_cuda(cudaGraphLaunch(executable(graph), state_of(device)->stream),
                    "cudaGraphLaunch");
}

void cuda_free_graph(nn_graph *graph) {
  cudaGraphExecDestroy(executable(graph));
}

}  // namespace

// In the order of nn_operations.
const nn_operations nn_cuda_operations = {
    cuda_open,         cuda_close,        cuda_gemm,          cuda_add_bias, cuda_im2col,
    cuda_col2im,       cuda_pool,         cuda_pool_backward, cuda_activate, cuda_activate_backward,
    cuda_softmax_loss, cuda_add,          cuda_multiply_add,  cuda_sgd,      cuda_begin_graph,
    cuda_end_graph,    cuda_replay_graph, cuda_free_graph,
};
