#include "kit/run_call.h"

/* alpha and beta are doubles for double tensors, else floats. */
typedef union factor {
  float single;
  double full;
} factor;

typedef struct factors {
  factor alpha, beta, param_alpha, param_beta;
} factors;

static factor make_factor(const line_problem *problem, double value) {
  factor result;
  if (problem->type == CUBN_DATA_DOUBLE)
    result.full = value;
  else
    result.single = (float)value;
  return result;
}

static factors make_factors(const line_problem *p) {
  return (factors){make_factor(p, p->alpha), make_factor(p, p->beta),
                   make_factor(p, p->param_alpha), make_factor(p, p->param_beta)};
}

static cubnStatus_t call_plain(const run_context *run) {
  const line_problem *const p = &run->problem;
  void *const *const at = run->pointers;
  const factors f = make_factors(p);
  switch (p->pass) {
    case LINE_TRAIN:
      return cubnBatchNormalizationForwardTraining(
          run->handle, p->mode, &f.alpha, &f.beta, run->tensors[LINE_X], at[DATA_X],
          run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params, at[DATA_SCALE], at[DATA_BIAS],
          p->factor, at[DATA_RUNNING_MEAN], at[DATA_RUNNING_VAR], p->epsilon, at[DATA_SAVED_MEAN],
          at[DATA_SAVED_INV_STD]);
    case LINE_INFER:
      return cubnBatchNormalizationForwardInference(
          run->handle, p->mode, &f.alpha, &f.beta, run->tensors[LINE_X], at[DATA_X],
          run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params, at[DATA_SCALE], at[DATA_BIAS],
          at[DATA_MEAN], at[DATA_VAR], p->epsilon);
    default:
      return cubnBatchNormalizationBackward(
          run->handle, p->mode, &f.alpha, &f.beta, &f.param_alpha, &f.param_beta,
          run->tensors[LINE_X], at[DATA_X], run->tensors[LINE_DY], at[DATA_DY],
          run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params, at[DATA_SCALE], at[DATA_DSCALE],
          at[DATA_DBIAS], p->epsilon, at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD]);
  }
}

/* Training and backward. y is not given, because backward does not need it. */
static cubnStatus_t call_fused(const run_context *run) {
  const line_problem *const p = &run->problem;
  void *const *const at = run->pointers;
  const factors f = make_factors(p);
  if (p->pass == LINE_TRAIN)
    return cubnBatchNormalizationForwardTrainingEx(
        run->handle, p->mode, line_ops(p), &f.alpha, &f.beta, run->tensors[LINE_X], at[DATA_X],
        run->tensors[LINE_Z], at[DATA_Z], run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params,
        at[DATA_SCALE], at[DATA_BIAS], p->factor, at[DATA_RUNNING_MEAN], at[DATA_RUNNING_VAR],
        p->epsilon, at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD], run->activation, NULL, 0,
        at[DATA_RESERVE], run->reserve_bytes);
  return cubnBatchNormalizationBackwardEx(
      run->handle, p->mode, line_ops(p), &f.alpha, &f.beta, &f.param_alpha, &f.param_beta,
      run->tensors[LINE_X], at[DATA_X], NULL, NULL, run->tensors[LINE_DY], at[DATA_DY],
      run->tensors[LINE_Z], at[DATA_DZ], run->tensors[LINE_OUTPUT], at[DATA_OUTPUT], run->params,
      at[DATA_SCALE], at[DATA_BIAS], at[DATA_DSCALE], at[DATA_DBIAS], p->epsilon,
      at[DATA_SAVED_MEAN], at[DATA_SAVED_INV_STD], run->activation, NULL, 0, at[DATA_RESERVE],
      run->reserve_bytes);
}

cubnBatchNormTensors_t run_tensors(const run_context *run) {
  const line_problem *const p = &run->problem;
  void *const *const at = run->pointers;
  const bool backward = p->pass == LINE_BACKWARD, has_output = line_has_output(p);
  const bool has_z = !backward && p->adds && has_output, has_dz = line_has_dz(p);
  cubnBatchNormTensors_t t = {.x_desc = run->tensors[LINE_X],
                              .param_desc = run->params,
                              .z_desc = has_z ? run->tensors[LINE_Z] : NULL,
                              .dz_desc = has_dz ? run->tensors[LINE_Z] : NULL,
                              .x = at[DATA_X],
                              .scale = at[DATA_SCALE],
                              .bias = at[DATA_BIAS],
                              .z = has_z ? at[DATA_Z] : NULL,
                              .dz = has_dz ? at[DATA_DZ] : NULL,
                              .dscale = at[DATA_DSCALE],
                              .dbias = at[DATA_DBIAS],
                              .saved_mean = at[DATA_SAVED_MEAN],
                              .saved_inv_std = at[DATA_SAVED_INV_STD],
                              .saved_mean_low = at[DATA_SAVED_MEAN_LOW],
                              .saved_r = at[DATA_SAVED_R],
                              .saved_d = at[DATA_SAVED_D],
                              .mean = at[DATA_MEAN],
                              .mean_low = at[DATA_MEAN_LOW],
                              .running_mean = at[DATA_RUNNING_MEAN],
                              .running_var = at[DATA_RUNNING_VAR],
                              .previous_running_mean = at[DATA_PREVIOUS_MEAN],
                              .previous_running_var = at[DATA_PREVIOUS_VAR],
                              .factor = at[DATA_FACTOR],
                              .lengths = p->lengths_dim != 0 ? at[DATA_MASK] : NULL,
                              .reserve = at[DATA_RESERVE],
                              .reserve_bytes = run->reserve_bytes};
  if (line_has_padding(p) && p->lengths_dim == 0) {
    t.mask_desc = run->mask;
    t.mask = at[DATA_MASK];
  }
  if (p->given_inv_std)
    t.inv_std = at[DATA_VAR];
  else
    t.var = at[DATA_VAR];
  if (has_output && backward) {
    t.dx_desc = run->tensors[LINE_OUTPUT];
    t.dx = at[DATA_OUTPUT];
  } else if (has_output) {
    t.y_desc = run->tensors[LINE_OUTPUT];
    t.y = at[DATA_OUTPUT];
  }
  if (p->from_y) {
    t.y_desc = t.x_desc;
    t.y = at[DATA_X];
    t.x_desc = NULL;
    t.x = NULL;
  }
  if (backward) {
    t.dy_desc = run->tensors[LINE_DY];
    t.dy = at[DATA_DY];
  }
  return t;
}

cubnStatus_t run_extended(const run_context *run) {
  const cubnBatchNormTensors_t tensors = run_tensors(run);
  return run->problem.pass == LINE_BACKWARD
             ? cubnBatchNormBackward(run->handle, run->batch_norm, &tensors)
             : cubnBatchNormForward(run->handle, run->batch_norm, &tensors);
}

cubnStatus_t run_call(const run_context *run) {
  if (line_is_extended(&run->problem)) return run_extended(run);
  return line_is_fused(&run->problem) ? call_fused(run) : call_plain(run);
}
