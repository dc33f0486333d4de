/* THE SEAM between the host and the backends.
 *
 * The host validates a call, collapses it to a cubn_problem and cubn_args, and hands both to the
 * first algorithm of the backend's table that does not refuse the problem. Neither knows more of
 * the other than this file says. */
#ifndef CUBN_HOST_BACKEND_H
#define CUBN_HOST_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cubn.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum { CUBN_PASS_TRAIN, CUBN_PASS_INFER, CUBN_PASS_BACKWARD, CUBN_PASS_COUNT } cubn_pass;

/* How memory is walked; see cubn_problem. */
typedef enum { CUBN_WALK_ROWS, CUBN_WALK_COLUMNS, CUBN_WALK_STRIDED } cubn_walk;

/* The arrays of a problem that have strides. OUTPUT is y, or dx in backward; DY is backward's only;
 * PARAM stands for scale, bias and all other per-channel arrays. */
typedef enum {
  CUBN_ARRAY_X,
  CUBN_ARRAY_OUTPUT,
  CUBN_ARRAY_DY,
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
 *   CUBN_WALK_ROWS     s > 1; element (i, j, k) at (i * c + j) * s + k
 *   CUBN_WALK_COLUMNS  s = 1; element (i, j) at i * c + j
 * Everything else is CUBN_WALK_STRIDED: channels are the elements of `channels`, the values of a
 * channel are the elements of `samples`; an element's offset is the sum of both offsets. There
 * c = elements of channels, n = elements of samples, s = 1. `channels` and `samples` are filled in
 * always, so that a strided algorithm accepts every problem. */
typedef struct cubn_problem {
  cubn_pass pass;
  cubn_walk walk;
  cubnDataType_t type;
  int64_t n, c, s;
  cubn_axes channels, samples;
  bool has_saved;   /* saved statistics are given (in training: to be written) */
  bool has_running; /* running statistics are to be updated */
  bool blends;      /* beta is not 0: the prior output is read */
  /* For messages only: as the caller described it, valid during the call. NULL where unused. */
  cubnBatchNormMode_t mode;
  cubnTensorDescriptor_t descriptors[CUBN_ARRAY_COUNT];
} cubn_problem;

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

/* What it is computed from. Parameters are double for CUBN_DATA_DOUBLE, else float. */
typedef struct cubn_args {
  double alpha, beta;             /* of y, or of dx */
  double param_alpha, param_beta; /* of dscale and dbias */
  double epsilon;
  double factor; /* weight of the new batch in the running statistics */
  const void *x;
  const void *dy;                   /* backward */
  void *output;                     /* y or dx; may equal x or dy */
  const void *scale;                /* all passes */
  const void *bias;                 /* forward */
  const void *mean, *var;           /* inference: the statistics to normalize with */
  void *running_mean, *running_var; /* training, if has_running */
  void *saved_mean, *saved_inv_std; /* if has_saved: training writes, backward only reads them */
  void *dscale, *dbias;             /* backward */
  void *workspace; /* at least workspace_bytes() of the algorithm, aligned to 256 */
  size_t workspace_bytes;
} cubn_args;

/* State of an open device; defined by each backend. */
typedef struct cubn_device cubn_device;

/* One way to compute problems of one pass. */
typedef struct cubn_algo {
  const char *name;
  /* NULL if run() can do this problem, else the reason in words (static text). */
  const char *(*reject)(const cubn_device *device, const cubn_problem *problem);
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
  void (*close)(cubn_device *device); /* waits for the device's work */
  int (*ordinal)(const cubn_device *device);
  cubnStatus_t (*set_stream)(cubn_device *device, cubnStream_t stream);
  cubnStatus_t (*synchronize)(cubn_device *device);
  /* Workspace of the current stream, aligned to 256; the same for the life of device and stream. */
  void *(*workspace)(cubn_device *device, size_t *bytes);

  cubnStatus_t (*allocate)(cubn_device *device, size_t bytes, void **pointer);
  void (*release)(cubn_device *device, void *pointer); /* waits for the device's work */
  cubnStatus_t (*upload)(cubn_device *device, void *to, const void *from, size_t bytes);
  cubnStatus_t (*download)(cubn_device *device, void *to, const void *from, size_t bytes);
  cubnStatus_t (*fill)(cubn_device *device, void *pointer, int value, size_t bytes);

  /* In the order in which they are tried, NULL last. The last algorithm of each pass accepts every
   * valid problem. */
  const cubn_algo *const *algos[CUBN_PASS_COUNT];
} cubn_backend;

extern const cubn_backend cubn_cpu_backend;
extern const cubn_backend cubn_cuda_backend;

#ifdef __cplusplus
}
#endif

#endif /* CUBN_HOST_BACKEND_H */
