/* Virtual batches side by side: a thread computes one of them from its beginning to its end, with
 * caches of its own, and waits for nobody. In order, each batch would wake and wait for all
 * threads, which takes longer than the values of a small one.
 *
 * What all batches add to, running statistics, dscale and dbias, is left in the workspace by each
 * of them (cubn_device.deferred), and added in the order of the batches when all are done. */
#include "cpu/batches.h"

#include "cpu/common/algos.h"
#include "cpu/common/arith.h"
#include "cpu/common/params.h"
#include "cpu/common/running.h"
#include "cpu/fast/call.h"
#include "cpu/grid/grid.h"

/* Deferred numbers of a channel: mean and variance, or dscale and dbias. */
enum { DEFERRED = 2, WORKSPACE_ALIGNMENT = 256 };

typedef struct batches_work {
  const cubn_device *device;
  const cubn_algo *algo;
  const cubn_problem *problem;
  const cubn_args *args;                            /* of the first batch */
  int64_t tensor_bytes, param_bytes, reserve_bytes; /* from one batch to the next */
  int64_t workspace_bytes;                          /* of a worker */
  double *deferred;                                 /* [count][DEFERRED][c] */
  cubnStatus_t status;                              /* the worst */
} batches_work;

static double *deferred_of(const batches_work *work, int64_t index) {
  return work->deferred + index * DEFERRED * work->problem->c;
}

static void *moved(const void *pointer, int64_t bytes) {
  return pointer ? (char *)(uintptr_t)pointer + bytes : NULL;
}

/* The arguments of batch `index`. */
static cubn_args args_of(const batches_work *work, int64_t index) {
  const cubn_problem *problem = work->problem;
  const int64_t tensor = index * work->tensor_bytes, reserve = index * work->reserve_bytes;
  const int64_t param = index * work->param_bytes;
  const int64_t saved = problem->saved_is_reserved ? reserve : param;
  cubn_args args = *work->args;
  args.x = moved(args.x, tensor);
  args.dy = moved(args.dy, tensor);
  args.output = moved(args.output, tensor);
  args.z = moved(args.z, tensor);
  args.dz = moved(args.dz, tensor);
  args.saved_mean = moved(args.saved_mean, saved);
  args.saved_inv_std = moved(args.saved_inv_std, saved);
  args.saved_mean_low = moved(args.saved_mean_low, param);
  if (problem->pass == CUBN_PASS_BACKWARD) args.mean_low = moved(args.mean_low, saved);
  args.reserve = moved(args.reserve, reserve);
  if (args.nonfinite) args.nonfinite += index * problem->c;
  return args;
}

/* Claims batches; each is a call on this thread alone. */
static void batches_task(void *context, int64_t worker, cubn_items *items) {
  batches_work *work = context;
  cubn_device own = *work->device;
  own.machine.threads = 1;
  own.worker_scratch += worker * (int64_t)CUBN_WORKER_BYTES;
  own.stages += worker * (int64_t)CUBN_STAGE_BYTES;
  for (int64_t index, end; cubn_claim(items, &index, &end);)
    for (; index < end; ++index) {
      cubn_args args = args_of(work, index);
      args.workspace = moved(args.workspace, worker * work->workspace_bytes);
      args.workspace_bytes = (size_t)work->workspace_bytes;
      own.deferred = deferred_of(work, index);
      const cubnStatus_t status = work->algo->run(&own, work->problem, &args);
      if (status != CUBN_STATUS_SUCCESS) __atomic_store_n(&work->status, status, __ATOMIC_RELAXED);
    }
}

/* Each batch starts from what the one before it left, the first from what the caller gave. */
static void merge_statistics(const batches_work *work, int64_t count) {
  const cubn_conversion *type = cubn_conversion_of_param(work->problem->type);
  const cubn_patch channels = {0, 1, 0, work->problem->c, 1};
  for (int64_t index = 0; index < count; ++index) {
    cubn_args args = args_of(work, index);
    const double *const mean = deferred_of(work, index), *const var = mean + work->problem->c;
    if (index > 0) {
      args.previous_running_mean = args.running_mean;
      args.previous_running_var = args.running_var;
    }
    cubn_update_running_params(work->problem, &args, type, &channels, mean, var);
  }
}

static void merge_gradients(const batches_work *work, int64_t count) {
  const cubn_conversion *type = cubn_conversion_of_param(work->problem->type);
  const cubn_patch channels = {0, 1, 0, work->problem->c, 1};
  const cubn_args *args = work->args;
  for (int64_t index = 0; index < count; ++index) {
    const double *const dscale = deferred_of(work, index), *const dbias = dscale + work->problem->c;
    const double prior = index == 0 ? args->param_beta : 1;
    if (args->dscale)
      cubn_params_blend(type, &channels, args->param_alpha, dscale, prior, args->dscale,
                        args->dscale);
    if (args->dbias)
      cubn_params_blend(type, &channels, args->param_alpha, dbias, prior, args->dbias, args->dbias);
  }
}

/* Whether a thread has most of a batch in its own L2: docs/DECISIONS.md has the measurements. */
static bool are_small(const cubn_device *device, const cubn_problem *problem,
                      int64_t tensor_bytes) {
  const int64_t tensors = problem->pass == CUBN_PASS_BACKWARD ? 3 : 2;
  return tensors * tensor_bytes <= device->machine.l2_bytes / 2 * 5;
}

/* The plain algorithms know no deferred numbers. Spans of valid samples have one memory per
 * device. */
static bool may_run(const cubn_device *device, const cubn_algo *algo, const cubn_problem *problem) {
  const bool is_fast = algo == &cubn_cpu_pipelined || algo == &cubn_cpu_grid;
  return is_fast && problem->layout != CUBN_LAYOUT_STRIDED && !problem->renormalizes &&
         problem->validity.kind == CUBN_VALID_ALL && device->deferred == NULL;
}

cubnStatus_t cubn_cpu_run_batches(cubn_device *device, const cubn_algo *algo,
                                  const cubn_problem *problem, const cubn_args *args,
                                  cubn_batches *batches) {
  const int64_t values = cubn_count(problem) * problem->c;
  const int threads = cubn_threads_for(device, values * batches->count);
  const int64_t needed =
      algo->workspace_bytes ? (int64_t)algo->workspace_bytes(device, problem) : 0;
  batches_work work = {
      .device = device,
      .algo = algo,
      .problem = problem,
      .args = args,
      .tensor_bytes = values * (int64_t)cubn_element_bytes(problem->type),
      .param_bytes = problem->c * (int64_t)cubn_param_bytes(problem->type),
      .reserve_bytes = batches->reserve_bytes,
      .workspace_bytes = cubn_divide_up(needed, WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT,
  };
  const int64_t of_workers = threads * work.workspace_bytes;
  const int64_t of_channels = batches->count * DEFERRED * problem->c * (int64_t)sizeof(double);
  batches->are_done = may_run(device, algo, problem) && batches->count >= threads &&
                      are_small(device, problem, work.tensor_bytes) &&
                      of_workers + of_channels <= (int64_t)args->workspace_bytes;
  if (!batches->are_done) return CUBN_STATUS_SUCCESS;
  work.deferred = moved(args->workspace, of_workers);
  cubn_share(device, threads, batches->count, 1, batches_task, &work);
  if (work.status != CUBN_STATUS_SUCCESS) return work.status;
  if (problem->pass == CUBN_PASS_BACKWARD)
    merge_gradients(&work, batches->count);
  else if (cubn_keeps_running(problem, args))
    merge_statistics(&work, batches->count);
  return CUBN_STATUS_SUCCESS;
}
