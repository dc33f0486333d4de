/* THE SEAM between the host and the backends.
 *
 * The host validates a call, collapses it to a cubn_problem and cubn_args, and hands both to the
 * first algorithm of the backend's table that does not refuse the problem. Neither knows more of
 * the other than this file says. */
#ifndef CUBN_CORE_BACKEND_H
#define CUBN_CORE_BACKEND_H

#include "core/problem.h"

#ifdef __cplusplus
extern "C" {
#endif

/* State of an open device; defined by each backend. */
typedef struct cubn_device cubn_device;

/* A synchronized call in device memory; see joint_task.h. */
typedef struct cubn_joint_task cubn_joint_task;
typedef struct cubn_refused_block cubn_refused_block;

typedef struct cubn_fold_task cubn_fold_task; /* see fold_task.h */

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

/* Problems alike whose tensors follow each other in memory: the virtual batches of a call. */
typedef struct cubn_batches {
  int64_t count;
  int64_t reserve_bytes; /* from the reserve space of one to that of the next */
  bool are_done;         /* run_batches: whether all are enqueued; else none is */
} cubn_batches;

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

  /* Folded bias and padding of cubnFoldBatchNormBehind; enqueues. */
  cubnStatus_t (*fold_behind)(cubn_device *device, const cubn_fold_task *task);
  /* How many elements of x are NaN or infinite; waits. */
  cubnStatus_t (*count_nonfinite)(cubn_device *device, const cubn_problem *problem, const void *x,
                                  int64_t *count);

  /* Ranks that gather in device memory; all enqueue. NULL in a backend without.
   * write_block  this rank's block, or those for all ranks: what it begins with, and the share's
   *              statistics or sums, which are in the arrays; or `refused`, if that is not NULL
   * merge_part   if channels are divided, those of this rank, whatever ranks refuse
   * merge_blocks statistics or sums of all ranks, from the blocks: into the arrays, and to the
   *              caller. If ranks refuse or differ: NaN instead, the running statistics as they
   *              were, and the fault is noted, unless there is one. */
  cubnStatus_t (*write_block)(cubn_device *device, const cubn_joint_task *task,
                              const cubn_refused_block *refused);
  cubnStatus_t (*merge_part)(cubn_device *device, const cubn_joint_task *task);
  cubnStatus_t (*merge_blocks)(cubn_device *device, const cubn_joint_task *task);

  /* In the order of trial, NULL last; the last one of each pass accepts every valid problem. */
  const cubn_algo *const *algos[CUBN_PASS_COUNT];
  const cubn_algo *const *int8_algos; /* the same for quantized inference */

  /* Runs `algo`, which accepts one of the problems, for all of them at once, if it can. The
   * arguments are those of the first; saved statistics and flags are [count][c]. The results have
   * the bits of calls in order. NULL in a backend without. */
  cubnStatus_t (*run_batches)(cubn_device *device, const cubn_algo *algo,
                              const cubn_problem *problem, const cubn_args *args,
                              cubn_batches *batches);
} cubn_backend;

extern const cubn_backend cubn_cpu_backend;
extern const cubn_backend cubn_cuda_backend;

#ifdef __cplusplus
}
#endif

#endif /* CUBN_CORE_BACKEND_H */
