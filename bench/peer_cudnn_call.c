/* The calls of cuDNN for a problem, in terms of its variant. */
#include "peer_cudnn.h"

/* alpha or beta: a double for double tensors, else a float. */
typedef union scalar {
  float single;
  double wide;
} scalar;

static scalar make_scalar(const line_problem *problem, double value) {
  scalar result;
  if (problem->type == CUBN_DATA_DOUBLE)
    result.wide = value;
  else
    result.single = (float)value;
  return result;
}

static int call_train(cudnn_variant *variant, void *running_mean, void *running_var,
                      void *saved_mean, void *saved_inv_std) {
  cudnn_peer *peer = variant->peer;
  const line_problem *problem = &peer->bench->problem;
  void **at = peer->pointers;
  const scalar alpha = make_scalar(problem, problem->alpha), beta = make_scalar(problem, 0);
  /* A backward problem has no bias; its forward takes any. */
  const void *bias = at[DATA_BIAS] ? at[DATA_BIAS] : at[DATA_SCALE];
  return peer->api.train(
      peer->handle, variant->mode, CUDNN_OPS_BN, &alpha, &beta, peer->tensors[LINE_X], at[DATA_X],
      NULL, NULL, peer->tensors[LINE_OUTPUT], at[DATA_OUTPUT], peer->params, at[DATA_SCALE], bias,
      problem->factor, running_mean, running_var, problem->epsilon, saved_mean, saved_inv_std, NULL,
      variant->workspace, variant->workspace_bytes, variant->reserve, variant->reserve_bytes);
}

static int call_backward(cudnn_variant *variant) {
  cudnn_peer *peer = variant->peer;
  const line_problem *problem = &peer->bench->problem;
  void **at = peer->pointers;
  const scalar alpha = make_scalar(problem, problem->alpha), zero = make_scalar(problem, 0);
  const scalar param_alpha = make_scalar(problem, problem->param_alpha);
  return peer->api.backward(peer->handle, variant->mode, CUDNN_OPS_BN, &alpha, &zero, &param_alpha,
                            &zero, peer->tensors[LINE_X], at[DATA_X], NULL, NULL,
                            peer->tensors[LINE_DY], at[DATA_DY], NULL, NULL,
                            peer->tensors[LINE_OUTPUT], at[DATA_OUTPUT], peer->params,
                            at[DATA_SCALE], NULL, at[DATA_DSCALE], at[DATA_DBIAS], problem->epsilon,
                            at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD], NULL, variant->workspace,
                            variant->workspace_bytes, variant->reserve, variant->reserve_bytes);
}

static int call_infer(cudnn_variant *variant) {
  cudnn_peer *peer = variant->peer;
  const line_problem *problem = &peer->bench->problem;
  void **at = peer->pointers;
  const scalar alpha = make_scalar(problem, problem->alpha), beta = make_scalar(problem, 0);
  return peer->api.infer(peer->handle, variant->mode, &alpha, &beta, peer->tensors[LINE_X],
                         at[DATA_X], peer->tensors[LINE_OUTPUT], at[DATA_OUTPUT], peer->params,
                         at[DATA_SCALE], at[DATA_BIAS], at[DATA_MEAN], at[DATA_VAR],
                         problem->epsilon);
}

int cudnn_call(cudnn_variant *variant) {
  void **at = variant->peer->pointers;
  switch (variant->peer->bench->problem.pass) {
    case LINE_TRAIN:
      return call_train(variant, at[DATA_RUNNING_MEAN], at[DATA_RUNNING_VAR], at[DATA_SAVED_MEAN],
                        at[DATA_SAVED_INV_STD]);
    case LINE_INFER:
      return call_infer(variant);
    default:
      return call_backward(variant);
  }
}

int cudnn_call_forward(cudnn_variant *variant) {
  return call_train(variant, NULL, NULL, NULL, NULL);
}

int cudnn_query_sizes(cudnn_variant *variant) {
  cudnn_peer *peer = variant->peer;
  void *x = peer->tensors[LINE_X], *output = peer->tensors[LINE_OUTPUT];
  const int pass = peer->bench->problem.pass;
  if (pass == LINE_INFER) return 0;
  int status = peer->api.reserve(peer->handle, variant->mode, CUDNN_OPS_BN, NULL, x,
                                 &variant->reserve_bytes);
  if (status) return status;
  status = peer->api.train_workspace(peer->handle, variant->mode, CUDNN_OPS_BN, x, NULL, output,
                                     peer->params, NULL, &variant->workspace_bytes);
  if (status || pass == LINE_TRAIN) return status;
  size_t bytes = 0;
  status = peer->api.backward_workspace(peer->handle, variant->mode, CUDNN_OPS_BN, x, x,
                                        peer->tensors[LINE_DY], NULL, output, peer->params, NULL,
                                        &bytes);
  if (bytes > variant->workspace_bytes) variant->workspace_bytes = bytes;
  return status;
}

/* cuDNN wants rank 4 at least: further dimensions of 1 are appended, in the problem's layout. */
static int set_tensor(cudnn_peer *peer, int tensor) {
  const line_problem *problem = &peer->bench->problem;
  int dims[CUBN_DIM_MAX], strides[CUBN_DIM_MAX];
  const int rank = problem->rank < 4 ? 4 : problem->rank;
  for (int i = 0; i < rank; ++i) {
    const bool channels_last = problem->rank > 2 && problem->strides[tensor][1] == 1;
    const int64_t dim = i < problem->rank ? problem->dims[i] : 1;
    const int64_t stride =
        i < problem->rank ? problem->strides[tensor][i] : (channels_last ? problem->dims[1] : 1);
    if (dim > INT32_MAX || stride > INT32_MAX) return -1;
    dims[i] = (int)dim;
    strides[i] = (int)stride;
  }
  return peer->api.set_tensor(peer->tensors[tensor], (int)problem->type, rank, dims, strides);
}

const char *cudnn_describe(cudnn_peer *peer) {
  const line_problem *problem = &peer->bench->problem;
  const bool per_activation = problem->mode == CUBN_BATCHNORM_PER_ACTIVATION;
  const int tensors = problem->pass == LINE_BACKWARD ? LINE_TENSORS : LINE_DY;
  for (int tensor = 0; tensor < tensors; ++tensor)
    if (set_tensor(peer, tensor)) return "refused the sizes";
  if (peer->api.derive_param(peer->params, peer->tensors[LINE_X],
                             per_activation ? CUDNN_PER_ACTIVATION : CUDNN_SPATIAL))
    return "refused the parameters";
  return NULL;
}
