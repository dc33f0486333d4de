/* Backward: the sums over this rank's share, those over all, and dx from them. */
#include "core/check.h"
#include "core/error.h"
#include "host/synchronized.h"

/* Arrays of the exchange: sums over the share, and over all ranks. */
enum { DSCALE = CUBN_DSCALE, DBIAS = CUBN_DBIAS, ALL_DSCALE = CUBN_ALL_DSCALE, PRIOR = 4 };

static cubnStatus_t compute_sums(const cubn_joint *joint) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  cubn_problem problem = joint->call->problem;
  cubn_args args = joint->call->args;
  problem.has_output = problem.has_dz = problem.blends = false;
  problem.descriptors[CUBN_ARRAY_Z] = NULL;
  args.output = args.dz = NULL;
  args.dscale = cubn_device_array(arrays, DSCALE);
  args.dbias = cubn_device_array(arrays, DBIAS);
  args.param_alpha = 1;
  args.param_beta = 0;
  return cubn_joint_run(joint, problem, args);
}

/* Puts the sums over the share into the block of this rank. */
static cubnStatus_t send_sums(const cubn_joint *joint) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  CUBN_TRY(cubn_within(joint->call->function, cubn_download_arrays(arrays, DSCALE, DBIAS + 1)));
  for (int64_t c = 0; c < joint->exchange->channels; ++c) {
    double *const sums = cubn_joint_values(joint, CUBN_BACKWARD_VALUES, c);
    for (int a = DSCALE; a <= DBIAS; ++a)
      sums[a * joint->exchange->part] = cubn_get_value(arrays, a, cubn_channel_place(arrays, c));
  }
  return CUBN_STATUS_SUCCESS;
}

static cubnStatus_t receive_sums(const cubn_joint *joint, const cubn_blocks *blocks) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  for (int a = DSCALE; a <= DBIAS; ++a)
    for (int64_t c = 0; c < joint->exchange->channels; ++c)
      cubn_set_value(arrays, ALL_DSCALE + a, cubn_channel_place(arrays, c),
                     cubn_all_sum(blocks, a, c));
  return cubn_upload_arrays(arrays, ALL_DSCALE, 2);
}

/* dx and dz of the share, before dscale and dbias: these may share no element with its inputs. */
static cubnStatus_t compute_dx(const cubn_joint *joint, double count) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  cubn_problem problem = joint->call->problem;
  cubn_args args = joint->call->args;
  if (!problem.has_output && !problem.has_dz) return CUBN_STATUS_SUCCESS;
  problem.sums_are_given = true;
  args.dscale = cubn_device_array(arrays, ALL_DSCALE);
  args.dbias = cubn_device_array(arrays, CUBN_ALL_DBIAS);
  args.count = count;
  return cubn_joint_run(joint, problem, args);
}

/* A gradient of parameters, from the index'th array of sums. */
static cubnStatus_t store(const cubn_joint *joint, int index, void *gradient) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  const cubn_args *const args = &joint->call->args;
  if (!gradient) return CUBN_STATUS_SUCCESS;
  if (args->param_beta != 0) CUBN_TRY(cubn_download_array(arrays, PRIOR, gradient));
  for (int64_t i = 0; i < joint->exchange->channels; ++i) {
    const double prior = args->param_beta != 0 ? cubn_get_value(arrays, PRIOR, i) : 0;
    cubn_set_value(arrays, index, i,
                   cubn_blend_gradient(args->param_alpha, cubn_get_value(arrays, index, i),
                                       args->param_beta, prior));
  }
  return cubn_upload_array(arrays, index, gradient);
}

static cubnStatus_t finish_on_host(const cubn_joint *joint, cubnStatus_t status) {
  const cubn_call *const call = joint->call;
  cubn_blocks blocks;
  if (status == CUBN_STATUS_SUCCESS) status = send_sums(joint);
  CUBN_TRY(cubn_joint_gather(joint, CUBN_BACKWARD, status, CUBN_BACKWARD_VALUES, &blocks));
  CUBN_TRY(cubn_within(call->function, receive_sums(joint, &blocks)));
  CUBN_TRY(compute_dx(joint, cubn_merge_counts(&blocks)));
  const int sums = call->sums_are_joint ? ALL_DSCALE : DSCALE;
  CUBN_TRY(cubn_within(call->function, store(joint, sums, call->args.dscale)));
  return cubn_within(call->function, store(joint, sums + 1, call->args.dbias));
}

/* The number of values is known on the device alone, which has divided the sums by it. */
static cubnStatus_t finish_on_device(const cubn_joint *joint, cubnStatus_t status) {
  CUBN_TRY(cubn_joint_exchange(joint, CUBN_BACKWARD, status, CUBN_BACKWARD_VALUES));
  return compute_dx(joint, 1);
}

cubnStatus_t cubn_synchronized_backward(const cubn_exchange *exchange, const cubn_call *call,
                                        cubnStatus_t status) {
  cubn_joint joint = {.exchange = exchange, .call = call};
  if (status == CUBN_STATUS_SUCCESS) status = cubn_joint_check(&joint);
  if (exchange->communicator->ranks == 1) {
    CUBN_TRY(status);
    return cubn_joint_run(&joint, call->problem, call->args);
  }
  if (status == CUBN_STATUS_SUCCESS) status = compute_sums(&joint);
  return cubn_is_on_device(exchange->communicator) ? finish_on_device(&joint, status)
                                                   : finish_on_host(&joint, status);
}
