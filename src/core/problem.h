/* What host and backends hand each other: a call as a problem, without pointers, and its
 * arguments. */
#ifndef CUBN_CORE_PROBLEM_H
#define CUBN_CORE_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/activation.h"
#include "core/arrays.h"
#include "core/double_backward.h"
#include "core/element.h"
#include "core/quantization.h"
#include "core/reserve.h"
#include "core/statistics.h"
#include "core/validity.h"
#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  CUBN_PASS_TRAIN,
  CUBN_PASS_INFER,
  CUBN_PASS_BACKWARD,
  CUBN_PASS_DOUBLE_BACKWARD,
  CUBN_PASS_COUNT
} cubn_pass;

/* What is to be computed, without pointers.
 *
 * Packed problems, in which all tensors have the same layout, are [n][c][s] with statistics over n
 * and s, and parameters [c]:
 *   CUBN_LAYOUT_ROWS     s > 1; element (i, j, k) at (i * c + j) * s + k
 *   CUBN_LAYOUT_COLUMNS  s = 1; element (i, j) at i * c + j
 * Everything else is CUBN_LAYOUT_STRIDED: channels are the elements of `channels`, the values of a
 * channel are the elements of `samples`; an element's offset is the sum of both offsets. There
 * c = elements of channels, n = elements of samples, s = 1. `channels` and `samples` are filled in
 * always, so that a strided algorithm accepts every problem. */
typedef struct cubn_problem {
  cubn_pass pass;
  cubn_layout layout;
  cubnDataType_t type;
  int64_t n, c, s;
  cubn_axes channels, samples;
  bool has_saved; /* saved statistics are given (in training: to be written) */
  /* Backward: these and mean_low come from the reserve space. They are in the order of `channels`,
   * not at the offsets of CUBN_ARRAY_PARAM. */
  bool saved_is_reserved;
  bool has_running;    /* running statistics are to be updated */
  bool blends;         /* beta is not 0: the prior output is read */
  bool has_output;     /* y or dx is wanted. Without: only statistics, or only dscale and dbias */
  bool is_frozen;      /* backward: mean and var are given and constant, as in inference */
  bool var_is_inv_std; /* cubn_args.var holds inv_std */
  bool running_is_biased; /* the running variance takes the biased variance */
  bool sums_are_given;    /* backward: dscale and dbias are inputs, the sums that dx needs */
  bool adds;              /* z is added before the activation */
  bool has_dz;            /* backward: dz is wanted, the gradient of z */
  cubn_activation activation;
  cubn_reserve
      reserve;    /* what forward writes and backward reads; NONE if there is no reserve space */
  cubn_mask mask; /* for CUBN_RESERVE_MASK */
  cubn_validity validity;
  int64_t virtual_batch; /* samples per virtual batch, 0: all; the host divides, others see 0 */
  bool is_classic;       /* called through a function of cuDNN's: all its pointers are required */
  /* For messages and cubn_args.normalizer. */
  bool normalizes_unbiased, epsilon_is_outside;
  bool is_from_y;    /* backward: cubn_args.x is y = activation(scale * x_hat + bias), of the
                      identity or an activation of inverse.h; has_saved holds */
  bool renormalizes; /* training computes r and d of batch renormalization, backward reads them */
  /* For messages only: as the caller described it, valid during the call. NULL where unused. */
  cubnBatchNormMode_t mode;
  cubnTensorDescriptor_t descriptors[CUBN_ARRAY_COUNT];
  bool is_quantized;     /* inference of int8, as core/int8.h says */
  bool has_ddx, has_ddy; /* double backward: ddx is given, ddy is wanted; has_output: gx is */
} cubn_problem;

/* Whether an addition or an activation follows the normalization. */
static inline bool cubn_is_fused(const cubn_problem *problem) {
  return problem->adds || problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
}

/* Whether backward computes the pre-activation again, from x, bias and statistics, or from y. */
static inline bool cubn_recomputes_preactivation(const cubn_problem *problem) {
  return problem->pass == CUBN_PASS_BACKWARD && !problem->adds &&
         problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
}

/* Values per channel. */
static inline int64_t cubn_count(const cubn_problem *problem) {
  return problem->n * problem->s;
}

/* One of the arrays of CUBN_RESERVE_STATISTICS. */
static inline void *cubn_reserved_array(const cubn_problem *problem, void *reserve,
                                        cubn_reserved which) {
  return (char *)reserve + (size_t)which * (size_t)problem->c * cubn_param_bytes(problem->type);
}

/* What it is computed from. Parameters are double for CUBN_DATA_DOUBLE, else float. */
typedef struct cubn_args {
  double alpha, beta;             /* of y, or of dx */
  double param_alpha, param_beta; /* of dscale and dbias */
  double epsilon;
  double factor; /* weight of the new batch in the running statistics */
  const void
      *factor_pointer; /* the factor in device memory, of the parameters' type; NULL: `factor` */
  /* Backward: values that the sums over a channel run over, m in the formula of dx; 0: as many as
   * are valid, which differ from channel to channel. */
  double count;
  const void *x;
  const void *dy;                   /* backward */
  void *output;                     /* y or dx; may equal x, dy or z; NULL without has_output */
  const void *z;                    /* forward, if adds */
  void *dz;                         /* backward, if adds and wanted; may equal dy or x */
  const void *scale;                /* all passes; NULL: 1 */
  const void *bias;                 /* forward, and backward that recomputes p; NULL: 0 */
  const void *mean, *var;           /* inference, frozen: the statistics to normalize with */
  const void *mean_low;             /* what given, or in backward saved, means lack; may be NULL */
  void *running_mean, *running_var; /* training, if has_running: written */
  /* The statistics that the running ones are computed from; may equal them. */
  const void *previous_running_mean, *previous_running_var;
  void *saved_mean, *saved_inv_std; /* if has_saved: training writes, backward only reads them */
  void *saved_mean_low;             /* training writes what saved_mean lacks; may be NULL */
  void *dscale, *dbias;             /* backward: written if not NULL, or read if sums_are_given */
  void *reserve;                    /* see cubn_reserve */
  const void *validity;             /* see cubn_validity; NULL if all elements take part */
  void *workspace; /* at least workspace_bytes() of the algorithm, aligned to 256 */
  size_t workspace_bytes;
  cubn_normalizer normalizer;         /* of the problem and epsilon; the host sets it */
  int32_t *nonfinite, *any_nonfinite; /* training; may be NULL */
  void *saved_r, *saved_d; /* if renormalizes: training writes unless NULL, backward reads */
  cubn_renormalization_bounds bounds;
  bool guards_running; /* channels that are not finite leave the running statistics as they were */
  cubn_double_backward second; /* double backward, besides x, dy, scale and statistics */
  cubn_quantization quantization;
} cubn_args;

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CORE_PROBLEM_H */
