/* What folding into the layer behind adds up, for the backends: see cubnFoldBatchNormBehind. */
#ifndef CUBN_CORE_FOLD_TASK_H
#define CUBN_CORE_FOLD_TASK_H

#include "core/backend.h"
#include "core/statistics.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The channels of `problem` are the layer's outputs, its samples their weights, at the offsets of
 * CUBN_ARRAY_X. A sample's offset in CUBN_ARRAY_OUTPUT is its input channel within the group. */
struct cubn_fold_task {
  cubn_problem problem;
  cubnDataType_t folded_type; /* of folded_bias; weights and layer_bias have the problem's */
  int64_t inputs;             /* input channels of a group */
  int64_t groups;
  double epsilon;
  const void *weights, *layer_bias;      /* layer_bias: NULL: 0 */
  const void *scale, *bias, *mean, *var; /* per input channel of all groups */
  void *folded_bias;                     /* per output */
  void *padding;                         /* per input channel of all groups, or NULL */
};

/* Batch normalization of an input channel: factor * x + addend. As in inference the factor is 0
 * where there is nothing to divide by. */
typedef struct cubn_fold_affine {
  double factor, addend;
} cubn_fold_affine;

CUBN_SHARED_CODE cubn_fold_affine cubn_fold_affine_of(double scale, double bias, double mean,
                                                      double var, double epsilon) {
  const double deviation = sqrt(var + epsilon);
  const double factor = deviation == 0 ? 0 : scale / deviation;
  const cubn_fold_affine affine = {factor, bias - mean * factor};
  return affine;
}

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CORE_FOLD_TASK_H */
