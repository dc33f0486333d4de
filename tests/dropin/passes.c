/* Training, inference and backward by cuDNN's batch-norm functions. */
#include "dropin.h"
#include "mem.h"

static const double epsilon = 1e-3, factor = 0.25;

static void check_statistics(session *s) {
  param_check(s->p, &s->a, "running mean", s->running_mean, s->a.running_mean);
  param_check(s->p, &s->a, "running variance", s->running_var, s->a.running_var);
  param_check(s->p, &s->a, "saved mean", s->saved_mean, s->a.saved_mean);
  param_check(s->p, &s->a, "saved inv std", s->saved_inv_std, s->a.saved_inv_std);
}

static void check_gradients(session *s, const char *name) {
  tensor_check(s->p, &s->a, name, s->dx, s->a.dx);
  param_check(s->p, &s->a, "dscale", s->dscale, s->a.dscale);
  param_check(s->p, &s->a, "dbias", s->dbias, s->a.dbias);
}

/* The functions of the first version of cuDNN; a second backward call accumulates the gradients of
 * the parameters. */
void run_classic(session *s) {
  arrays *a = &s->a;
  const cudnnBatchNormMode_t mode = s->p->mode;
  const double eps = epsilon;
  int c;
  reference_train(a, factor, eps, 0);
  if (!succeeded(s, "training",
                 cudnnBatchNormalizationForwardTraining(
                     s->handle, mode, s->one, s->zero, s->x_desc, s->x, s->x_desc, s->y,
                     s->param_desc, s->scale, s->bias, factor, s->running_mean, s->running_var, eps,
                     s->saved_mean, s->saved_inv_std)))
    return;
  tensor_check(s->p, a, "y", s->y, a->y);
  check_statistics(s);
  for (int repeat = 0; repeat < 2; ++repeat) {
    succeeded(s, "backward",
              cudnnBatchNormalizationBackward(
                  s->handle, mode, s->one, s->zero, s->one, repeat ? s->one : s->zero, s->x_desc,
                  s->x, s->x_desc, s->dy, s->x_desc, s->dx, s->param_desc, s->scale, s->dscale,
                  s->dbias, eps, s->saved_mean, s->saved_inv_std));
    check_gradients(s, "dx");
    for (c = 0; c < a->channels; ++c) a->dscale[c] *= 2, a->dbias[c] *= 2;
  }
  reference_infer(a, eps);
  succeeded(
      s, "inference",
      cudnnBatchNormalizationForwardInference(
          s->handle, mode == CUDNN_BATCHNORM_SPATIAL_PERSISTENT ? CUDNN_BATCHNORM_SPATIAL : mode,
          s->one, s->zero, s->x_desc, s->x, s->x_desc, s->y, s->param_desc, s->scale, s->bias,
          s->running_mean, s->running_var, eps));
  tensor_check(s->p, a, "y of inference", s->y, a->y);
}

static int fused_by(int ops) {
  return (ops != CUDNN_BATCHNORM_OPS_BN ? IS_FUSED_RELU : 0) |
         (ops == CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION ? IS_FUSED_ADD : 0);
}

static cudnnActivationDescriptor_t create_relu(const session *s) {
  cudnnActivationDescriptor_t relu = NULL;
  cudnnActivationMode_t mode;
  cudnnNanPropagation_t nan;
  double coef = 1;
  succeeded(s, "create ReLU", cudnnCreateActivationDescriptor(&relu));
  succeeded(s, "set ReLU",
            cudnnSetActivationDescriptor(relu, CUDNN_ACTIVATION_RELU, CUDNN_PROPAGATE_NAN, 0));
  succeeded(s, "get ReLU", cudnnGetActivationDescriptor(relu, &mode, &nan, &coef));
  check(mode == CUDNN_ACTIVATION_RELU && nan == CUDNN_PROPAGATE_NAN && coef == 0, s->p->name,
        "ReLU");
  return relu;
}

static void allocate_spaces(session *s) {
  s->reserve = mem_create(s->reserve_bytes);
  s->workspace = mem_create(s->workspace_bytes);
}

/* Checks all results of a forward and a backward pass. */
static void check_all(session *s, int ops, int has_backward) {
  tensor_check(s->p, &s->a, "y", s->y, s->a.y);
  check_statistics(s);
  if (!has_backward) return;
  check_gradients(s, "dx");
  if (ops == CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION) tensor_check(s->p, &s->a, "dz", s->dz, s->a.dz);
}

static int query_ex(session *s, cudnnBatchNormOps_t ops, cudnnActivationDescriptor_t relu) {
  const cudnnTensorDescriptor_t z_desc =
      ops == CUDNN_BATCHNORM_OPS_BN_ADD_ACTIVATION ? s->x_desc : NULL;
  size_t backward = 0;
  if (!succeeded(s, "forward workspace",
                 cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(
                     s->handle, s->p->mode, ops, s->x_desc, z_desc, s->x_desc, s->param_desc, relu,
                     &s->workspace_bytes)) ||
      !succeeded(s, "backward workspace",
                 cudnnGetBatchNormalizationBackwardExWorkspaceSize(
                     s->handle, s->p->mode, ops, s->x_desc, s->x_desc, s->x_desc, z_desc, s->x_desc,
                     s->param_desc, relu, &backward)) ||
      !succeeded(s, "reserve space",
                 cudnnGetBatchNormalizationTrainingExReserveSpaceSize(
                     s->handle, s->p->mode, ops, relu, s->x_desc, &s->reserve_bytes)))
    return 0;
  if (backward > s->workspace_bytes) s->workspace_bytes = backward;
  return 1;
}

/* The calls that deep-learning frameworks make. */
void run_ex(session *s, cudnnBatchNormOps_t ops) {
  const problem *p = s->p;
  cudnnActivationDescriptor_t relu = create_relu(s);
  reference_train(&s->a, factor, epsilon, fused_by((int)ops));
  if (query_ex(s, ops, relu)) {
    allocate_spaces(s);
    const int is_done =
        succeeded(s, "training Ex",
                  cudnnBatchNormalizationForwardTrainingEx(
                      s->handle, p->mode, ops, s->one, s->zero, s->x_desc, s->x, s->x_desc, s->z,
                      s->x_desc, s->y, s->param_desc, s->scale, s->bias, factor, s->running_mean,
                      s->running_var, epsilon, s->saved_mean, s->saved_inv_std, relu, s->workspace,
                      s->workspace_bytes, s->reserve, s->reserve_bytes));
    const int has_backward =
        is_done &&
        succeeded(s, "backward Ex",
                  cudnnBatchNormalizationBackwardEx(
                      s->handle, p->mode, ops, s->one, s->zero, s->one, s->zero, s->x_desc, s->x,
                      s->x_desc, s->y, s->x_desc, s->dy, s->x_desc, s->dz, s->x_desc, s->dx,
                      s->param_desc, s->scale, s->bias, s->dscale, s->dbias, epsilon, s->saved_mean,
                      s->saved_inv_std, relu, s->workspace, s->workspace_bytes, s->reserve,
                      s->reserve_bytes));
    if (is_done) check_all(s, (int)ops, has_backward);
  }
  succeeded(s, "destroy ReLU", cudnnDestroyActivationDescriptor(relu));
}

static int query_norm(session *s, cudnnNormMode_t mode, cudnnNormOps_t ops,
                      cudnnActivationDescriptor_t relu) {
  const cudnnNormAlgo_t algo = CUDNN_NORM_ALGO_STANDARD;
  size_t backward = 0;
  if (!succeeded(s, "normalization workspace",
                 cudnnGetNormalizationForwardTrainingWorkspaceSize(
                     s->handle, mode, ops, algo, s->x_desc, s->x_desc, s->x_desc, s->param_desc,
                     relu, s->param_desc, &s->workspace_bytes, 1)) ||
      !succeeded(s, "normalization backward workspace",
                 cudnnGetNormalizationBackwardWorkspaceSize(
                     s->handle, mode, ops, algo, s->x_desc, s->x_desc, s->x_desc, s->x_desc,
                     s->x_desc, s->param_desc, relu, s->param_desc, &backward, 1)) ||
      !succeeded(s, "normalization reserve space",
                 cudnnGetNormalizationTrainingReserveSpaceSize(s->handle, mode, ops, algo, relu,
                                                               s->x_desc, &s->reserve_bytes, 1)))
    return 0;
  if (backward > s->workspace_bytes) s->workspace_bytes = backward;
  return 1;
}

static void train_norm(session *s, cudnnNormMode_t mode, cudnnNormOps_t ops,
                       cudnnActivationDescriptor_t relu) {
  const cudnnNormAlgo_t algo = CUDNN_NORM_ALGO_STANDARD;
  const int is_done =
      succeeded(s, "normalization",
                cudnnNormalizationForwardTraining(
                    s->handle, mode, ops, algo, s->one, s->zero, s->x_desc, s->x, s->param_desc,
                    s->scale, s->bias, factor, s->param_desc, s->running_mean, s->running_var,
                    epsilon, s->saved_mean, s->saved_inv_std, relu, s->x_desc, s->z, s->x_desc,
                    s->y, s->workspace, s->workspace_bytes, s->reserve, s->reserve_bytes, 1));
  const int has_backward =
      is_done &&
      succeeded(s, "normalization backward",
                cudnnNormalizationBackward(
                    s->handle, mode, ops, algo, s->one, s->zero, s->one, s->zero, s->x_desc, s->x,
                    s->x_desc, s->y, s->x_desc, s->dy, s->x_desc, s->dz, s->x_desc, s->dx,
                    s->param_desc, s->scale, s->bias, s->dscale, s->dbias, epsilon, s->param_desc,
                    s->saved_mean, s->saved_inv_std, relu, s->workspace, s->workspace_bytes,
                    s->reserve, s->reserve_bytes, 1));
  if (is_done) check_all(s, (int)ops, has_backward);
}

/* The same through the normalization functions, and inference. */
void run_normalization(session *s, cudnnNormOps_t ops) {
  const cudnnNormMode_t mode = s->p->mode == CUDNN_BATCHNORM_PER_ACTIVATION
                                   ? CUDNN_NORM_PER_ACTIVATION
                                   : CUDNN_NORM_PER_CHANNEL;
  cudnnActivationDescriptor_t relu = create_relu(s);
  reference_train(&s->a, factor, epsilon, fused_by((int)ops));
  if (query_norm(s, mode, ops, relu)) {
    allocate_spaces(s);
    train_norm(s, mode, ops, relu);
  }
  if (ops == CUDNN_NORM_OPS_NORM) {
    reference_infer(&s->a, epsilon);
    succeeded(s, "normalization inference",
              cudnnNormalizationForwardInference(
                  s->handle, mode, ops, CUDNN_NORM_ALGO_STANDARD, s->one, s->zero, s->x_desc, s->x,
                  s->param_desc, s->scale, s->bias, s->param_desc, s->running_mean, s->running_var,
                  NULL, NULL, NULL, s->x_desc, s->y, epsilon, 1));
    tensor_check(s->p, &s->a, "y of normalization inference", s->y, s->a.y);
  }
  succeeded(s, "destroy ReLU", cudnnDestroyActivationDescriptor(relu));
}
