/* The same call by the functions of another interface. */
#include "kit/run_call.h"

bool run_has_normalization(const line_problem *p) {
  line_problem plain = *p;
  if (p->pass != LINE_INFER) return !line_is_extended(p);
  plain.adds = false; /* in inference these functions add and activate */
  plain.activation = CUBN_ACTIVATION_IDENTITY;
  return !line_is_extended(&plain);
}

/* alpha and beta are doubles for double tensors, else floats. */
typedef union number {
  float single;
  double full;
} number;

static number make_number(const line_problem *p, double value) {
  number n;
  if (p->type == CUBN_DATA_DOUBLE)
    n.full = value;
  else
    n.single = (float)value;
  return n;
}

static cubnStatus_t forward(const run_context *r, cubnNormMode_t mode, cubnNormOps_t ops) {
  const line_problem *const p = &r->problem;
  void *const *const at = r->pointers;
  const number alpha = make_number(p, p->alpha), beta = make_number(p, p->beta);
  if (p->pass == LINE_INFER)
    return cubnNormalizationForwardInference(
        r->handle, mode, ops, CUBN_NORM_ALGO_STANDARD, &alpha, &beta, r->tensors[LINE_X],
        at[DATA_X], r->params, at[DATA_SCALE], at[DATA_BIAS], r->params, at[DATA_MEAN],
        at[DATA_VAR], r->tensors[LINE_Z], at[DATA_Z], r->activation, r->tensors[LINE_OUTPUT],
        at[DATA_OUTPUT], p->epsilon, 1);
  return cubnNormalizationForwardTraining(
      r->handle, mode, ops, CUBN_NORM_ALGO_PERSIST, &alpha, &beta, r->tensors[LINE_X], at[DATA_X],
      r->params, at[DATA_SCALE], at[DATA_BIAS], p->factor, r->params, at[DATA_RUNNING_MEAN],
      at[DATA_RUNNING_VAR], p->epsilon, at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD], r->activation,
      r->tensors[LINE_Z], at[DATA_Z], r->tensors[LINE_OUTPUT], at[DATA_OUTPUT], NULL, 0,
      at[DATA_RESERVE], r->reserve_bytes, 1);
}

static cubnStatus_t backward(const run_context *r, cubnNormMode_t mode, cubnNormOps_t ops) {
  const line_problem *const p = &r->problem;
  void *const *const at = r->pointers;
  const number alpha = make_number(p, p->alpha), beta = make_number(p, p->beta);
  const number param_alpha = make_number(p, p->param_alpha);
  const number param_beta = make_number(p, p->param_beta);
  return cubnNormalizationBackward(
      r->handle, mode, ops, CUBN_NORM_ALGO_STANDARD, &alpha, &beta, &param_alpha, &param_beta,
      r->tensors[LINE_X], at[DATA_X], NULL, NULL, r->tensors[LINE_DY], at[DATA_DY],
      r->tensors[LINE_Z], at[DATA_DZ], r->tensors[LINE_OUTPUT], at[DATA_OUTPUT], r->params,
      at[DATA_SCALE], at[DATA_BIAS], at[DATA_DSCALE], at[DATA_DBIAS], p->epsilon, r->params,
      at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD], r->activation, NULL, 0, at[DATA_RESERVE],
      r->reserve_bytes, 1);
}

cubnStatus_t run_normalization(const run_context *run) {
  const line_problem *const p = &run->problem;
  const cubnNormMode_t mode =
      p->mode == CUBN_BATCHNORM_PER_ACTIVATION ? CUBN_NORM_PER_ACTIVATION : CUBN_NORM_PER_CHANNEL;
  const cubnNormOps_t ops = (cubnNormOps_t)line_ops(p);
  return p->pass == LINE_BACKWARD ? backward(run, mode, ops) : forward(run, mode, ops);
}
