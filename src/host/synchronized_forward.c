/* Training: the statistics of this rank's share, those of all, and y from them. */
#include "core/check.h"
#include "core/error.h"
#include "host/activation.h"
#include "host/problem.h"
#include "host/synchronized.h"

/* Arrays of the exchange. On the host the last two become the running statistics. */
enum { MEAN = CUBN_MEAN, LOW = CUBN_LOW, INV_STD = CUBN_INV_STD, VAR = CUBN_VAR };
enum { RUNNING_MEAN = CUBN_RUNNING_MEAN, RUNNING_VAR = CUBN_VAR };

/* ---- Before the gather ---- */
static cubnStatus_t compute_statistics(const cubn_joint *joint) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  cubn_problem problem = joint->call->problem;
  cubn_args args = joint->call->args;
  problem.has_output = problem.adds = problem.blends = false;
  problem.activation = cubn_identity;
  problem.has_saved = problem.has_running = problem.running_is_biased = true;
  problem.descriptors[CUBN_ARRAY_Z] = NULL;
  args.output = NULL;
  args.z = args.factor_pointer = NULL;
  args.factor = 1;
  args.epsilon = 0;
  problem.normalizes_unbiased = problem.epsilon_is_outside = false;
  args.saved_mean = cubn_device_array(arrays, MEAN);
  args.saved_mean_low = cubn_device_array(arrays, LOW);
  args.saved_inv_std = cubn_device_array(arrays, INV_STD);
  args.running_mean = cubn_device_array(arrays, RUNNING_MEAN);
  args.running_var = cubn_device_array(arrays, VAR);
  args.previous_running_mean = args.running_mean; /* not read: the factor is 1 */
  args.previous_running_var = args.running_var;
  return cubn_joint_run(joint, problem, args);
}

/* Puts the statistics of the share into the block of this rank. */
static cubnStatus_t send_statistics(const cubn_joint *joint) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  const int64_t part = joint->exchange->part;
  CUBN_TRY(cubn_within(joint->call->function, cubn_download_arrays(arrays, MEAN, VAR + 1)));
  for (int64_t c = 0; c < joint->exchange->channels; ++c) {
    const int64_t place = cubn_channel_place(arrays, c);
    double *const values = cubn_joint_values(joint, CUBN_FORWARD_VALUES, c);
    values[0] = cubn_get_value(arrays, MEAN, place);
    values[part] = cubn_get_value(arrays, LOW, place);
    values[2 * part] = cubn_share_m2(joint->count, cubn_get_value(arrays, VAR, place),
                                     cubn_get_value(arrays, INV_STD, place));
  }
  return CUBN_STATUS_SUCCESS;
}

/* ---- After it ---- */
typedef struct running_update {
  double factor;
  bool is_biased;
} running_update;

/* The weight of the batch in the running statistics, and what these are before. */
static cubnStatus_t begin_running(const cubn_joint *joint, running_update *update) {
  const cubn_args *const args = &joint->call->args;
  const cubn_channel_arrays *const arrays = &joint->arrays;
  *update = (running_update){args->factor, joint->call->problem.running_is_biased};
  if (args->factor_pointer) {
    const cubnHandle_t handle = joint->call->handle;
    CUBN_TRY(handle->backend->download(handle->device, cubn_host_array(arrays, RUNNING_MEAN),
                                       args->factor_pointer, arrays->element_bytes));
    update->factor = cubn_get_value(arrays, RUNNING_MEAN, 0);
  }
  if (update->factor == 1) return CUBN_STATUS_SUCCESS;
  CUBN_TRY(cubn_download_array(arrays, RUNNING_MEAN, args->previous_running_mean));
  return cubn_download_array(arrays, RUNNING_VAR, args->previous_running_var);
}

static void update_running(const cubn_joint *joint, const running_update *update, int64_t place,
                           const cubn_moments *all) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  double mean = 0, var = 0;
  if (update->factor != 1) {
    mean = cubn_get_value(arrays, RUNNING_MEAN, place);
    var = cubn_get_value(arrays, RUNNING_VAR, place);
  }
  cubn_update_running(all, update->factor, update->is_biased, &mean, &var);
  cubn_set_value(arrays, RUNNING_MEAN, place, mean);
  cubn_set_value(arrays, RUNNING_VAR, place, var);
}

static void set_statistics(const cubn_joint *joint, int64_t place, const cubn_moments *all) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  const cubn_normalizer by = cubn_make_normalizer(&joint->call->problem, joint->call->args.epsilon,
                                                  all->count, all->count);
  const cubn_statistics statistics =
      cubn_finish_statistics(all, &by, arrays->element_bytes == sizeof(float));
  cubn_set_value(arrays, MEAN, place, statistics.mean);
  cubn_set_value(arrays, LOW, place, statistics.low);
  cubn_set_value(arrays, INV_STD, place, statistics.inv_std);
}

/* Merges the statistics and hands them to the caller and to the device. */
static cubnStatus_t receive_statistics(const cubn_joint *joint, const cubn_blocks *blocks) {
  const cubn_args *const args = &joint->call->args;
  const cubn_channel_arrays *const arrays = &joint->arrays;
  const bool has_running = joint->call->problem.has_running;
  running_update update = {0};
  if (has_running) CUBN_TRY(begin_running(joint, &update));
  for (int64_t c = 0; c < joint->exchange->channels; ++c) {
    const int64_t place = cubn_channel_place(arrays, c);
    const cubn_moments all = cubn_all_moments(blocks, c);
    set_statistics(joint, place, &all);
    if (has_running) update_running(joint, &update, place, &all);
  }
  if (has_running) {
    CUBN_TRY(cubn_upload_array(arrays, RUNNING_MEAN, args->running_mean));
    CUBN_TRY(cubn_upload_array(arrays, RUNNING_VAR, args->running_var));
  }
  CUBN_TRY(cubn_upload_array(arrays, MEAN, args->saved_mean));
  CUBN_TRY(cubn_upload_array(arrays, LOW, args->saved_mean_low));
  CUBN_TRY(cubn_upload_array(arrays, INV_STD, args->saved_inv_std));
  return cubn_upload_arrays(arrays, MEAN, INV_STD + 1);
}

static cubnStatus_t apply(const cubn_joint *joint) {
  const cubn_channel_arrays *const arrays = &joint->arrays;
  cubn_problem problem = joint->call->problem;
  cubn_args args = joint->call->args;
  if (!problem.has_output) return CUBN_STATUS_SUCCESS;
  problem.pass = CUBN_PASS_INFER;
  problem.var_is_inv_std = true;
  problem.has_saved = problem.has_running = false;
  args.saved_mean = args.saved_mean_low = args.saved_inv_std = NULL;
  args.running_mean = args.running_var = NULL;
  args.previous_running_mean = args.previous_running_var = args.factor_pointer = NULL;
  args.mean = cubn_device_array(arrays, MEAN);
  args.mean_low = cubn_device_array(arrays, LOW);
  args.var = cubn_device_array(arrays, INV_STD);
  return cubn_joint_run(joint, problem, args);
}

/* Between the two parts in the host's memory. */
static cubnStatus_t exchange_on_host(const cubn_joint *joint, cubnStatus_t status) {
  cubn_blocks blocks;
  if (status == CUBN_STATUS_SUCCESS) status = send_statistics(joint);
  CUBN_TRY(cubn_joint_gather(joint, CUBN_FORWARD, status, CUBN_FORWARD_VALUES, &blocks));
  return cubn_within(joint->call->function, receive_statistics(joint, &blocks));
}

cubnStatus_t cubn_synchronized_forward(const cubn_exchange *exchange, const cubn_call *call,
                                       cubnStatus_t status) {
  cubn_joint joint = {.exchange = exchange, .call = call};
  if (status == CUBN_STATUS_SUCCESS) status = cubn_joint_check(&joint);
  if (exchange->communicator->ranks == 1) {
    CUBN_TRY(status);
    return cubn_joint_run(&joint, call->problem, call->args);
  }
  if (status == CUBN_STATUS_SUCCESS) status = compute_statistics(&joint);
  CUBN_TRY(cubn_is_on_device(exchange->communicator)
               ? cubn_joint_exchange(&joint, CUBN_FORWARD, status, CUBN_FORWARD_VALUES)
               : exchange_on_host(&joint, status));
  return apply(&joint);
}
