/* The calls of cuDNN for a problem and a variant. */
#include "peers/peer_cudnn.h"

/* The operations of the variant's normalization call. */
static int ops_of(const cudnn_variant *variant) {
  const line_problem *problem = &variant->peer->bench->problem;
  return variant->is_apart ? CUDNN_OPS_BN : (int)line_ops(problem);
}

/* The activation descriptor, if that call takes one, else NULL. */
static void *activation_of(const cudnn_variant *variant) {
  return ops_of(variant) == CUDNN_OPS_BN ? NULL : variant->peer->activation;
}

/* The descriptor of z or dz, if that call has one, else NULL. */
static void *z_desc_of(const cudnn_variant *variant) {
  const bool adds = ops_of(variant) == CUDNN_OPS_BN_ADD_ACTIVATION;
  return adds ? variant->peer->tensors[LINE_Z] : NULL;
}

static int call_train(cudnn_variant *variant, void *y, void *running_mean, void *running_var,
                      void *saved_mean, void *saved_inv_std) {
  cudnn_peer *peer = variant->peer;
  const line_problem *problem = &peer->bench->problem;
  void **at = peer->pointers, *z_desc = z_desc_of(variant);
  const cudnn_scalar alpha = cudnn_make_scalar(problem, problem->alpha);
  const cudnn_scalar beta = cudnn_make_scalar(problem, 0);
  /* A backward problem that is not fused has no bias; its forward call accepts any array. */
  const void *bias = at[DATA_BIAS] ? at[DATA_BIAS] : at[DATA_SCALE];
  const int status = peer->api.train(
      peer->handle, variant->mode, ops_of(variant), &alpha, &beta, peer->tensors[LINE_X],
      at[DATA_X], z_desc, z_desc ? at[DATA_Z] : NULL, peer->tensors[LINE_OUTPUT], y, peer->params,
      at[DATA_SCALE], bias, problem->factor, running_mean, running_var, problem->epsilon,
      saved_mean, saved_inv_std, activation_of(variant), variant->workspace,
      variant->workspace_bytes, variant->reserve, variant->reserve_bytes);
  return status || !variant->is_apart ? status : cudnn_call_epilogue(peer, y);
}

static int call_backward(cudnn_variant *variant) {
  cudnn_peer *peer = variant->peer;
  const line_problem *problem = &peer->bench->problem;
  void **at = peer->pointers, *z_desc = z_desc_of(variant), *dy = at[DATA_DY];
  const bool is_fused = activation_of(variant) != NULL;
  const cudnn_scalar alpha = cudnn_make_scalar(problem, problem->alpha);
  const cudnn_scalar zero = cudnn_make_scalar(problem, 0);
  const cudnn_scalar param_alpha = cudnn_make_scalar(problem, problem->param_alpha);
  const int status = variant->is_apart ? cudnn_call_epilogue_backward(peer, &dy) : 0;
  if (status) return status;
  /* dp is in dz if the problem has one, and both have the layout of dy. */
  return peer->api.backward(
      peer->handle, variant->mode, ops_of(variant), &alpha, &zero, &param_alpha, &zero,
      peer->tensors[LINE_X], at[DATA_X], is_fused ? peer->tensors[LINE_OUTPUT] : NULL,
      is_fused ? peer->y : NULL, peer->tensors[LINE_DY], dy, z_desc, z_desc ? at[DATA_DZ] : NULL,
      peer->tensors[LINE_OUTPUT], at[DATA_OUTPUT], peer->params, at[DATA_SCALE],
      is_fused ? at[DATA_BIAS] : NULL, at[DATA_DSCALE], at[DATA_DBIAS], problem->epsilon,
      at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD], activation_of(variant), variant->workspace,
      variant->workspace_bytes, variant->reserve, variant->reserve_bytes);
}

static int call_infer(cudnn_variant *variant) {
  cudnn_peer *peer = variant->peer;
  const line_problem *problem = &peer->bench->problem;
  void **at = peer->pointers;
  const cudnn_scalar alpha = cudnn_make_scalar(problem, problem->alpha);
  const cudnn_scalar beta = cudnn_make_scalar(problem, 0);
  const int status =
      peer->api.infer(peer->handle, variant->mode, &alpha, &beta, peer->tensors[LINE_X], at[DATA_X],
                      peer->tensors[LINE_OUTPUT], at[DATA_OUTPUT], peer->params, at[DATA_SCALE],
                      at[DATA_BIAS], at[DATA_MEAN], at[DATA_VAR], problem->epsilon);
  return status || !variant->is_apart ? status : cudnn_call_epilogue(peer, at[DATA_OUTPUT]);
}

int cudnn_call(cudnn_variant *variant) {
  void **at = variant->peer->pointers;
  switch (variant->peer->bench->problem.pass) {
    case LINE_TRAIN:
      return call_train(variant, at[DATA_OUTPUT], at[DATA_RUNNING_MEAN], at[DATA_RUNNING_VAR],
                        at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD]);
    case LINE_INFER:
      return call_infer(variant);
    default:
      return call_backward(variant);
  }
}

int cudnn_call_forward(cudnn_variant *variant) {
  cudnn_peer *peer = variant->peer;
  return call_train(variant, peer->y ? peer->y : peer->pointers[DATA_OUTPUT], NULL, NULL, NULL,
                    NULL);
}

int cudnn_query_sizes(cudnn_variant *variant) {
  cudnn_peer *peer = variant->peer;
  void *x = peer->tensors[LINE_X], *output = peer->tensors[LINE_OUTPUT];
  void *z = z_desc_of(variant), *activation = activation_of(variant);
  const int pass = peer->bench->problem.pass, ops = ops_of(variant);
  if (pass == LINE_INFER) return 0;
  int status =
      peer->api.reserve(peer->handle, variant->mode, ops, activation, x, &variant->reserve_bytes);
  if (status) return status;
  status = peer->api.train_workspace(peer->handle, variant->mode, ops, x, z, output, peer->params,
                                     activation, &variant->workspace_bytes);
  if (status || pass == LINE_TRAIN) return status;
  size_t bytes = 0;
  status = peer->api.backward_workspace(peer->handle, variant->mode, ops, x, output,
                                        peer->tensors[LINE_DY], z, output, peer->params, activation,
                                        &bytes);
  if (bytes > variant->workspace_bytes) variant->workspace_bytes = bytes;
  return status;
}

/* cuDNN requires rank 4 or more: dimensions of 1 are appended, in the problem's layout. */
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
  for (int tensor = 0; tensor < LINE_TENSORS; ++tensor) {
    if (tensor == LINE_DY && problem->pass != LINE_BACKWARD) continue;
    if (tensor == LINE_Z && !problem->adds) continue;
    if (set_tensor(peer, tensor)) return "refused the sizes";
  }
  const int nan_propagation = problem->drops_nan ? 0 : 1;
  if (line_is_fused(problem) &&
      peer->api.set_activation(peer->activation, CUDNN_ACTIVATION_RELU, nan_propagation, 0))
    return "refused the activation";
  if (peer->api.derive_param(peer->params, peer->tensors[LINE_X],
                             per_activation ? CUDNN_PER_ACTIVATION : CUDNN_SPATIAL))
    return "refused the parameters";
  return NULL;
}
