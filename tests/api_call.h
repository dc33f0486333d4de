/* A valid call of each operation with all its arguments in a struct, so that a test can spoil one.
 */
#ifndef CUBN_TESTS_API_CALL_H
#define CUBN_TESTS_API_CALL_H

#include "expect_error.h"
#include "run_line.h"

/* All arguments of the operations; each uses its own. */
typedef struct api_arguments {
  cubnHandle_t handle;
  cubnBatchNormMode_t mode;
  void *alpha, *beta, *param_alpha, *param_beta;
  cubnTensorDescriptor_t x_desc, output_desc, dy_desc, param_desc;
  void *x, *output, *dy, *scale, *bias, *mean, *var, *running_mean, *running_var;
  void *saved_mean, *saved_inv_std, *dscale, *dbias;
  double factor, epsilon;
} api_arguments;

/* Passes as bits. */
enum {
  API_TRAIN = 1 << LINE_TRAIN,
  API_INFER = 1 << LINE_INFER,
  API_BACKWARD = 1 << LINE_BACKWARD,
  API_FORWARD = API_TRAIN | API_INFER,
  API_ALL = API_FORWARD | API_BACKWARD
};

const char *api_function(int pass);
cubnStatus_t api_call(int pass, const api_arguments *arguments);

/* Memory and arguments of a valid call, of f32 n2c3h4w5, on the suite's handle. */
typedef struct api_fixture {
  int pass;
  run_context run;
  data_set before, after;
  api_arguments valid;
  float one, zero;
} api_fixture;

bool api_open(api_fixture *fixture, int pass);
/* Checks that everything in memory is as it was, unless a call is said to have succeeded. */
void api_close(api_fixture *fixture, bool has_run);

/* Makes the call and expects this status and message. */
void api_refuse(const api_fixture *fixture, const api_arguments *spoiled, cubnStatus_t status,
                const char *argument, const char *value);

#endif /* CUBN_TESTS_API_CALL_H */
