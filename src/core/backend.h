/* THE SEAM between the host and the backends.
 *
 * The host validates a call, collapses it to a cubn_problem and cubn_args, and hands both to the
 * first algorithm of the backend's table that does not refuse the problem. Neither knows more of
 * the other than this file says. */
#ifndef CUBN_CORE_BACKEND_H
#define CUBN_CORE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/activation.h"
#include "core/reserve.h"
#include "core/statistics.h"
#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { CUBN_PASS_TRAIN, CUBN_PASS_INFER, CUBN_PASS_BACKWARD, CUBN_PASS_COUNT } cubn_pass;

/* How the elements of a problem lie in memory; see cubn_problem. */
typedef enum { CUBN_LAYOUT_ROWS, CUBN_LAYOUT_COLUMNS, CUBN_LAYOUT_STRIDED } cubn_layout;

/* The arrays of a problem that have strides.
 *   OUTPUT  y, or dx in backward
 *   DY      in backward only
 *   Z       z, or dz in backward
 *   PLACE   not an array of the caller: the elements of x numbered in memory order, without gaps.
 *           The reserve space is indexed by it.
 *   PARAM   scale, bias and all other per-channel arrays */
typedef enum {
  CUBN_ARRAY_X,
  CUBN_ARRAY_OUTPUT,
  CUBN_ARRAY_DY,
  CUBN_ARRAY_Z,
  CUBN_ARRAY_PLACE,
  CUBN_ARRAY_PARAM,
  CUBN_ARRAY_COUNT
} cubn_array;

/* Some dimensions of a problem, merged where all arrays allow it, the fastest of x last. */
typedef struct cubn_axes {
  int rank; /* 0 stands for one element */
  int64_t size[CUBN_DIM_MAX];
  int64_t stride[CUBN_ARRAY_COUNT][CUBN_DIM_MAX]; /* elements */
} cubn_axes;

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
      reserve;     /* what forward writes and backward reads; NONE if there is no reserve space */
  cubn_mask mask;  /* for CUBN_RESERVE_MASK */
  bool is_classic; /* called through a function of cuDNN's: all its pointers are required */
  /* For messages and cubn_args.normalizer. */
  bool normalizes_unbiased, epsilon_is_outside;
  bool is_from_y;    /* backward: cubn_args.x is y = scale * x_hat + bias; has_saved holds */
  bool renormalizes; /* training computes r and d of batch renormalization, backward reads them */
  /* For messages only: as the caller described it, valid during the call. NULL where unused. */
  cubnBatchNormMode_t mode;
  cubnTensorDescriptor_t descriptors[CUBN_ARRAY_COUNT];
} cubn_problem;

/* Whether an addition or an activation follows the normalization. */
static inline bool cubn_is_fused(const cubn_problem *problem) {
  return problem->adds || problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
}

/* Whether backward computes the pre-activation again, from x, bias and statistics. */
static inline bool cubn_recomputes_preactivation(const cubn_problem *problem) {
  return problem->pass == CUBN_PASS_BACKWARD && !problem->adds &&
         problem->activation.mode != CUBN_ACTIVATION_IDENTITY;
}

/* Values per channel. */
static inline int64_t cubn_count(const cubn_problem *problem) {
  return problem->n * problem->s;
}

static inline size_t cubn_element_bytes(cubnDataType_t type) {
  switch (type) {
    case CUBN_DATA_DOUBLE:
      return 8;
    case CUBN_DATA_FLOAT:
      return 4;
    case CUBN_DATA_HALF:
    case CUBN_DATA_BFLOAT16:
      return 2;
    case CUBN_DATA_INT8:
      return 1;
  }
  return 0;
}

/* Bytes of a parameter for tensors of this type. */
static inline size_t cubn_param_bytes(cubnDataType_t type) {
  return type == CUBN_DATA_DOUBLE ? sizeof(double) : sizeof(float);
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
  double count; /* backward: values that the sums over a channel run over, m in the formula of dx */
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
  void *workspace; /* at least workspace_bytes() of the algorithm, aligned to 256 */
  size_t workspace_bytes;
  cubn_normalizer normalizer;         /* of the problem and epsilon; the host sets it */
  int32_t *nonfinite, *any_nonfinite; /* training; may be NULL */
  void *saved_r, *saved_d; /* if renormalizes: training writes unless NULL, backward reads */
  cubn_renormalization_bounds bounds;
  bool guards_running; /* channels that are not finite leave the running statistics as they were */
} cubn_args;

/* State of an open device; defined by each backend. */
typedef struct cubn_device cubn_device;

/* A synchronized call in device memory; see joint_task.h. */
typedef struct cubn_joint_task cubn_joint_task;
typedef struct cubn_refused_block cubn_refused_block;

/* Why an algorithm cannot do a problem: a printf format (static text) with a %lld for each number
 * that decided, in order; NULL if it can. Only the log formats it, so a refusal costs nothing. */
typedef struct cubn_refusal {
  const char *text;
  long long numbers[2];
} cubn_refusal;

/* One way to compute problems of one pass. */
typedef struct cubn_algo {
  const char *name;
  /* Whether run() can do this problem; refusal.h has the causes that algorithms share. */
  cubn_refusal (*reject)(const cubn_device *device, const cubn_problem *problem);
  /* Bytes of workspace that run() needs; NULL for none. Never more than the backend keeps. */
  size_t (*workspace_bytes)(const cubn_device *device, const cubn_problem *problem);
  /* Computes, or enqueues on the device's stream. Neither allocates nor synchronizes. */
  cubnStatus_t (*run)(cubn_device *device, const cubn_problem *problem, const cubn_args *args);
} cubn_algo;

typedef struct cubn_backend {
  const char *name; /* "cpu", "cuda" */
  cubnDeviceType_t type;
  /* Opens device `ordinal`, or the current one for -1. NOT_SUPPORTED if there is none. */
  cubnStatus_t (*open)(int ordinal, cubn_device **device);
  cubnStatus_t (*close)(cubn_device *device); /* waits for its work; gone even if this fails */
  int (*ordinal)(const cubn_device *device);
  cubnStatus_t (*set_stream)(cubn_device *device, cubnStream_t stream);
  cubnStatus_t (*synchronize)(cubn_device *device);
  /* Whether the stream has work left; errors of that work, as synchronize. */
  cubnStatus_t (*query)(cubn_device *device, bool *is_busy);
  /* Workspace of the current stream, aligned to 256; the same for the life of device and stream. */
  cubnStatus_t (*workspace)(cubn_device *device, void **memory, size_t *bytes);

  cubnStatus_t (*allocate)(cubn_device *device, size_t bytes, void **pointer);
  cubnStatus_t (*release)(cubn_device *device, void *pointer); /* as close */
  cubnStatus_t (*upload)(cubn_device *device, void *to, const void *from, size_t bytes);
  cubnStatus_t (*download)(cubn_device *device, void *to, const void *from, size_t bytes);
  cubnStatus_t (*fill)(cubn_device *device, void *pointer, int value, size_t bytes);
  /* Cleared memory of the host from which and to which the device copies fast; NULL in a backend
   * whose device is the host. */
  cubnStatus_t (*allocate_host)(cubn_device *device, size_t bytes, void **pointer);
  cubnStatus_t (*release_host)(cubn_device *device, void *pointer); /* as close */

  /* Converts x, half or bfloat16, to floats that lie at `to` as the output does. */
  cubnStatus_t (*widen)(cubn_device *device, const cubn_problem *problem, const void *x, void *to);

  /* Ranks that gather in device memory; all enqueue. NULL in a backend without.
   * write_block  this rank's block: what it begins with, and the share's statistics or sums, which
   *              are in the arrays; or `refused`, if that is not NULL
   * merge_blocks statistics or sums of all ranks, from the blocks: into the arrays, and to the
   *              caller. If ranks refuse or differ: NaN instead, the running statistics as they
   *              were, and the fault is noted, unless there is one. */
  cubnStatus_t (*write_block)(cubn_device *device, const cubn_joint_task *task,
                              const cubn_refused_block *refused);
  cubnStatus_t (*merge_blocks)(cubn_device *device, const cubn_joint_task *task);

  /* In the order of trial, NULL last; the last one of each pass accepts every valid problem. */
  const cubn_algo *const *algos[CUBN_PASS_COUNT];
} cubn_backend;

extern const cubn_backend cubn_cpu_backend;
extern const cubn_backend cubn_cuda_backend;

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CORE_BACKEND_H */
