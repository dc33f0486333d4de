#include "host/joint.h"

#include "core/check.h"

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

cubnStatus_t cubn_joint_check(cubn_joint *joint) {
  const cubn_call *const call = joint->call;
  const cubn_exchange *const exchange = joint->exchange;
  CUBN_REQUIRE(call->handle == exchange->handle, call->function,
               "handle %p is not %p, which cubnSetBatchNormCommunicator got",
               (const void *)call->handle, (const void *)exchange->handle);
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

cubnStatus_t cubn_joint_gather(const cubn_joint *joint, cubn_joint_call kind, cubnStatus_t status,
                               int values, cubn_blocks *blocks) {
  const cubn_exchange *const exchange = joint->exchange;
  const cubn_share own = {.status = status,
                          .call = kind,
                          .type = joint->type,
                          .channels = (double)exchange->channels,
                          .epsilon = joint->call->args.epsilon,
                          .count = joint->count};
  *blocks = (cubn_blocks){.first = exchange->receive,
                          .count = exchange->communicator->ranks,
                          .words = cubn_block_words((size_t)(values * exchange->channels)),
                          .channels = exchange->channels};
  return cubn_gather(exchange->communicator, &own, exchange->send, exchange->receive, blocks->words,
                     exchange->handle->stream, joint->call->function);
}
