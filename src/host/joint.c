#include "host/joint.h"

#include <string.h>

#include "core/check.h"
#include "core/error.h"
#include "host/descriptor.h"
#include "host/problem.h"

static cubnStatus_t check_saved(const cubn_call *call) {
  const cubn_args *const args = &call->args;
  const bool backward = call->problem.pass == CUBN_PASS_BACKWARD;
  const void *const low = backward ? args->mean_low : args->saved_mean_low;
  CUBN_REQUIRE(args->saved_mean || !backward, call->function,
               "saved_mean is NULL; with a communicator backward needs what forward saved");
  CUBN_REQUIRE(low || !args->saved_mean, call->function,
               "saved_mean_low is NULL, but saved_mean is not; with a communicator it is required");
  return CUBN_STATUS_SUCCESS;
}

/* What a descriptor with a communicator cannot do. */
static cubnStatus_t check_supported(const cubn_call *call) {
  const cubn_args *const args = &call->args;
  const char *const found = call->problem.renormalizes ? "batch renormalization"
                            : call->problem.is_from_y  ? "CUBN_BACKWARD_FROM_Y"
                            : args->guards_running     ? "CUBN_BATCHNORM_RUNNING_GUARD is 1"
                            : args->nonfinite          ? "nonfinite is not NULL"
                            : args->any_nonfinite      ? "any_nonfinite is not NULL"
                                                       : NULL;
  return found ? cubn_fail(CUBN_STATUS_NOT_SUPPORTED, call->function,
                           "%s, which is not supported with a communicator", found)
               : CUBN_STATUS_SUCCESS;
}

cubnStatus_t cubn_joint_check(cubn_joint *joint) {
  const cubn_call *const call = joint->call;
  const cubn_exchange *const exchange = joint->exchange;
  CUBN_REQUIRE(call->handle == exchange->handle, call->function,
               "handle %p is not %p, which cubnSetBatchNormCommunicator got",
               (const void *)call->handle, (const void *)exchange->handle);
  CUBN_TRY(check_supported(call));
  CUBN_TRY(check_saved(call));
  cubn_problem problem = call->problem;
  cubn_args args = call->args;
  CUBN_TRY(cubn_prepare(&problem, &args, call->reserve, call->function));
  CUBN_REQUIRE(problem.c == exchange->channels, call->function,
               "x_desc has %lld channels, must have the %lld of cubnSetBatchNormCommunicator",
               (long long)problem.c, (long long)exchange->channels);
  joint->type = problem.type;
  joint->count = (double)cubn_count(&problem);
  return cubn_channel_arrays_init(&joint->arrays, exchange, problem.descriptors[CUBN_ARRAY_PARAM],
                                  call->function);
}

cubnStatus_t cubn_joint_run(const cubn_joint *joint, cubn_problem problem, cubn_args args) {
  const cubn_call *const call = joint->call;
  return cubn_execute(call->handle, &problem, &args, call->reserve, call->function);
}

static cubn_share share_of(const cubn_joint *joint, cubn_joint_call kind, cubnStatus_t status) {
  return (cubn_share){.status = status,
                      .call = kind,
                      .type = joint->type,
                      .channels = (double)joint->exchange->channels,
                      .epsilon = joint->call->args.epsilon,
                      .count = joint->count,
                      .variance = joint->call->problem.normalizes_unbiased,
                      .place = joint->call->problem.epsilon_is_outside};
}

static cubn_blocks blocks_of(const cubn_exchange *exchange, const double *received, int values) {
  return (cubn_blocks){.first = received,
                       .count = exchange->communicator->ranks,
                       .words = cubn_exchange_words(exchange, values),
                       .channels = exchange->part};
}

/* With device memory: waits for what the collective sends, if that does not. */
static cubnStatus_t await_stream(const cubn_exchange *exchange, const char *function) {
  const cubnCommunicator_t communicator = exchange->communicator;
  const cubnHandle_t handle = exchange->handle;
  if (!cubn_is_on_device(communicator) || !communicator->functions.needs_idle_stream)
    return CUBN_STATUS_SUCCESS;
  return cubn_within(function, handle->backend->synchronize(handle->device));
}

/* Gathers what the ranks have merged. The length is that of both passes: in device memory a rank
 * does not know yet whether all make the same call. */
static cubnStatus_t gather_merged(const cubn_exchange *exchange, const char *function) {
  const cubnCommunicator_t communicator = exchange->communicator;
  const size_t words = (size_t)(CUBN_FORWARD_VALUES * exchange->part);
  CUBN_TRY(await_stream(exchange, function));
  const int error = communicator->functions.gather(
      communicator->context, exchange->own_part, exchange->merged, words, exchange->handle->stream);
  return cubn_check_collective(communicator, "gather", words, error, function);
}

/* Each rank merges its channels for all. */
static cubnStatus_t merge_parts(const cubn_joint *joint, const cubn_share *own,
                                cubn_blocks *blocks) {
  const cubn_exchange *const exchange = joint->exchange;
  const char *const function = joint->call->function;
  CUBN_TRY(cubn_all_to_all(exchange->communicator, own, exchange->send, exchange->receive,
                           blocks->words, exchange->handle->stream, function));
  for (int64_t c = 0; c < cubn_own_channels(exchange); ++c)
    cubn_merge_channel(blocks, own->call == CUBN_FORWARD, c, exchange->own_part);
  blocks->total = cubn_merge_counts(blocks);
  blocks->merged = exchange->merged;
  return gather_merged(exchange, function);
}

cubnStatus_t cubn_joint_gather(const cubn_joint *joint, cubn_joint_call kind, cubnStatus_t status,
                               int values, cubn_blocks *blocks) {
  const cubn_exchange *const exchange = joint->exchange;
  const cubn_share own = share_of(joint, kind, status);
  *blocks = blocks_of(exchange, exchange->receive, values);
  if (exchange->parts > 1) return merge_parts(joint, &own, blocks);
  return cubn_gather(exchange->communicator, &own, exchange->send, exchange->receive, blocks->words,
                     exchange->handle->stream, joint->call->function);
}

/* ---- In device memory ---- */
static cubn_joint_task task_of(const cubn_joint *joint, cubn_joint_call kind, int values) {
  const cubn_exchange *const exchange = joint->exchange;
  const cubn_call *const call = joint->call;
  const struct cubnTensorStruct *const params = joint->arrays.params;
  cubn_joint_task task = {.is_float = joint->arrays.element_bytes == sizeof(float),
                          .own = share_of(joint, kind, CUBN_STATUS_SUCCESS),
                          .send = exchange->send,
                          .blocks = blocks_of(exchange, exchange->receive, values),
                          .fault = exchange->fault,
                          .arrays = exchange->device,
                          .args = call->args,
                          .has_running = call->problem.has_running,
                          .running_is_biased = call->problem.running_is_biased,
                          .sums_are_joint = call->sums_are_joint,
                          .channels = exchange->channels};
  if (exchange->parts > 1) {
    task.own_channels = cubn_own_channels(exchange);
    task.own_part = exchange->own_part;
    task.blocks.merged = exchange->merged;
  }
  task.args.normalizer = cubn_make_normalizer(&call->problem, call->args.epsilon, 1, 1);
  if (params) {
    task.rank = params->rank;
    memcpy(task.dims, params->dims, sizeof params->dims);
    memcpy(task.strides, params->strides, sizeof params->strides);
  }
  return task;
}

/* The message of the rank's own refusal, as it is if the host gathers. */
static cubnStatus_t refuse(const cubn_joint *joint, const cubn_refused_block *refused) {
  const cubnCommunicator_t communicator = joint->exchange->communicator;
  return cubn_report_fault(refused->words, refused->words, communicator->rank, communicator->ranks,
                           CUBN_BLOCK_WORDS_MIN, joint->call->function);
}

/* All ranks enqueue both collectives of divided channels, whatever fails on one: the others do not
 * know it. */
static cubnStatus_t enqueue_collectives(const cubn_joint *joint, const cubn_joint_task *task,
                                        bool is_refused) {
  const cubn_exchange *const exchange = joint->exchange;
  const char *const function = joint->call->function;
  const cubnHandle_t handle = exchange->handle;
  const cubnCommunicator_t communicator = exchange->communicator;
  const cubnCommunicatorFunctions_t *const functions = &communicator->functions;
  const size_t words = task->blocks.words;
  const bool divides = exchange->parts > 1;
  CUBN_TRY(await_stream(exchange, function));
  const int error = (divides ? functions->all_to_all : functions->gather)(
      communicator->context, exchange->send, exchange->receive, words, handle->stream);
  CUBN_TRY(cubn_check_collective(communicator, divides ? "all_to_all" : "gather", words, error,
                                 function));
  if (!divides) return CUBN_STATUS_SUCCESS;
  cubnStatus_t merged = CUBN_STATUS_SUCCESS;
  if (!is_refused)
    merged = cubn_within(function, handle->backend->merge_part(handle->device, task));
  if (merged != CUBN_STATUS_SUCCESS) /* then others have NaN rather than what was there before */
    handle->backend->fill(handle->device, exchange->own_part, 0xff,
                          (size_t)(CUBN_FORWARD_VALUES * exchange->part) * sizeof(double));
  const cubnStatus_t gathered = gather_merged(exchange, function);
  return gathered != CUBN_STATUS_SUCCESS ? gathered : merged;
}

cubnStatus_t cubn_joint_exchange(const cubn_joint *joint, cubn_joint_call kind, cubnStatus_t status,
                                 int values) {
  const char *const function = joint->call->function;
  const cubnHandle_t handle = joint->exchange->handle; /* the call's may be none */
  const bool is_refused = status != CUBN_STATUS_SUCCESS;
  const cubn_joint_task task = task_of(joint, kind, values);
  cubn_refused_block refused = {{0}};
  if (is_refused) refused = cubn_make_refused_block(status, function);
  CUBN_TRY(cubn_within(
      function, handle->backend->write_block(handle->device, &task, is_refused ? &refused : NULL)));
  CUBN_TRY(enqueue_collectives(joint, &task, is_refused));
  if (is_refused) return refuse(joint, &refused);
  return cubn_within(function, handle->backend->merge_blocks(handle->device, &task));
}
