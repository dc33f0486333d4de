/* A program for cuDNN that trains and applies batch normalization in every way that the C functions
 * of cuDNN offer, and compares the results with the formulas. */
#include "dropin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mem.h"

static const problem problems[] = {
    {"nchw f32", CUDNN_DATA_FLOAT, CUDNN_BATCHNORM_SPATIAL, 4, {4, 3, 5, 4, 0}, {60, 20, 4, 1, 0}},
    {"nhwc f32",
     CUDNN_DATA_FLOAT,
     CUDNN_BATCHNORM_SPATIAL_PERSISTENT,
     4,
     {4, 8, 3, 2, 0},
     {48, 1, 16, 8, 0}},
    {"gaps f64",
     CUDNN_DATA_DOUBLE,
     CUDNN_BATCHNORM_SPATIAL,
     4,
     {3, 2, 4, 5, 0},
     {100, 50, 10, 2, 0}},
    {"ncdhw f32",
     CUDNN_DATA_FLOAT,
     CUDNN_BATCHNORM_SPATIAL,
     5,
     {2, 3, 2, 3, 4},
     {72, 24, 12, 4, 1}},
    {"per activation f32",
     CUDNN_DATA_FLOAT,
     CUDNN_BATCHNORM_PER_ACTIVATION,
     4,
     {9, 5, 2, 3, 0},
     {30, 6, 3, 1, 0}},
};

static void check_descriptors(const problem *p, cudnnTensorDescriptor_t desc) {
  cudnnDataType_t type;
  int rank = 0, dims[CUDNN_DIM_MAX], strides[CUDNN_DIM_MAX], d, n, c, h, w, ns, cs, hs, ws;
  check(cudnnGetTensorNdDescriptor(desc, CUDNN_DIM_MAX, &type, &rank, dims, strides) ==
            CUDNN_STATUS_SUCCESS,
        p->name, "get descriptor");
  check(rank == p->rank && type == p->type, p->name, "rank and type");
  for (d = 0; d < p->rank; ++d)
    check(dims[d] == p->dims[d] && strides[d] == p->strides[d], p->name, "dimension and stride");
  if (p->rank != 4) return;
  check(cudnnGetTensor4dDescriptor(desc, &type, &n, &c, &h, &w, &ns, &cs, &hs, &ws) ==
            CUDNN_STATUS_SUCCESS,
        p->name, "get 4d descriptor");
  check(n == dims[0] && c == dims[1] && h == dims[2] && w == dims[3] && ns == strides[0] &&
            cs == strides[1] && hs == strides[2] && ws == strides[3],
        p->name, "4d descriptor");
}

/* One part of the program after the other, each on fresh memory. */
static void run_problem(cudnnHandle_t handle, const problem *p) {
  session s;
  int part;
  for (part = 0; part < 7; ++part) {
    session_create(&s, handle, p);
    if (part == 0) check_descriptors(p, s.x_desc);
    if (part == 0) run_classic(&s);
    if (part == 1) run_ex(&s, CUDNN_BATCHNORM_OPS_BN);
    if (part == 2) run_ex(&s, CUDNN_BATCHNORM_OPS_BN_ACTIVATION);
    if (part == 3) run_ex(&s, CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION);
    if (part == 4) run_normalization(&s, CUDNN_NORM_OPS_NORM);
    if (part == 5) run_normalization(&s, CUDNN_NORM_OPS_NORM_ACTIVATION);
    if (part == 6) run_normalization(&s, CUDNN_NORM_OPS_NORM_ADD_ACTIVATION);
    session_destroy(&s);
  }
}

static void count_message(cudnnSeverity_t severity, void *user_data, const cudnnDebug_t *debug,
                          const char *message) {
  if (severity == CUDNN_SEV_ERROR && message && debug->cudnnStatus != CUDNN_STATUS_SUCCESS)
    ++*(int *)user_data;
}

/* Everything except computing. */
static void check_surroundings(cudnnHandle_t handle) {
  int messages = 0;
  unsigned mask = 0;
  void *user_data = NULL;
  cudnnCallback_t callback = NULL;
  int major = -1, minor = -1;
  check(cudnnGetVersion() / 10000 == CUDNN_MAJOR, "surroundings", "version");
  check(cudnnGetProperty(MAJOR_VERSION, &major) == CUDNN_STATUS_SUCCESS &&
            cudnnGetProperty(MINOR_VERSION, &minor) == CUDNN_STATUS_SUCCESS &&
            cudnnGetVersion() / 100 == (size_t)(major * 100 + minor),
        "surroundings", "parts of the version");
  check(strcmp(cudnnGetErrorString(CUDNN_STATUS_BAD_PARAM), "CUDNN_STATUS_BAD_PARAM") == 0,
        "surroundings", "name of a status");
  check(cudnnSetCallback(CUDNN_SEV_ERROR_EN, &messages, count_message) == CUDNN_STATUS_SUCCESS &&
            cudnnGetCallback(&mask, &user_data, &callback) == CUDNN_STATUS_SUCCESS,
        "surroundings", "callback");
  check(mask == CUDNN_SEV_ERROR_EN && user_data == &messages && callback == count_message,
        "surroundings", "callback as it was set");
  check(cudnnBatchNormalizationForwardInference(handle, CUDNN_BATCHNORM_SPATIAL, NULL, NULL, NULL,
                                                NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
                                                1e-5) == CUDNN_STATUS_BAD_PARAM,
        "surroundings", "BAD_PARAM");
#ifdef DROPIN_USES_CUBN
  check(messages == 1, "surroundings", "message of the failure");
#endif
  check(cudnnSetCallback(0, NULL, NULL) == CUDNN_STATUS_SUCCESS, "surroundings", "no callback");
}

int dropin_client(void) {
  cudnnHandle_t handle;
  cudaStream_t stream = (cudaStream_t)mem_create_stream(), got = NULL;
  const cudnnStatus_t created = cudnnCreate(&handle);
  check(created == CUDNN_STATUS_SUCCESS, "cudnnCreate", cudnnGetErrorString(created));
  if (created != CUDNN_STATUS_SUCCESS) return 1;
  check(cudnnSetStream(handle, stream) == CUDNN_STATUS_SUCCESS, "stream", "set");
  check(cudnnGetStream(handle, &got) == CUDNN_STATUS_SUCCESS && got == stream, "stream", "get");
  check_surroundings(handle);
  for (size_t i = 0; i < sizeof problems / sizeof *problems; ++i) run_problem(handle, &problems[i]);
  check(cudnnDestroy(handle) == CUDNN_STATUS_SUCCESS, "handle", "destroy");
  mem_destroy_stream(stream);
  printf("client: %d checks, %d failures, %d calls refused\n", dropin_checks, dropin_failures,
         dropin_refused);
  return dropin_failures != 0;
}
