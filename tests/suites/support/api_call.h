/* A valid call of each operation with all its arguments in a struct, so that a test can spoil
 * one. */
#ifndef CUBN_TESTS_API_CALL_H
#define CUBN_TESTS_API_CALL_H

#include "kit/run_line.h"
#include "suites/support/expect_error.h"

/* All arguments of the operations; each operation uses its own. */
typedef struct api_arguments {
  cubnHandle_t handle;
  cubnBatchNormMode_t mode;
  void *alpha, *beta, *param_alpha, *param_beta;
  cubnTensorDescriptor_t x_desc, output_desc, dy_desc, param_desc;
  void *x, *output, *dy, *scale, *bias, *mean, *var, *running_mean, *running_var;
  void *saved_mean, *saved_inv_std, *dscale, *dbias;
  double factor, epsilon;
  /* The Ex functions. */
  cubnBatchNormOps_t ops;
  cubnTensorDescriptor_t z_desc; /* or dz_desc */
  void *z;                       /* or dz */
  cubnActivationDescriptor_t activation;
  void *workspace, *reserve;
  size_t workspace_bytes, reserve_bytes;
} api_arguments;

/* The functions: LINE_TRAIN, LINE_INFER and LINE_BACKWARD, and the fused ones. */
enum { API_CALL_TRAIN_EX = LINE_BACKWARD + 1, API_CALL_BACKWARD_EX, API_CALLS };

/* Functions as bits. */
enum {
  API_TRAIN_EX = 1 << API_CALL_TRAIN_EX,
  API_BACKWARD_EX = 1 << API_CALL_BACKWARD_EX,
  API_EX = API_TRAIN_EX | API_BACKWARD_EX,
  API_TRAIN = 1 << LINE_TRAIN | API_TRAIN_EX,
  API_INFER = 1 << LINE_INFER,
  API_BACKWARD = 1 << LINE_BACKWARD | API_BACKWARD_EX,
  API_FORWARD = API_TRAIN | API_INFER,
  API_ALL = API_FORWARD | API_BACKWARD
};

const char *api_function(int call);
cubnStatus_t api_call(int call, const api_arguments *arguments);

/* Memory and arguments of a valid call of f32 n2c3h4w5 on the handle of the suite; the fused
 * functions add z and apply RELU. */
typedef struct api_fixture {
  int call;
  run_context run;
  data_set before, after;
  api_arguments valid;
  float one, zero;
} api_fixture;

bool api_open(api_fixture *fixture, int call);
/* Checks that all memory is unchanged, unless a call was expected to succeed. */
void api_close(api_fixture *fixture, bool has_run);

/* Makes the call and expects this status and message. */
void api_refuse(const api_fixture *fixture, const api_arguments *spoiled, cubnStatus_t status,
                const char *argument, const char *value);

#endif /* CUBN_TESTS_API_CALL_H */
