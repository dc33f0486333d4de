/* The binary drop-in: what it passes on, that it decides alike for both calls of a pair, which
 * sizes it returns, and that it releases what it allocates. Runs with the stand-in for cuDNN, on
 * the emulator. */
#include <pthread.h>
#include <stdio.h>

#include "dropin.h"
#include "emu/control.h"
#include "mem.h"
#include "standin.h"

static const problem floats = {"floats", CUDNN_DATA_FLOAT, CUDNN_BATCHNORM_SPATIAL,
                               4,        {4, 3, 5, 4},     {60, 20, 4, 1}};
static const cudnnStatus_t passed_on = CUDNN_STATUS_LICENSE_ERROR;

static cudnnHandle_t create_handle(void) {
  cudnnHandle_t handle = NULL;
  check(cudnnCreate(&handle) == CUDNN_STATUS_SUCCESS, "handle", "create");
  return handle;
}

static cudnnStatus_t train(session *s, cudnnTensorDescriptor_t x_desc) {
  return cudnnBatchNormalizationForwardTraining(
      s->handle, s->p->mode, s->one, s->zero, x_desc, s->x, x_desc, s->y, s->param_desc, s->scale,
      s->bias, 0.25, s->running_mean, s->running_var, 1e-3, s->saved_mean, s->saved_inv_std);
}

static cudnnStatus_t train_ex(session *s, cudnnTensorDescriptor_t x_desc) {
  return cudnnBatchNormalizationForwardTrainingEx(
      s->handle, s->p->mode, CUDNN_BATCHNORM_OPS_BN, s->one, s->zero, x_desc, s->x, NULL, NULL,
      x_desc, s->y, s->param_desc, s->scale, s->bias, 0.25, s->running_mean, s->running_var, 1e-3,
      s->saved_mean, s->saved_inv_std, NULL, NULL, 0, NULL, 0);
}

static cudnnStatus_t backward(session *s, cudnnTensorDescriptor_t x_desc) {
  return cudnnBatchNormalizationBackward(
      s->handle, s->p->mode, s->one, s->zero, s->one, s->zero, x_desc, s->x, x_desc, s->dy, x_desc,
      s->dx, s->param_desc, s->scale, s->dscale, s->dbias, 1e-3, s->saved_mean, s->saved_inv_std);
}

static cudnnStatus_t backward_ex(session *s, cudnnTensorDescriptor_t x_desc) {
  return cudnnBatchNormalizationBackwardEx(
      s->handle, s->p->mode, CUDNN_BATCHNORM_OPS_BN, s->one, s->zero, s->one, s->zero, x_desc, s->x,
      NULL, NULL, x_desc, s->dy, NULL, NULL, x_desc, s->dx, s->param_desc, s->scale, NULL,
      s->dscale, s->dbias, 1e-3, s->saved_mean, s->saved_inv_std, NULL, NULL, 0, NULL, 0);
}

static cudnnStatus_t infer(session *s, cudnnTensorDescriptor_t x_desc) {
  return cudnnBatchNormalizationForwardInference(s->handle, s->p->mode, s->one, s->zero, x_desc,
                                                 s->x, x_desc, s->y, s->param_desc, s->scale,
                                                 s->bias, s->running_mean, s->running_var, 1e-3);
}

static size_t reserve_size(session *s, cudnnBatchNormOps_t ops, cudnnActivationDescriptor_t act,
                           cudnnTensorDescriptor_t x_desc) {
  size_t bytes = 0;
  check(cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
            s->handle, s->p->mode, ops, act, x_desc, &bytes) == CUDNN_STATUS_SUCCESS,
        "reserve space", "size");
  return bytes;
}

static void all_are(session *s, cudnnTensorDescriptor_t x_desc, cudnnStatus_t status,
                    const char *what) {
  check(train(s, x_desc) == status, what, "training");
  check(train_ex(s, x_desc) == status, what, "training Ex");
  check(backward(s, x_desc) == status, what, "backward");
  check(backward_ex(s, x_desc) == status, what, "backward Ex");
  check(infer(s, x_desc) == status, what, "inference");
}

/* Problems that cubn does not compute. */
static void test_int8(void) {
  session s;
  cudnnTensorDescriptor_t int8;
  session_create(&s, create_handle(), &floats);
  cudnnCreateTensorDescriptor(&int8);
  cudnnSetTensorNdDescriptor(int8, CUDNN_DATA_INT8, 4, floats.dims, floats.strides);
  all_are(&s, int8, passed_on, "int8");
  check(reserve_size(&s, CUDNN_BATCHNORM_OPS_BN, NULL, int8) == STANDIN_BYTES, "int8", "size");
  all_are(&s, s.x_desc, CUDNN_STATUS_SUCCESS, "float");
  size_t bytes = 0;
  check(cudnnGetNormalizationTrainingReserveSpaceSize(
            s.handle, CUDNN_NORM_PER_CHANNEL, CUDNN_NORM_OPS_NORM, CUDNN_NORM_ALGO_STANDARD, NULL,
            s.x_desc, &bytes, 2) == CUDNN_STATUS_SUCCESS &&
            bytes == STANDIN_BYTES,
        "groups", "size");
  check(cudnnNormalizationForwardInference(
            s.handle, CUDNN_NORM_PER_CHANNEL, CUDNN_NORM_OPS_NORM, CUDNN_NORM_ALGO_STANDARD, s.one,
            s.zero, s.x_desc, s.x, s.param_desc, s.scale, s.bias, s.param_desc, s.running_mean,
            s.running_var, NULL, NULL, NULL, s.x_desc, s.y, 1e-3, 2) == passed_on,
        "groups", "inference");
  cudnnDestroyTensorDescriptor(int8);
  cudnnDestroy(s.handle);
  session_destroy(&s);
}

/* A size is the larger of those of both libraries. */
static void test_sizes(void) {
  static const problem large = {"large", CUDNN_DATA_FLOAT, CUDNN_BATCHNORM_SPATIAL,
                                4,       {8, 8, 8, 8},     {512, 64, 8, 1}};
  session s;
  cudnnActivationDescriptor_t elu;
  session_create(&s, create_handle(), &large);
  cudnnCreateActivationDescriptor(&elu);
  cudnnSetActivationDescriptor(elu, CUDNN_ACTIVATION_ELU, CUDNN_PROPAGATE_NAN, 1);
  check(reserve_size(&s, CUDNN_BATCHNORM_OPS_BN, NULL, s.x_desc) == STANDIN_BYTES, "sizes",
        "cuDNN's is larger");
  check(reserve_size(&s, CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION, elu, s.x_desc) ==
            (size_t)s.a.count * sizeof(float),
        "sizes", "cubn's is larger");
  cudnnDestroyActivationDescriptor(elu);
  cudnnDestroy(s.handle);
  session_destroy(&s);
}

/* Each tensor has its own descriptor: x and dy are NCHW, y and dx NHWC. */
static void test_layouts(void) {
  static const problem nhwc = {"nhwc", CUDNN_DATA_FLOAT, CUDNN_BATCHNORM_SPATIAL,
                               4,      {4, 3, 5, 4},     {60, 1, 12, 3}};
  session s, other;
  session_create(&s, create_handle(), &floats);
  session_create(&other, NULL, &nhwc);
  reference_train(&s.a, 0.25, 1e-3, 0);
  check(cudnnBatchNormalizationForwardTraining(
            s.handle, floats.mode, s.one, s.zero, s.x_desc, s.x, other.x_desc, other.y,
            s.param_desc, s.scale, s.bias, 0.25, s.running_mean, s.running_var, 1e-3, s.saved_mean,
            s.saved_inv_std) == CUDNN_STATUS_SUCCESS,
        "layouts", "training");
  tensor_check(&nhwc, &other.a, "y", other.y, s.a.y);
  check(cudnnBatchNormalizationBackward(s.handle, floats.mode, s.one, s.zero, s.one, s.zero,
                                        s.x_desc, s.x, s.x_desc, s.dy, other.x_desc, other.dx,
                                        s.param_desc, s.scale, s.dscale, s.dbias, 1e-3,
                                        s.saved_mean, s.saved_inv_std) == CUDNN_STATUS_SUCCESS,
        "layouts", "backward");
  tensor_check(&nhwc, &other.a, "dx", other.dx, s.a.dx);
  cudnnDestroy(s.handle);
  session_destroy(&s);
  session_destroy(&other);
}

/* A device without kernels: the first call decides for all that follow with the handle. */
static void test_unusable_device(void) {
  session s;
  session_create(&s, create_handle(), &floats);
  emu_fail_next("cudaFuncGetAttributes", 1, cudaErrorNoKernelImageForDevice);
  check(reserve_size(&s, CUDNN_BATCHNORM_OPS_BN, NULL, s.x_desc) == STANDIN_BYTES, "device",
        "size");
  all_are(&s, s.x_desc, passed_on, "unusable device");
  cudnnDestroy(s.handle);
  s.handle = create_handle();
  all_are(&s, s.x_desc, CUDNN_STATUS_SUCCESS, "usable device");
  cudnnDestroy(s.handle);
  session_destroy(&s);
}

/* One handle on several streams, one after the other. */
static void test_streams(void) {
  session s;
  void *streams[2] = {mem_create_stream(), mem_create_stream()};
  session_create(&s, create_handle(), &floats);
  const unsigned long long before = emu_api_calls("cudaMemsetAsync");
  for (int i = 0; i < 4; ++i) {
    check(cudnnSetStream(s.handle, (cudaStream_t)streams[i % 2]) == CUDNN_STATUS_SUCCESS, "stream",
          "set");
    check(train(&s, s.x_desc) == CUDNN_STATUS_SUCCESS, "stream", "training");
  }
  /* A workspace is cleared once per stream: for the default one at creation, and for these two. */
  check(emu_api_calls("cudaMemsetAsync") - before == 3, "stream", "not one workspace per stream");
  reference_train(&s.a, 0.25, 1e-3, 0);
  tensor_check(&floats, &s.a, "y on streams", s.y, s.a.y);
  cudnnDestroy(s.handle);
  session_destroy(&s);
  mem_destroy_stream(streams[0]);
  mem_destroy_stream(streams[1]);
}

/* The first call of a handle while its stream is captured. */
static void test_capture(void) {
  session s;
  cudaStream_t stream = (cudaStream_t)mem_create_stream();
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  session_create(&s, create_handle(), &floats);
  cudnnSetStream(s.handle, stream);
  int is_right = cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess;
  check(train(&s, s.x_desc) == CUDNN_STATUS_SUCCESS, "capture", "training");
  is_right = is_right && cudaStreamEndCapture(stream, &graph) == cudaSuccess &&
             cudaGraphInstantiate(&executable, graph, 0) == cudaSuccess &&
             cudaGraphLaunch(executable, stream) == cudaSuccess &&
             cudaStreamSynchronize(stream) == cudaSuccess &&
             cudaGraphExecDestroy(executable) == cudaSuccess &&
             cudaGraphDestroy(graph) == cudaSuccess;
  check(is_right, "capture", "graph");
  reference_train(&s.a, 0.25, 1e-3, 0);
  tensor_check(&floats, &s.a, "y of a graph", s.y, s.a.y);
  cudnnDestroy(s.handle);
  session_destroy(&s);
  mem_destroy_stream(stream);
}

enum { THREADS = 4 };

/* Handles come and go in all threads, which only compute: the counters of the program are not for
 * threads. */
static void *use_handles(void *data) {
  session *s = data;
  for (int i = 0; i < 3; ++i) {
    if (cudnnCreate(&s->handle) != CUDNN_STATUS_SUCCESS) return s;
    if (infer(s, s->x_desc) != CUDNN_STATUS_SUCCESS) return s;
    if (cudnnDestroy(s->handle) != CUDNN_STATUS_SUCCESS) return s;
  }
  return NULL;
}

static void test_threads(void) {
  session sessions[THREADS];
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; ++i) session_create(&sessions[i], NULL, &floats);
  for (int i = 0; i < THREADS; ++i)
    if (pthread_create(&threads[i], NULL, use_handles, &sessions[i]) != 0) abort();
  for (int i = 0; i < THREADS; ++i) {
    void *failed;
    pthread_join(threads[i], &failed);
    check(failed == NULL, "threads", "a call failed");
    reference_infer(&sessions[i].a, 1e-3);
    tensor_check(&floats, &sessions[i].a, "y of a thread", sessions[i].y, sessions[i].a.y);
    session_destroy(&sessions[i]);
  }
}

int main(void) {
  const unsigned long long before = emu_live_bytes();
  test_int8();
  test_sizes();
  test_layouts();
  test_unusable_device();
  test_streams();
  test_capture();
  test_threads();
  check(emu_live_bytes() == before, "memory", "not given back");
  printf("passing: %d checks, %d failures\n", dropin_checks, dropin_failures);
  return dropin_failures != 0;
}
